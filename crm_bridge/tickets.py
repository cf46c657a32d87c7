"""Cases as their customer may see them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from core.db import Database
from crm_bridge.models import UNSOLVED, Order, ReturnedItem, Ticket, TicketKind


@dataclass(frozen=True, slots=True)
class TicketView:
    """A case that is not solved yet."""

    number: str
    kind: TicketKind
    subject: str
    order_number: str | None
    opened_at: datetime
    due_at: datetime | None


class Tickets:
    """Cases, always of one customer."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def unsolved(self, customer_id: int, order_number: str | None = None) -> list[TicketView]:
        """Those that people still see to, newest first; of one order when it is named."""
        query = (
            select(Ticket, Order.number)
            .outerjoin(Order, Order.id == Ticket.order_id)
            .where(Ticket.customer_id == customer_id, Ticket.state.in_(UNSOLVED))
            .order_by(Ticket.opened_at.desc(), Ticket.id.desc())
        )
        if order_number is not None:
            query = query.where(Order.number == order_number)
        async with self._db.read() as session:
            found = await session.execute(query)
            return [_view(ticket, number) for ticket, number in found]

    async def returning(self, customer_id: int, order_id: int) -> dict[int, int]:
        """How many pieces of which line of an order are already to be returned or replaced."""
        query = (
            select(ReturnedItem.order_item_id, func.sum(ReturnedItem.quantity))
            .join(Ticket, Ticket.id == ReturnedItem.ticket_id)
            .where(Ticket.customer_id == customer_id, Ticket.order_id == order_id)
            .group_by(ReturnedItem.order_item_id)
        )
        async with self._db.read() as session:
            return {item: int(count) for item, count in await session.execute(query)}


def _view(ticket: Ticket, order_number: str | None) -> TicketView:
    return TicketView(
        number=ticket.number,
        kind=ticket.kind,
        subject=ticket.subject,
        order_number=order_number,
        opened_at=ticket.opened_at,
        due_at=ticket.due_at,
    )
