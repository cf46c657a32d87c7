"""From the CRM to us: what changed since the last time.

A page and the cursor behind it are stored in one transaction, so a crash costs a page that is read again. A
list is trusted only where it cannot be older than what is known: records that were touched meanwhile, or
whose time did not move on, are read again by themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from crm_bridge.adapters.reading import moment
from crm_bridge.adapters.values import Case, Change, Contact, Deal, Kind, Page
from crm_bridge.sync import deals, people
from crm_bridge.sync.cases import Cases
from crm_bridge.sync.jobs import enqueue_look, enqueue_notes, enqueue_push
from crm_bridge.sync.meeting import Meetings, Party
from crm_bridge.sync.state import answers, state_of
from crm_bridge.sync.tables import CrmLink, CrmShadow

SWEEP = "sweep"  # the round that reads everything, always from the beginning


@dataclass(frozen=True)
class Round:
    """One reading of all changes of a kind, from its first page to its last."""

    since: datetime | None  # what changed from then on; None: everything
    cursor: str | None = None  # of the next page
    began: datetime | None = None  # our clock
    as_of: datetime | None = None  # the CRM's clock at the first page

    @classmethod
    def read(cls, stored: dict[str, Any] | None) -> "Round | None":
        if stored is None:
            return None
        times = {name: moment(stored[name]) for name in ("since", "began", "as_of")}
        return cls(times["since"], stored["cursor"], times["began"], times["as_of"])

    def stored(self) -> dict[str, Any]:
        times = {"since": self.since, "began": self.began, "as_of": self.as_of}
        return {"cursor": self.cursor} | {name: t.isoformat() if t else None for name, t in times.items()}


class Puller:
    """Reads one account."""

    def __init__(self, db: Database, queue: JobQueue, clock: Clock, party: Party) -> None:
        self._db = db
        self._queue = queue
        self._clock = clock
        self._party = party
        self._meetings = Meetings(party, clock)
        self._cases = Cases(db, queue, clock, party)

    async def pull(self) -> int:
        """Read what changed, to the end. How many records were looked at."""
        kinds = [kind for kind in Kind if kind in self._party.crm.capabilities.kinds]
        count = sum([await self.read(kind, kind.value) for kind in kinds])
        async with self._db.write() as session:
            state = await state_of(session, self._party.name)
            rounds = [Round.read(state.cursors.get(kind.value)) for kind in kinds]
            state.fresh_as_of = min((each.began for each in rounds if each and each.began), default=None)
        return count

    async def read(self, kind: Kind, name: str) -> int:
        """One round of a name, continued where a crash left it. How many records were looked at."""
        count = 0
        while True:
            turn = await self._turn(name)
            asked_at = self._clock.now()
            page = await self._party.crm.list_changed(kind, turn.since, turn.cursor)
            async with self._db.write() as session:
                await self._store(session, name, turn, page, asked_at)
            count += len(page.changes)
            if page.next is None:
                return count

    async def _turn(self, name: str) -> Round:
        """The round under way, or the next one."""
        async with self._db.write() as session:
            state = await state_of(session, self._party.name)
            running = Round.read(state.cursors.get(name))
            if running is not None and running.cursor is not None:
                return running
            since = None
            if running is not None and running.as_of is not None and name != SWEEP:
                since = running.as_of - self._party.rules.overlap
            return Round(since, began=self._clock.now())

    async def _store(
        self, session: AsyncSession, name: str, turn: Round, page: Page, asked_at: datetime
    ) -> None:
        state = await state_of(session, self._party.name)
        for change in page.changes:
            await self._apply(session, change, asked_at, thorough=name == SWEEP)
        if name == SWEEP:
            await self._mark_seen(session, [change.remote_id for change in page.changes])
        done = replace(turn, cursor=page.next, as_of=turn.as_of or page.as_of)
        state.cursors = {**state.cursors, name: done.stored()}
        await answers(session, self._party.name)

    async def _apply(
        self, session: AsyncSession, change: Change, asked_at: datetime, *, thorough: bool
    ) -> None:
        """`thorough`: send what somebody changed here and did not announce, too."""
        if isinstance(change.record, Deal):
            await deals.keep(session, self._party.name, change.record, self._clock.now())
            return
        if isinstance(change.record, Case):
            await self._cases.seen(session, change.record)
            return
        account, contact = self._party.name, change.record
        shadow = await _shadow(session, account, contact.remote_id)
        if shadow is not None and not _surely_newer(shadow, contact, asked_at):
            if self._differs(shadow, contact):
                await enqueue_look(
                    self._queue, session, account, Kind.CONTACT, contact.remote_id, shadow.customer_id
                )
            elif thorough and await self._changed_here(session, shadow):
                await enqueue_push(self._queue, session, account, shadow.customer_id)
            return
        if shadow is not None:  # those of a new contact are read at night, with everybody's
            await enqueue_notes(self._queue, session, account, Kind.CONTACT, contact.remote_id)
        met = await self._meetings.meet(session, contact)
        if met is not None and met.send:
            await enqueue_push(self._queue, session, account, met.customer_id)

    def _differs(self, shadow: CrmShadow, contact: Contact) -> bool:
        fields = self._party.fields
        return any(shadow.remote.get(field.value) != contact.values.get(field, "") for field in fields)

    async def _changed_here(self, session: AsyncSession, shadow: CrmShadow) -> bool:
        ours = await people.read(session, shadow.customer_id)
        if ours is None:
            return False
        return any(shadow.local.get(field.value) != ours[field] for field in self._party.fields)

    async def _mark_seen(self, session: AsyncSession, remote_ids: Sequence[str]) -> None:
        await session.execute(
            update(CrmLink)
            .where(CrmLink.account == self._party.name, CrmLink.remote_id.in_(remote_ids))
            .values(seen_at=self._clock.now())
        )


async def _shadow(session: AsyncSession, account: str, remote_id: str) -> CrmShadow | None:
    query = (
        select(CrmShadow)
        .join(
            CrmLink, and_(CrmLink.account == CrmShadow.account, CrmLink.customer_id == CrmShadow.customer_id)
        )
        .where(CrmLink.account == account, CrmLink.remote_id == remote_id)
    )
    return (await session.execute(query)).scalar_one_or_none()


def _surely_newer(shadow: CrmShadow, contact: Contact, asked_at: datetime) -> bool:
    """Whether what a list shows cannot be older than what we know.

    Not while a write of ours is under way, not when the record was read by itself since the list was asked
    for, and not within one tick of the CRM's clock.
    """
    if shadow.pending or (shadow.touched_at is not None and shadow.touched_at >= asked_at):
        return False
    if shadow.remote_updated_at is None or contact.updated_at is None:
        return False
    return contact.updated_at > shadow.remote_updated_at
