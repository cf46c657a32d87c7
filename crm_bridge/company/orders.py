"""What may be done with an order, until when, and what it costs."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from crm_bridge.company.words import Note, Words
from crm_bridge.models import OrderState


class Cancellation(BaseModel):
    """In these states an order may be cancelled for this share of its total, rounded down to whole units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    states: tuple[OrderState, ...]
    fee_percent: Decimal = Field(ge=0, le=100)


class Ordering(BaseModel):
    """How to order. `notes`: answers to questions beyond that."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Words
    notes: tuple[Note, ...] = ()


class OrderRules(BaseModel):
    """`cancellation`: a state that stands in none of the rules means that it is too late.

    `changes`: in these states goods may be added, removed, and be more or fewer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cancellation: tuple[Cancellation, ...]
    cancellation_notes: tuple[Note, ...] = ()
    refund_days: int = Field(gt=0)  # until paid money is back
    changes: tuple[OrderState, ...]
    most_pieces: int = Field(gt=0)  # of one thing in an order; more is for people
    ordering: Ordering

    def fee_percent(self, state: OrderState) -> Decimal | None:
        """The share of the total that cancelling costs now; None: too late."""
        return next((rule.fee_percent for rule in self.cancellation if state in rule.states), None)
