"""Where an order goes, and what we owe when it is late."""

from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.company.delivery import DeliveryRules
from crm_bridge.models import (
    DeliveryMethod,
    LoyaltyAccount,
    LoyaltyEntry,
    LoyaltyReason,
    Order,
    OrderState,
    Watch,
    WatchReason,
)
from crm_bridge.money import Money
from crm_bridge.operations.once import Result
from crm_bridge.operations.orders import locked_order
from crm_bridge.operations.running import Operations
from crm_bridge.operations.settling import settle
from crm_bridge.orders import OrderView
from crm_bridge.sql import insert_if_absent, one_at_a_time

OPENING_CARDS = 7_301  # a number of our own for `one_at_a_time`


class DeliveryOperations:
    """Changes of delivery, by the company's rules."""

    def __init__(self, operations: Operations, rules: DeliveryRules, refund_days: int) -> None:
        self._operations = operations
        self._rules = rules
        self._refund_within = timedelta(days=refund_days)

    def address_fee(self, order: OrderView) -> Money | None:
        """What it costs to send the order elsewhere now; None: it is too late."""
        return self._rules.address_fee(order.state, order.total.currency)

    async def change_address(
        self, key: str, customer_id: int, number: str, method: DeliveryMethod, place: str, agreed_fee: Money
    ) -> Result:
        """Send an order to another place of its city, for the fee that the customer has agreed to.

        Args:
            place: a pick-up point, or the address for courier and post.

        Returns:
            `{"done": True, "due": what is still to be paid, in minor units}`, or `{"done": False}` when the
            order has moved on meanwhile.
        """

        async def work(session: AsyncSession) -> Result:
            order = await locked_order(session, customer_id, number)
            fee = self._rules.address_fee(order.state, order.currency)
            if fee is None or fee.minor > agreed_fee.minor:
                return {"done": False}
            order.delivery_method, order.delivery_place = method, place
            if not fee.minor:
                return {"done": True, "due": 0}
            order.total_minor += fee.minor
            now = self._operations.clock.now()
            done = await settle(
                session, order, order.total_minor, "address changed", now, self._refund_within
            )
            return {"done": True, "due": done.due}

        return await self._operations.run(key, "change_address", customer_id, work)

    def compensation(self, order: OrderView) -> int:
        """Points that the rule gives for this order as it stands now; 0: none."""
        rule, now = self._rules.compensation, self._operations.clock.now()
        if rule is None or order.lateness(now) < timedelta(days=rule.days):
            return 0
        arrived = order.arrived_at
        if arrived is not None and now - arrived > timedelta(days=rule.claim_days):
            return 0
        return rule.points

    async def compensate(self, key: str, customer_id: int, order: OrderView) -> Result:
        """Give the points for a late order, once in its life.

        Returns:
            `{"points": how many, "given": whether by this call}`; 0 points when the rule gives none.
        """

        async def work(session: AsyncSession) -> Result:
            points = self.compensation(order)
            row = await locked_order(session, customer_id, order.number)
            gift = LoyaltyEntry.order_id == row.id, LoyaltyEntry.reason == LoyaltyReason.GIFT
            if given := await session.scalar(select(LoyaltyEntry.points).where(*gift)):
                return {"points": given, "given": False}
            if not points or row.state in {OrderState.CANCELLED, OrderState.RETURNED}:
                return {"points": 0, "given": False}
            session.add(await self._gift(session, row, points))
            return {"points": points, "given": True}

        return await self._operations.run(key, "compensate_delay", customer_id, work)

    async def watch(self, key: str, customer_id: int, order: OrderView, conversation_id: str) -> Result:
        """Keep an eye on a late order until it is here, or some days longer than it is expected.

        Returns:
            `{"until": ISO 8601}`
        """

        async def work(session: AsyncSession) -> Result:
            row, now = await locked_order(session, customer_id, order.number), self._operations.clock.now()
            until = max(now, row.expected_at or now) + timedelta(days=self._rules.watch_days)
            promise = {
                "customer_id": customer_id,
                "order_id": row.id,
                "reason": WatchReason.LATE_PARCEL,
                "conversation_id": conversation_id,
                "until": until,
                "created_at": now,
            }
            if not await insert_if_absent(session, Watch, promise):
                known = Watch.order_id == row.id, Watch.reason == WatchReason.LATE_PARCEL
                await session.execute(
                    update(Watch).where(*known).values(until=until, conversation_id=conversation_id)
                )
            return {"until": until.isoformat()}

        return await self._operations.run(key, "watch_order", customer_id, work)

    async def _gift(self, session: AsyncSession, order: Order, points: int) -> LoyaltyEntry:
        rule, now = self._rules.compensation, self._operations.clock.now()
        assert rule is not None
        return LoyaltyEntry(
            account_id=await self._card(session, order.customer_id),
            customer_id=order.customer_id,
            points=points,
            reason=LoyaltyReason.GIFT,
            order_id=order.id,
            at=now,
            expires_at=now + timedelta(days=rule.live_days),
        )

    async def _card(self, session: AsyncSession, customer_id: int) -> int:
        """The customer's loyalty card; a first one is opened so that the points have a place."""
        await one_at_a_time(session, OPENING_CARDS)
        first = select(func.min(LoyaltyAccount.id)).where(LoyaltyAccount.customer_id == customer_id)
        if (card := await session.scalar(first)) is not None:
            return int(card)
        opened = LoyaltyAccount(
            customer_id=customer_id, number=f"L-{customer_id:06}", opened_at=self._operations.clock.now()
        )
        session.add(opened)
        await session.flush()
        return opened.id
