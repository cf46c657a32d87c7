"""Goods that come back: a case with a number, and the money that will be paid for them."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.company.returns import ReturnRules
from crm_bridge.models import Order, OrderItem, Refund, RefundState, ReturnedItem, ReturnWish, Ticket
from crm_bridge.operations.cases import CaseDraft, Cases
from crm_bridge.operations.once import Result
from crm_bridge.operations.orders import locked_order
from crm_bridge.operations.running import Operations


class ReturnOperations:
    """Returns, by the company's rules."""

    def __init__(self, operations: Operations, cases: Cases, rules: ReturnRules) -> None:
        self._operations = operations
        self._cases = cases
        self._rules = rules

    def in_time(self, delivered_at: datetime | None, *, faulty: bool) -> bool:
        """Whether a return may begin now. Faulty things may be reported before the carrier says that they
        are here."""
        if delivered_at is None:
            return faulty
        return self._operations.clock.now() <= self._rules.until(delivered_at, faulty=faulty)

    async def open_return(
        self,
        key: str,
        customer_id: int,
        number: str,
        pieces: Mapping[int, int],
        wish: ReturnWish,
        draft: CaseDraft,
        *,
        faulty: bool,
    ) -> Result:
        """Open a case for goods that come back, and note the refund that is asked for.

        Args:
            pieces: how many of which line of the order.
            faulty: damaged, wrong or missing goods, which have longer.

        Returns:
            `{"done": True, "number": …, "due": ISO 8601, "refund": minor units or 0}`, or `{"done": False}`
            when it is too late or the goods are already on their way back.
        """

        async def work(session: AsyncSession) -> Result:
            order = await locked_order(session, customer_id, number)
            items = await _left(session, order)
            enough = all(item in items and count <= items[item][1] for item, count in pieces.items())
            if not pieces or not enough or not self.in_time(order.delivered_at, faulty=faulty):
                return {"done": False}
            opened = await self._cases.add(session, customer_id, draft)
            ticket_id = await session.scalar(select(Ticket.id).where(Ticket.number == opened["number"]))
            for item, count in pieces.items():
                session.add(ReturnedItem(ticket_id=ticket_id, order_item_id=item, quantity=count, wish=wish))
            refund = 0
            if wish is ReturnWish.REFUND:
                refund = sum(items[item][0].price_minor * count for item, count in pieces.items())
                session.add(self._asked_for(order, refund, draft.subject))
            return {"done": True, **opened, "refund": refund}

        return await self._operations.run(key, "open_return", customer_id, work)

    def _asked_for(self, order: Order, amount: int, reason: str) -> Refund:
        """A refund without a date: it is promised when the goods are here."""
        return Refund(
            customer_id=order.customer_id,
            order_id=order.id,
            state=RefundState.REQUESTED,
            amount_minor=amount,
            currency=order.currency,
            reason=reason,
            requested_at=self._operations.clock.now(),
        )


async def _left(session: AsyncSession, order: Order) -> dict[int, tuple[OrderItem, int]]:
    """Lines of an order, and how many pieces of each are not on their way back yet."""
    under_way = (
        select(ReturnedItem.order_item_id, func.sum(ReturnedItem.quantity))
        .join(OrderItem, OrderItem.id == ReturnedItem.order_item_id)
        .where(OrderItem.order_id == order.id)
        .group_by(ReturnedItem.order_item_id)
    )
    gone = {item_id: int(count) for item_id, count in await session.execute(under_way)}
    items = await session.scalars(select(OrderItem).where(OrderItem.order_id == order.id))
    return {item.id: (item, item.quantity - gone.get(item.id, 0)) for item in items}
