"""Entities of a message with normalised values. `extract.find_entities` is the way in."""
