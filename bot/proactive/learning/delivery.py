"""How likely an order is late, learned from orders that arrived."""

import math
from collections.abc import Sequence
from datetime import datetime

from bot.proactive.learning.logistic import Logistic
from crm_bridge.models import DeliveryMethod

LateModel = Logistic
NAMES = (
    "route", "elapsed", "silence", "silent_share", "season_sin", "season_cos", "december",
    "weekend", "hours_promised", "post", "pickup",
)  # fmt: skip
HOUR = 3600.0


def stated_of(features: Sequence[float]) -> float:
    """What the stated rule says of a case that is known by its features: the route's share."""
    return 1 / (1 + math.exp(-features[0]))


def features_of(
    share: float,
    placed_at: datetime,
    promised_at: datetime,
    seen_at: datetime | None,
    method: str,
    now: datetime,
) -> tuple[float, ...]:
    """What the model looks at.

    Args:
        share: how often the carrier is late on this route.
        seen_at: of the parcel's last checkpoint; None before it is handed over.
    """
    promised = max((promised_at - placed_at).total_seconds(), HOUR)
    elapsed = (now - placed_at).total_seconds() / promised
    silence = (now - (seen_at or placed_at)).total_seconds() / HOUR
    share = min(max(share, 0.005), 0.995)
    angle = 2 * math.pi * promised_at.timetuple().tm_yday / 365.25
    return (
        math.log(share / (1 - share)),
        elapsed,
        math.log1p(max(silence, 0.0)),
        silence * HOUR / promised,
        math.sin(angle),
        math.cos(angle),
        float(promised_at.month == 12),
        float(promised_at.weekday() >= 5),
        math.log(promised / HOUR),
        float(method == DeliveryMethod.POST),
        float(method == DeliveryMethod.PICKUP),
    )
