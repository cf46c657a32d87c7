"""What people in a CRM write beside a customer or a ticket comes into the customer's timeline.

Most CRMs neither list the notes that changed nor tell of them, so they are read record by record: when the
record is looked at, when it is seen to have changed, and at night.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from crm_bridge.adapters.errors import NotFound, Refused
from crm_bridge.adapters.values import Comment, Kind
from crm_bridge.models import Direction, Interaction, InteractionKind, Ticket
from crm_bridge.sync.meeting import Party, find_link
from crm_bridge.sync.tables import CrmCase, CrmLink, CrmOutgoing, LinkState

A_NIGHT = 5_000  # records whose notes are read in one night; at two requests a second that takes 42 minutes
SUBJECT_LIMIT, STAFF_LIMIT, REF_LIMIT = 200, 100, 128  # characters, as the table has them


def source(account: str) -> str:
    """How the timeline names where a note was written."""
    return f"crm:{account}"[:64]


class Notes:
    """The notes of one account."""

    def __init__(self, db: Database, clock: Clock, party: Party) -> None:
        self._db = db
        self._clock = clock
        self._party = party

    async def read(self, kind: Kind, remote_id: str) -> int:
        """Read the notes beside a contact or a ticket. How many were new or changed."""
        try:
            comments = await self._party.crm.list_notes(kind, remote_id)
        except (NotFound, Refused):  # one record that is not shown does not hold up the others
            comments = ()
        async with self._db.write() as session:
            beside = await self._beside(session, kind, remote_id)
            if beside is None:
                return 0
            beside.notes_at = self._clock.now()
            customer_id = await _whose(session, beside)
            if customer_id is None:
                return 0
            owner = f"{kind}/{remote_id}"
            return sum([await self._keep(session, customer_id, owner, each) for each in comments])

    async def night(self) -> int:
        """Read the notes of the records that were not read for the longest time. How many records."""
        async with self._db.read() as session:
            due = [*await self._due(session, CrmCase), *await self._due(session, CrmLink)]
        for kind, remote_id in due[:A_NIGHT]:
            await self.read(kind, remote_id)
        return len(due[:A_NIGHT])

    async def _due(
        self, session: AsyncSession, table: type[CrmLink] | type[CrmCase]
    ) -> list[tuple[Kind, str]]:
        kind = Kind.CONTACT if table is CrmLink else Kind.TICKET
        query = (
            select(table.remote_id)
            .where(table.account == self._party.name, table.state == LinkState.LIVE)
            .order_by(table.notes_at.is_not(None), table.notes_at, table.id)
            .limit(A_NIGHT if table is CrmLink else A_NIGHT // 2)
        )
        return [(kind, remote_id) for remote_id in await session.scalars(query)]

    async def _beside(self, session: AsyncSession, kind: Kind, remote_id: str) -> CrmLink | CrmCase | None:
        """The row of the record, held, so that one note is not stored twice."""
        if kind is Kind.CONTACT:
            return await find_link(session, self._party.name, remote_id)
        query = select(CrmCase).where(CrmCase.account == self._party.name, CrmCase.remote_id == remote_id)
        return (await session.scalars(query.with_for_update())).first()

    async def _keep(self, session: AsyncSession, customer_id: int, owner: str, comment: Comment) -> bool:
        """Store a note, or what it says now. Those that we wrote ourselves are known already."""
        if not comment.text or await self._is_ours(session, comment):
            return False
        ref = f"{owner}/{comment.remote_id}"[-REF_LIMIT:]
        query = select(Interaction).where(
            Interaction.source == source(self._party.name), Interaction.external_ref == ref
        )
        known = (await session.scalars(query)).first()
        if known is None:
            session.add(self._row(customer_id, ref, comment, self._clock.now()))
        elif known.text != comment.text:
            known.text, known.subject = comment.text, _subject(comment)
        else:
            return False
        await session.flush()
        return True

    def _row(self, customer_id: int, ref: str, comment: Comment, now: datetime) -> Interaction:
        return Interaction(
            customer_id=customer_id,
            kind=InteractionKind.NOTE,
            direction=Direction.OUT,
            subject=_subject(comment),
            text=comment.text,
            staff=comment.author[:STAFF_LIMIT] or None,
            source=source(self._party.name),
            external_ref=ref,
            at=comment.at or now,
        )

    async def _is_ours(self, session: AsyncSession, comment: Comment) -> bool:
        """Whether we wrote it. Somebody may have copied our sign into a note of their own."""
        query = select(CrmOutgoing.remote_id).where(
            CrmOutgoing.key == comment.key, CrmOutgoing.account == self._party.name
        )
        sent = (await session.execute(query)).first() if comment.key else None
        return sent is not None and sent.remote_id in (None, comment.remote_id)


def _subject(comment: Comment) -> str:
    return comment.text.partition("\n")[0][:SUBJECT_LIMIT]


async def _whose(session: AsyncSession, beside: CrmLink | CrmCase) -> int | None:
    if isinstance(beside, CrmLink):
        return beside.customer_id  # None: they were erased here
    return (await session.get_one(Ticket, beside.ticket_id)).customer_id
