"""Retraining by people who know the business: inbox, data, training, gate, promotion."""
