"""Finds somebody for each dialogue that waits, and sees to it that none is forgotten.

Nobody is given a dialogue: they are asked to take it, so that a customer is never told of a person who has
not looked. An offer that is not taken goes to the next one. Every step reads the database anew and changes
only what still is as it was read, so several processes may do this at once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Select, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.presence import Colleague, colleagues
from bot.desk.tables import DeskAgent
from bot.gateway.handoffs import OPEN, OWED, Handoff, Place
from bot.gateway.hub import Hub
from bot.gateway.outbox import Line, OutboxShelf
from bot.gateway.ownership import EpochPassed, Ownership
from bot.gateway.watchdog import Watchdog
from core import logs
from core.clock import Clock
from core.db import Database
from core.texts import Texts
from crm_bridge.models import Author, Conversation
from crm_bridge.sql import one_at_a_time

log = logs.get("routing")

EVERY = 3.0  # seconds between rounds
AT_ONCE = 200  # dialogues of one round
LOCK = 7_005  # one process at a time
LONG_AGO = timedelta(days=36500)


def choose(
    people: Sequence[Colleague],
    handoff: Handoff,
    language: str,
    channel: str,
    how: Literal["least_busy", "round_robin"],
    now: datetime,
) -> Colleague | None:
    """Whom to ask: who had the matter before, else somebody who knows it; anybody when it is late already."""
    free = [one for one in people if one.free and one.id != handoff.offered_to]
    before = next((one for one in free if one.id == handoff.last_agent_id), None)
    if before is not None and handoff.offered_to is None:
        return before
    fit = [one for one in free if one.knows(handoff.team, language, channel)]
    if not fit and handoff.escalated_at:
        fit = free
    if how == "round_robin":
        return min(fit, key=lambda one: (one.offered_at or now - LONG_AGO, one.id), default=None)
    return min(
        fit,
        key=lambda one: (one.load / one.capacity, one.offered_at or now - LONG_AGO, one.id),
        default=None,
    )


class Routing:
    """One round after another."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        hub: Hub,
        ownership: Ownership,
        outbox: OutboxShelf,
        watchdog: Watchdog,
        texts: Texts,
    ) -> None:
        self._db = db
        self._clock = clock
        self._hub = hub
        self._ownership = ownership
        self._outbox = outbox
        self._watchdog = watchdog
        self._texts = texts
        self._rules = ownership.handoffs.rules

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                await self.round()
            except Exception:
                log.exception("a round of the routing failed")
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """Wake what was put aside, free what is held by nobody, ask people, warn them."""
        changed: set[str] = set()
        for step in (self._wake, self._free, self._warn, self._warn_of_resolution, self._offer):
            async with self._db.read() as session:  # most rounds find nothing: no need to write
                if not await self._anything(session, step.__name__):
                    continue
            async with self._db.write() as session:
                await one_at_a_time(session, LOCK)
                changed |= await step(session)
        for conversation_id in changed:
            self._hub.publish(conversation_id)

    async def _anything(self, session: AsyncSession, step: str) -> bool:
        now = self._clock.now()
        query = {
            "_wake": _snoozed(now),
            "_free": select(Handoff.conversation_id).where(Handoff.place == Place.ANSWER),
            "_warn": self._to_warn(now),
            "_warn_of_resolution": self._to_resolve(now),
            "_offer": select(Handoff.conversation_id).where(Handoff.place == Place.WAITING),
        }[step]
        return await session.scalar(query.limit(1)) is not None

    async def _wake(self, session: AsyncSession) -> set[str]:
        due = list(await session.scalars(_snoozed(self._clock.now()).limit(AT_ONCE)))
        return {id_ for id_ in due if await self._ownership.handoffs.woken(session, id_)}

    async def _free(self, session: AsyncSession) -> set[str]:
        """Customers who wait for somebody who is gone are given to others, while people work at all."""
        now = self._clock.now()
        if not self._rules.is_open(now):
            return set()
        gone = [
            one.id
            for one in await colleagues(session, now)
            if one.seen_at is None or now - one.seen_at > self._rules.release_after
        ]
        query = (
            select(Conversation)
            .join(Handoff, Handoff.conversation_id == Conversation.id)
            .where(Handoff.place == Place.ANSWER, Handoff.agent_id.in_(gone))
            .limit(AT_ONCE)
        )
        freed = set()
        for conversation in await session.scalars(query):
            try:
                epoch = await self._ownership.to_queue(session, conversation.id, conversation.epoch)
            except EpochPassed:
                continue
            await self._watchdog.watch(session, conversation.id, epoch)
            line = Line(self._texts("customer.agent_gone", conversation.language))
            await self._outbox.say(session, conversation.id, [line], author=Author.SYSTEM, epoch=epoch)
            freed.add(conversation.id)
            log.warning("an agent is gone, and the customer waits", conversation=conversation.id)
        return freed

    def _to_warn(self, now: datetime) -> Select[str]:
        soon, owed = Handoff.due_at <= now + self._rules.warn_before, Handoff.place.in_(OWED)
        late = (Handoff.due_at <= now) & Handoff.escalated_at.is_(None)
        return select(Handoff.conversation_id).where(owed, soon, or_(Handoff.warned_at.is_(None), late))

    async def _warn(self, session: AsyncSession) -> set[str]:
        """A promise is about to be broken, or is: its row says so on every page."""
        now = self._clock.now()
        ids = list(await session.scalars(self._to_warn(now).limit(AT_ONCE)))
        for row in await session.scalars(select(Handoff).where(Handoff.conversation_id.in_(ids))):
            row.warned_at = row.warned_at or now
            row.updated_at = now
            if row.due_at and row.due_at <= now and row.escalated_at is None:
                row.escalated_at = now
                log.warning("a promise is broken", conversation=row.conversation_id, team=row.team)
        return set(ids)

    def _to_resolve(self, now: datetime) -> Select[str]:
        return select(Handoff.conversation_id).where(
            Handoff.place.in_(OPEN),
            Handoff.resolve_warned_at.is_(None),
            Handoff.resolve_by <= now + self._rules.warn_resolution,
        )

    async def _warn_of_resolution(self, session: AsyncSession) -> set[str]:
        """A matter should be settled by now, or soon, be it the customer's turn or put aside."""
        ids = list(await session.scalars(self._to_resolve(self._clock.now()).limit(AT_ONCE)))
        for row in await session.scalars(select(Handoff).where(Handoff.conversation_id.in_(ids))):
            self._ownership.handoffs.resolution_near(row)
        return set(ids)

    async def _offer(self, session: AsyncSession) -> set[str]:
        """Ask people to take what waits."""
        now = self._clock.now()
        lapsed = or_(Handoff.offered_to.is_(None), Handoff.offered_at <= now - self._rules.offer_lasts)
        waiting = (
            select(Handoff, Conversation.language, Conversation.channel)
            .join(Conversation, Conversation.id == Handoff.conversation_id)
            .where(Handoff.place == Place.WAITING, lapsed)
            .order_by(Handoff.rank_at)
            .limit(AT_ONCE)
        )
        found = (await session.execute(waiting)).all()
        people = {one.id: one for one in await colleagues(session, now)} if found else {}
        changed = set()
        for handoff, language, channel in found:
            chosen = choose(list(people.values()), handoff, language, channel, self._rules.routing, now)
            if chosen is None and handoff.offered_to is None:
                continue
            still = people.get(handoff.offered_to) if handoff.offered_to else None
            if chosen is None and still and still.online and not still.away:
                continue  # there is nobody else to ask
            await self._ownership.handoffs.offered(
                session, handoff.conversation_id, chosen.id if chosen else None
            )
            changed.add(handoff.conversation_id)
            if chosen:
                people[chosen.id] = _busier(chosen, now)
                await session.execute(
                    update(DeskAgent).where(DeskAgent.account_id == chosen.id).values(offered_at=now)
                )
        return changed


def _snoozed(now: datetime) -> Select[str]:
    return select(Handoff.conversation_id).where(Handoff.place == Place.SNOOZED, Handoff.snoozed_until <= now)


def _busier(one: Colleague, now: datetime) -> Colleague:
    return replace(one, load=one.load + 1, offered_at=now)
