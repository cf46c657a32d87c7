"""What the gateway keeps about a person without a foreign key: events that came in, and jobs."""

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.tables import Inbox
from core.jobs.embedded import JobRow
from crm_bridge.privacy import Rows, Subject


class GatewayStore:
    """The inbox, and jobs of the person's conversations. Outbox and buttons are reached by foreign keys."""

    async def rows(self, session: AsyncSession, subject: Subject) -> list[Rows]:
        senders = [
            and_(Inbox.channel == channel, Inbox.account == account, Inbox.sender == external_id)
            for _, channel, account, external_id in subject.identities
        ]
        partitions = [f"out:{conversation}" for conversation in subject.conversation_ids]
        partitions += [
            f"in:{channel}:{account}:{sender}" for _, channel, account, sender in subject.identities
        ]
        found = [Rows(JobRow.__table__, JobRow.partition_key.in_(partitions))]  # type: ignore[arg-type]
        if senders:
            found.append(Rows(Inbox.__table__, or_(*senders)))  # type: ignore[arg-type]
        if waiting := await _watching(session, subject):
            found.append(Rows(JobRow.__table__, JobRow.id.in_(waiting)))  # type: ignore[arg-type]
        return found


async def _watching(session: AsyncSession, subject: Subject) -> list[int]:
    """Jobs without a partition that name one of the conversations."""
    query = select(JobRow.id, JobRow.payload).where(JobRow.partition_key.is_(None))
    named = set(subject.conversation_ids)
    return [id_ for id_, payload in await session.execute(query) if payload.get("conversation_id") in named]
