"""Predictors: who will have which problem, when, how likely, and why in words.

Every predictor asks the database one or a few set-based questions for a whole range of customers.
"""

from bot.proactive.signals.base import BY_RULE, Predictor, Question, Range, Signal

# What each predictor's texts may name. `name` is the customer's given name.
WORDS: dict[str, frozenset[str]] = {
    "late_delivery": frozenset({"name", "order", "promised", "expected", "carrier"}),
    "watched_parcel": frozenset({"name", "order", "place", "carrier"}),
    "payment_failing": frozenset({"name", "title", "date", "card"}),
    "subscription_ending": frozenset({"name", "title", "date"}),
    "maintenance_due": frozenset({"name", "title", "date"}),
    "restock_due": frozenset({"name", "title", "date"}),
    "warranty_ending": frozenset({"name", "title", "date"}),
    "points_burning": frozenset({"name", "points", "date"}),
    "appointment_soon": frozenset({"name", "service", "place", "moment"}),
    "refund_overdue": frozenset({"name", "order", "promised"}),
    "incident": frozenset({"name", "what"}),
    "unresolved_complaint": frozenset({"name", "number", "subject"}),
    "churn_risk": frozenset({"name", "days"}),
}
KINDS = tuple(WORDS)

__all__ = ["BY_RULE", "KINDS", "WORDS", "Predictor", "Question", "Range", "Signal"]
