"""What a customer wants to be written to about, effective at once."""

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.company.messages import MessageRules
from crm_bridge.consent import Consents
from crm_bridge.models import ContactFrequency, Customer, Decision, Purpose
from crm_bridge.operations.once import Result
from crm_bridge.operations.running import Operations

SOURCE = "chat"


class MessageOperations:
    """Grants and withdrawals, as consent records."""

    def __init__(self, operations: Operations, consents: Consents, rules: MessageRules) -> None:
        self._operations = operations
        self._consents = consents
        self._rules = rules

    async def opt_out(
        self, key: str, customer_id: int, purposes: tuple[Purpose, ...], channel: str | None
    ) -> Result:
        """Write no more for these purposes. `channel`: None for every one. Gives the ids of the records."""

        async def work(session: AsyncSession) -> Result:
            return await self.record(session, customer_id, purposes, channel, Decision.WITHDRAWN)

        return await self._operations.run(key, "opt_out", customer_id, work)

    async def opt_in(
        self, key: str, customer_id: int, purposes: tuple[Purpose, ...], channel: str | None
    ) -> Result:
        """Write for these purposes; who wants messages does not want to be left alone any more."""

        async def work(session: AsyncSession) -> Result:
            wanted = update(Customer).where(Customer.id == customer_id)
            await session.execute(wanted.values(do_not_disturb=False))
            return await self.record(session, customer_id, purposes, channel, Decision.GRANTED)

        return await self._operations.run(key, "opt_in", customer_id, work)

    async def set_times(
        self, key: str, customer_id: int, hours: tuple[int, int] | None, per_week: int | None
    ) -> Result:
        """When and how often we may write first.

        Args:
            hours: of the customer's own day, from and until; None with no `per_week` either: as before they
                said anything, at any hour that the company keeps.
            per_week: messages at most.
        """

        async def work(session: AsyncSession) -> Result:
            now, back = self._operations.clock.now(), hours is None and per_week is None
            if hours or back:
                begin, end = hours or (None, None)
                values = {"preferred_from": begin, "preferred_until": end, "updated_at": now}
                await session.execute(update(Customer).where(Customer.id == customer_id).values(values))
            if per_week is not None or back:
                await session.execute(
                    delete(ContactFrequency).where(ContactFrequency.customer_id == customer_id)
                )
            if per_week is not None:
                row = {"customer_id": customer_id, "per_week": per_week, "changed_at": now}
                await session.execute(insert(ContactFrequency).values(row))
            return {"hours": list(hours) if hours else None, "per_week": per_week}

        return await self._operations.run(key, "message_times", customer_id, work)

    async def record(
        self,
        session: AsyncSession,
        customer_id: int,
        purposes: tuple[Purpose, ...],
        channel: str | None,
        decision: Decision,
    ) -> Result:
        """Write it down in the transaction of another operation."""
        said = [
            await self._consents.record(
                session,
                customer_id,
                purpose,
                channel,
                decision,
                text_version=self._rules.text_version,
                source=SOURCE,
            )
            for purpose in purposes
        ]
        return {"records": [one.id for one in said]}
