"""What may be given back, until when, and how; and repairs under warranty."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from crm_bridge.company.words import Note, Words


class Condition(StrEnum):
    """In what condition a thing comes back."""

    SEALED = "sealed"
    OPENED = "opened"  # but not used
    USED = "used"


class HandOver(BaseModel):
    """A way for goods to come back. `title` stands on a button; `about` says what to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    title: Words
    about: Words


class Warranty(BaseModel):
    """Repairs under warranty. `days`: the longest that a repair takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int = Field(gt=0)
    ways: tuple[HandOver, ...] = Field(min_length=1)
    notes: tuple[Note, ...] = ()


class ReturnRules(BaseModel):
    """Returns of good and of faulty things. Days are counted from the delivery."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int = Field(gt=0)  # for a thing that is as it should be
    accepted: tuple[Condition, ...] = Field(min_length=1)  # of such a thing
    faulty_days: int = Field(gt=0)  # for a damaged, wrong or missing one
    refund_days: int = Field(gt=0)  # until the money is sent, once the goods are here
    bank_days: int = Field(gt=0)  # until a bank shows money that was sent
    ways: tuple[HandOver, ...] = Field(min_length=1)
    faulty: Words  # how a faulty or wrong thing gets back to us
    cost: Words  # who pays for the way back
    needed: Words  # what to have at hand
    never: Words  # what cannot be returned
    notes: tuple[Note, ...] = ()
    warranty: Warranty

    def until(self, delivered_at: datetime, *, faulty: bool) -> datetime:
        """The last moment for a return."""
        return delivered_at + timedelta(days=self.faulty_days if faulty else self.days)
