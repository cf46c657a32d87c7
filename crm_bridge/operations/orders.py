"""What can be done with an order for its customer."""

from datetime import timedelta
from decimal import ROUND_DOWN, Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.company.orders import OrderRules
from crm_bridge.models import Order, OrderState, Payment
from crm_bridge.money import Money
from crm_bridge.operations.once import Result
from crm_bridge.operations.running import Operations
from crm_bridge.operations.settling import money_kept, settle
from crm_bridge.orders import OrderView


class OrderOperations:
    """Changes of orders, by the company's rules."""

    def __init__(self, operations: Operations, rules: OrderRules) -> None:
        self._operations = operations
        self._rules = rules

    def cancellation_fee(self, order: OrderView) -> Money | None:
        """What cancelling costs now; None: it is too late."""
        percent = self._rules.fee_percent(order.state)
        return None if percent is None else fee_of(order.total, percent)

    async def cancel(self, key: str, customer_id: int, number: str, agreed_fee: Money) -> Result:
        """Cancel an order for the fee that the customer has agreed to.

        Returns:
            `{"done": True, "refund": minor units or None}`, or `{"done": False}` when the order has moved on
            meanwhile, so that it is too late or dearer.
        """

        async def work(session: AsyncSession) -> Result:
            order = await locked_order(session, customer_id, number)
            percent = self._rules.fee_percent(order.state)
            total = Money(order.total_minor, order.currency)
            if percent is None or fee_of(total, percent).minor > agreed_fee.minor:
                return {"done": False}
            order.state = OrderState.CANCELLED
            return {"done": True, "refund": await self._give_back(session, order, agreed_fee)}

        return await self._operations.run(key, "cancel_order", customer_id, work)

    async def _give_back(self, session: AsyncSession, order: Order, fee: Money) -> int | None:
        """Promise the money that was paid, less the fee; unpaid payments are called off."""
        payments = list(await session.scalars(select(Payment).where(Payment.order_id == order.id)))
        owed = min(fee.minor, await money_kept(session, order.id, payments))
        now, within = self._operations.clock.now(), timedelta(days=self._rules.refund_days)
        done = await settle(session, order, owed, "order cancelled", now, within)
        return done.refund or None


async def locked_order(session: AsyncSession, customer_id: int, number: str) -> Order:
    """The customer's own order, locked until the end of the transaction."""
    query = select(Order).where(Order.customer_id == customer_id, Order.number == number)
    return (await session.scalars(query.with_for_update())).one()


def fee_of(total: Money, percent: Decimal) -> Money:
    """A share of an amount, rounded down to whole units of its currency."""
    units = (Decimal(total.minor) * percent / 10_000).to_integral_value(ROUND_DOWN)
    return Money(int(units) * 100, total.currency)
