"""What can be done with a subscription for its customer. Nothing here charges anybody."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.company.plans import Plan
from crm_bridge.models import Subscription, SubscriptionState
from crm_bridge.operations.once import Result
from crm_bridge.operations.running import Operations
from crm_bridge.subscriptions import Quote, SubscriptionView


class SubscriptionOperations:
    """Changes of subscriptions. Each gives `{"done": bool, "paid_until": ISO 8601}`."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def cancel(self, key: str, customer_id: int, subscription_id: int) -> Result:
        """Charge no more; it runs until its paid time is over. A paused one ends with it too."""

        def change(row: Subscription, now: datetime) -> bool:
            if row.state in {SubscriptionState.CANCELLED, SubscriptionState.ENDED}:
                return False
            _resume(row, now)
            row.state, row.renews, row.cancelled_at = SubscriptionState.CANCELLED, False, now
            return True

        return await self._change(key, "cancel_subscription", customer_id, subscription_id, change)

    async def renew(self, key: str, customer_id: int, subscription_id: int) -> Result:
        """Let it go on by itself again; not once its paid time is over."""

        def change(row: Subscription, now: datetime) -> bool:
            if row.state is SubscriptionState.ENDED or row.paid_until <= now:
                return False
            if row.state is SubscriptionState.CANCELLED:
                row.state, row.cancelled_at = SubscriptionState.ACTIVE, None
            row.renews = True
            return True

        return await self._change(key, "renew_subscription", customer_id, subscription_id, change)

    async def pause(self, key: str, customer_id: int, subscription_id: int) -> Result:
        """Stop it for a while; the paid time stands still."""

        def change(row: Subscription, now: datetime) -> bool:
            if row.state is not SubscriptionState.ACTIVE:
                return False
            row.state, row.paused_at = SubscriptionState.PAUSED, now
            return True

        return await self._change(key, "pause_subscription", customer_id, subscription_id, change)

    async def resume(self, key: str, customer_id: int, subscription_id: int) -> Result:
        """Go on after a pause; the paid time ends so much later as the pause was long."""

        def change(row: Subscription, now: datetime) -> bool:
            if row.state is not SubscriptionState.PAUSED:
                return False
            _resume(row, now)
            return True

        return await self._change(key, "resume_subscription", customer_id, subscription_id, change)

    async def change_plan(
        self, key: str, customer_id: int, seen: SubscriptionView, plan: Plan, language: str, agreed: Quote
    ) -> Result:
        """Change to another plan as quoted.

        Args:
            seen: the subscription for which the quote was made; when it has changed since, nothing is done.
            language: of the title.
        """

        def change(row: Subscription, now: datetime) -> bool:
            price = plan.price(row.currency)
            unchanged = (row.title, row.price_minor, row.paid_until, row.state) == (
                seen.title,
                seen.price.minor,
                seen.paid_until,
                SubscriptionState.ACTIVE,
            )
            if price is None or not unchanged:
                return False
            row.title, row.price_minor, row.period = plan.title.to(language), price.minor, plan.period
            row.paid_until = agreed.paid_until
            return True

        return await self._change(key, "change_plan", customer_id, seen.id, change)

    async def _change(
        self,
        key: str,
        name: str,
        customer_id: int,
        subscription_id: int,
        change: Callable[[Subscription, datetime], bool],
    ) -> Result:
        async def work(session: AsyncSession) -> Result:
            query = select(Subscription).where(
                Subscription.id == subscription_id, Subscription.customer_id == customer_id
            )
            row = (await session.scalars(query.with_for_update())).one()
            done = change(row, self._operations.clock.now())
            return {"done": done, "paid_until": row.paid_until.isoformat()}

        return await self._operations.run(key, name, customer_id, work)


def _resume(row: Subscription, now: datetime) -> None:
    if row.paused_at is not None:
        row.paid_until += now - row.paused_at
        row.paused_at = None
    if row.state is SubscriptionState.PAUSED:
        row.state = SubscriptionState.ACTIVE
