"""Understanding of messages: Rasa graph components and the plain Python they are made of.

Only `layer`, `classifier`, `extractor` and `mood` import Rasa; everything else is used as it is by the
benchmark and the tests.
"""
