"""The loyalty programme: what points are worth and how they come."""

from datetime import timedelta
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from crm_bridge.company.words import Note, Words


class Tier(BaseModel):
    """A level. `key` is the word in the customer's account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    name: Words
    percent: Decimal = Field(ge=0, le=100)  # of an order that comes back in points


class LoyaltyRules(BaseModel):
    """`comes_after`: from delivery to the points on the account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tiers: tuple[Tier, ...]
    worth: dict[str, int]  # currency → minor units that a point pays
    share_percent: int = Field(gt=0, le=100)  # of an order that points may pay
    comes_after: timedelta
    notes: tuple[Note, ...] = ()

    def tier(self, key: str | None) -> Tier | None:
        """The level of that key; None when the programme has none."""
        return next((tier for tier in self.tiers if tier.key == key), None)
