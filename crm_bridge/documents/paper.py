"""What stands on a paper, before anything is drawn."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from crm_bridge.company.requisites import Requisites
from crm_bridge.models import DocumentKind, PaymentMethod
from crm_bridge.money import Money

SIGNS = {DocumentKind.RECEIPT: ("Ч", "R"), DocumentKind.INVOICE: ("С", "I")}  # before the order's number


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    title: str
    quantity: int
    price: Money  # of one piece

    @property
    def total(self) -> Money:
        return self.price.times(self.quantity)


@dataclass(frozen=True, slots=True)
class Paid:
    """Money that came."""

    method: PaymentMethod
    last_four: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Paper:
    """A receipt or an invoice. Dates are told in `time_zone`, the customer's."""

    kind: DocumentKind
    number: str
    language: str
    time_zone: str
    issued_at: datetime
    order_number: str
    ordered_at: datetime
    buyer: str
    lines: tuple[Line, ...]
    total: Money
    paid: tuple[Paid, ...]
    pay_until: datetime | None  # of an invoice that is open
    seller: Requisites

    @property
    def difference(self) -> Money:
        """What the total has besides the lines: delivery when positive, a discount when negative."""
        return Money(self.total.minor - sum(line.total.minor for line in self.lines), self.total.currency)

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(self.time_zone))


def paper_number(kind: DocumentKind, order_number: str, language: str) -> str:
    """«Ч-1001»: one paper of a kind an order, so its number follows from the order's."""
    russian, english = SIGNS[kind]
    return f"{english if language == 'en' else russian}-{order_number}"
