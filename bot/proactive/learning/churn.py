"""How likely somebody who used to buy will not buy again: against their own rhythm."""

import math
from collections.abc import Sequence

from bot.proactive.learning.logistic import Logistic

ChurnModel = Logistic
NAMES = ("overdue", "p_alive", "orders", "gap", "complaints", "stars", "age", "mood")
UPSET = -0.4  # mood that counts as one complaint more in the stated rule
OWN_RHYTHM_AFTER = 2.0  # gaps that the common rhythm counts for


def shrunk_gap(orders: int, span_days: float, common_days: float) -> float:
    """Days between two orders of this customer: their own, drawn to everybody's while they are few."""
    return (span_days + OWN_RHYTHM_AFTER * common_days) / (orders - 1 + OWN_RHYTHM_AFTER)


def stated_probability(since_days: float, gap_days: float, complaints: int, mood: float = 0.0) -> float:
    """The stated rule: silent for twice one's own gap is as good as even; complaints and upset messages make
    it worse.
    """
    overdue = since_days / max(gap_days, 1.0)
    log_odds = 1.6 * (overdue - 2.0) + 0.7 * min(complaints + (mood <= UPSET), 3)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))


def stated_of(features: Sequence[float]) -> float:
    """What the stated rule says of a case that is known by its features."""
    return stated_probability(math.exp(features[0]), 1.0, round(features[4]), features[7])


def features_of(
    orders: int,
    span_days: float,
    since_days: float,
    age_days: float,
    common_days: float,
    complaints: int,
    stars: float | None,
    mood: float | None,
) -> tuple[float, ...]:
    """What the model looks at.

    Args:
        orders: in all; span_days: from the first to the last; since_days: since the last.
        complaints: of the last 180 days. stars: of their reviews, one to five, on average.
        mood: how their messages of the last 60 days sound on average, −1 upset to 1 delighted.
    """
    gap = shrunk_gap(orders, span_days, common_days)
    return (
        math.log(max(since_days, 0.5) / max(gap, 1.0)),
        p_alive(orders - 1, span_days / common_days, age_days / common_days),
        math.log(orders),
        math.log(max(gap, 1.0)),
        float(min(complaints, 3)),
        (stars or 4.0) - 4.0,
        math.log1p(age_days),
        mood or 0.0,
    )


def p_alive(repeats: int, recency: float, age: float) -> float:
    """The share of such customers who still buy, after BG/NBD (Fader, Hardie, Lee 2005, equation 7).

    With the rhythm in units of the common gap, and round parameters: the regression on top of it sets right
    what they get wrong.
    """
    r, alpha, a, b = 1.0, 1.0, 0.8, 2.5
    if repeats <= 0:
        return float(1 / (1 + (a / b) * ((alpha + age) / alpha) ** r))
    odds = (a / (b + repeats - 1)) * ((alpha + age) / (alpha + recency)) ** (r + repeats)
    return float(1 / (1 + odds))
