"""Rules for the tests."""

from datetime import timedelta
from typing import Any

from bot.proactive.rules import Limits, Rule

LIMITS = Limits.model_validate({"quiet": {"from": 21, "until": 9}, "caps": {"day": 1, "week": 3, "month": 6}})


def rule(name: str = "late", predictor: str = "late_delivery", **given: Any) -> Rule:
    """A rule that works unless told otherwise."""
    values: dict[str, Any] = {
        "name": name,
        "title": {"ru": "Опоздает", "en": "Late"},
        "predictor": predictor,
        "threshold": 0.5,
        "horizon": timedelta(days=30),
        "expires": timedelta(days=30),
        "purpose": "service",
        "priority": 10,
        "holdout": 0,
        "spread": timedelta(0),
        "text": {"ru": "{name}, привет", "en": "{name}, hello"},
        "outcome": {"within": timedelta(days=7), "measure": "contact"},
    }
    return Rule.model_validate(values | given)
