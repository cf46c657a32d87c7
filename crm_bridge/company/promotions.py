"""Codes that make an order cheaper."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from crm_bridge.company.words import Note, Words


class Promotion(BaseModel):
    """One code. Days are the company's own; both ends count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=3, max_length=40)
    gives: Words  # «скидка 10 %»
    starts: date | None = None
    ends: date | None = None
    minimum: dict[str, Decimal] = Field(default_factory=dict)  # currency → least total of an order
    first_order_only: bool = False
    once: bool = True  # a customer uses it once
    public: bool = False  # told to whoever asks which codes there are


class PromotionRules(BaseModel):
    """`where`: the place to enter a code. `notes`: answers about discounts without a code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codes: tuple[Promotion, ...]
    where: Words
    notes: tuple[Note, ...] = ()
