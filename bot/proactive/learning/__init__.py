"""Models learned from the company's own history, kept as plain numbers in `models/proactive`.

Training needs scikit-learn and runs in a process of its own; applying a model is arithmetic.
"""
