"""Whether a promo code works, and exactly why it does not."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rapidfuzz import fuzz
from sqlalchemy import select

from core.db import Database
from crm_bridge.company.promotions import Promotion, PromotionRules
from crm_bridge.models import Order, OrderState
from crm_bridge.money import Money

ALIKE = 84  # of 100: a slip of the finger
_LOOK_ALIKE = str.maketrans("АВЕКМНОРСТУХ", "ABEKMHOPCTYX")  # Cyrillic letters drawn like Latin ones


class Obstacle(StrEnum):
    """Why a code does not work."""

    NOT_YET = "not_yet"
    OVER = "over"
    USED = "used"
    NOT_FIRST = "not_first"
    TOO_SMALL = "too_small"
    OTHER_CURRENCY = "other_currency"


@dataclass(frozen=True, slots=True)
class Buyer:
    """What counts about a customer."""

    orders: int  # that were not cancelled
    used: frozenset[str]  # codes, as `plain_code` writes them


class Buyers:
    """Reads what customers bought with which codes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self, customer_id: int) -> Buyer:
        """What counts about this customer. A cancelled order gives its code back."""
        query = select(Order.promo_code).where(
            Order.customer_id == customer_id, Order.state != OrderState.CANCELLED
        )
        async with self._db.read() as session:
            codes = list(await session.scalars(query))
        return Buyer(len(codes), frozenset(plain_code(code) for code in codes if code))


def plain_code(text: str) -> str:
    """A code as it is compared: capitals, without spaces and dashes, Cyrillic look-alikes as Latin."""
    kept = "".join(char for char in unicodedata.normalize("NFKC", text) if char.isalnum())
    return kept.upper().translate(_LOOK_ALIKE)


def find(rules: PromotionRules, text: str) -> Promotion | None:
    """The code that somebody wrote."""
    wanted = plain_code(text)
    return next((one for one in rules.codes if plain_code(one.code) == wanted), None)


def similar(rules: PromotionRules, text: str) -> Promotion | None:
    """A public code that was probably meant. Others are not given away to whoever guesses."""
    wanted = plain_code(text)
    public = [one for one in rules.codes if one.public]
    scored = [(fuzz.ratio(plain_code(one.code), wanted), one) for one in public]
    best = max(scored, key=lambda pair: pair[0], default=None)
    return best[1] if best and best[0] >= ALIKE else None


def obstacle(promotion: Promotion, today: date, buyer: Buyer | None, amount: Money | None) -> Obstacle | None:
    """The first reason why the code does not work; None when nothing speaks against it.

    Args:
        today: the day in the company's time zone.
        buyer: None when we do not know who asks.
        amount: the total of their basket, if they named it.
    """
    if promotion.starts and today < promotion.starts:
        return Obstacle.NOT_YET
    if promotion.ends and today > promotion.ends:
        return Obstacle.OVER
    if buyer and promotion.once and plain_code(promotion.code) in buyer.used:
        return Obstacle.USED
    if buyer and promotion.first_order_only and buyer.orders:
        return Obstacle.NOT_FIRST
    if amount and promotion.minimum and amount.currency not in promotion.minimum:
        return Obstacle.OTHER_CURRENCY
    if amount and amount.minor < promotion.minimum.get(amount.currency, 0) * 100:
        return Obstacle.TOO_SMALL
    return None
