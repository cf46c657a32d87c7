"""What may be done with an order, until when, and what it costs."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from crm_bridge.models import OrderState


class Cancellation(BaseModel):
    """In these states an order may be cancelled for this share of its total, rounded down to whole units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    states: tuple[OrderState, ...]
    fee_percent: Decimal = Field(ge=0, le=100)


class OrderRules(BaseModel):
    """`cancellation`: a state that stands in none of the rules means that it is too late."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cancellation: tuple[Cancellation, ...]
    refund_days: int = Field(gt=0)  # until paid money is back

    def fee_percent(self, state: OrderState) -> Decimal | None:
        """The share of the total that cancelling costs now; None: too late."""
        return next((rule.fee_percent for rule in self.cancellation if state in rule.states), None)
