"""Changing what is in an order, while the rules allow it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.company.orders import OrderRules
from crm_bridge.models import Order, OrderItem, OrderState
from crm_bridge.operations.once import Result
from crm_bridge.operations.orders import locked_order
from crm_bridge.operations.running import Operations
from crm_bridge.operations.settling import settle


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line of an order as it shall be. `item_id`: None for goods that are new in it; quantity 0: gone."""

    item_id: int | None
    title: str
    price_minor: int  # of one piece, in the order's currency
    quantity: int


class OrderChanges:
    """Goods of an order: more, fewer, others."""

    def __init__(self, operations: Operations, rules: OrderRules) -> None:
        self._operations = operations
        self._rules = rules

    def allowed(self, state: OrderState) -> bool:
        """Whether goods may be changed now."""
        return state in self._rules.changes

    async def change(
        self,
        key: str,
        customer_id: int,
        number: str,
        lines: Sequence[LineChange],
        before: int,
        agreed: int,
    ) -> Result:
        """Change lines of an order for the new total that the customer has agreed to.

        Args:
            before, agreed: the order's total that was seen and the new one, in minor units.

        Returns:
            `{"done": True, "refund": …, "due": …}` in minor units, or `{"done": False}` when the order has
            moved on or was changed meanwhile.
        """

        async def work(session: AsyncSession) -> Result:
            order = await locked_order(session, customer_id, number)
            query = select(OrderItem).where(OrderItem.order_id == order.id)
            items = {item.id: item for item in await session.scalars(query)}
            as_seen = order.total_minor == before and _total_after(order, items, lines) == agreed
            if not (self.allowed(order.state) and as_seen):
                return {"done": False}
            for line in lines:
                await _write(session, order, items, line)
            order.total_minor = agreed
            now, within = self._operations.clock.now(), timedelta(days=self._rules.refund_days)
            done = await settle(session, order, agreed, "order changed", now, within)
            return {"done": True, "refund": done.refund, "due": done.due}

        return await self._operations.run(key, "change_order", customer_id, work)


def _total_after(order: Order, items: Mapping[int, OrderItem], lines: Sequence[LineChange]) -> int | None:
    """What the order would cost; None when a line is not there any more, or nothing would be left."""
    total, left = order.total_minor, set(items)
    for line in lines:
        if line.item_id is None:
            total += line.price_minor * line.quantity
            left.add(0)
        elif (item := items.get(line.item_id)) is None:
            return None
        else:
            total += item.price_minor * (line.quantity - item.quantity)
            left -= set() if line.quantity else {item.id}
    return total if left else None


async def _write(
    session: AsyncSession, order: Order, items: Mapping[int, OrderItem], line: LineChange
) -> None:
    if line.item_id is None:
        new = OrderItem(
            order_id=order.id, title=line.title, quantity=line.quantity, price_minor=line.price_minor
        )
        session.add(new)
    elif line.quantity:
        items[line.item_id].quantity = line.quantity
    else:
        await session.delete(items[line.item_id])
