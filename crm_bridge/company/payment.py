"""How customers pay, and how long troubles with a payment take."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from crm_bridge.company.words import Note, Words


class Method(Note):
    """A way to pay. `text` says how it works; one that is not `taken` is said to be refused."""

    name: Words
    taken: bool = True


class PaymentRules(BaseModel):
    """`hold`: how long a bank may keep money of a payment that failed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: tuple[Method, ...]
    hold: timedelta
    pay_url: str = Field(pattern=r"^https://.*\{number\}")  # where an order is paid
