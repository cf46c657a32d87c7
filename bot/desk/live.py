"""Keeps open pages true: what changed is read and drawn once, and given to every page that shows it.

With two hundred pages open and a hundred messages a second, nothing may be done per page and message. Changes
are gathered for a moment, read in one statement, drawn once a language, and each page gets one write.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web
from sqlalchemy import func, select

from bot.desk.lists import Filter, Row, View, belongs, counted, rows_of
from bot.gateway.handoffs import Handoff, Place
from bot.gateway.hub import EVERY, Hub, Listener, at_desk
from core import logs
from core.clock import Clock
from core.db import Database
from crm_bridge.models import Conversation, Message

log = logs.get("desk")

GATHER = 0.08  # seconds for which changes are gathered
LOOK = 2.0  # seconds between looks for what other processes did
COUNT = 1.0  # seconds between countings of the lists
BEAT = 15.0  # seconds; proxies close silent connections
BACKLOG = 200  # events that a page has not taken: then it is told to load anew
REMEMBERED = 20_000  # rows
PRESENT = 20.0  # seconds between notes of who is there

Draw = Callable[[Row, str], str]  # a row in a language


@dataclass(eq=False)
class Page:
    """An open page of the desk."""

    staff_id: int
    language: str
    view: View | None = None  # the list it shows
    chosen: Filter = field(default_factory=Filter)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    events: list[bytes] = field(default_factory=list)
    counts: dict[View, int] = field(default_factory=dict)  # that it shows

    def tell(self, event: bytes) -> None:
        if len(self.events) >= BACKLOG:
            self.events = [_event("reload", "")]
        else:
            self.events.append(event)
        self.wake.set()


class Live:
    """All open pages of this process."""

    def __init__(self, db: Database, clock: Clock, hub: Hub, draw: Draw) -> None:
        self._db = db
        self._clock = clock
        self._hub = hub
        self._draw = draw
        self._pages: set[Page] = set()
        self._before: dict[str, Row] = {}  # rows as the pages have them
        self.seen: Callable[[set[int]], Awaitable[None]] | None = None  # notes that these people are there

    @contextmanager
    def open(self, page: Page) -> Iterator[Page]:
        """A page that is told what changes, until the block ends."""
        self._pages.add(page)
        try:
            yield page
        finally:
            self._pages.discard(page)

    @property
    def staff(self) -> set[int]:
        """Who has a page of the desk open in this process."""
        return {page.staff_id for page in self._pages}

    async def run(self) -> None:
        """Carry changes to the pages until cancelled."""
        loop = asyncio.get_running_loop()
        mark, looked, told, noted = self._clock.now(), 0.0, 0.0, 0.0
        due = False  # a counting
        with self._hub.listen(EVERY) as ear:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ear.news.wait(), COUNT if due else LOOK)
                if ear.news.is_set():
                    await asyncio.sleep(GATHER)
                ear.news.clear()
                changed, ear.changed = ear.changed, set()
                try:
                    if loop.time() - looked >= LOOK:
                        mark, elsewhere = await self._elsewhere(mark)
                        changed |= elsewhere
                        looked = loop.time()
                    if changed:
                        await self._carry(changed)
                        due = True
                    if due and loop.time() - told >= COUNT:
                        await self._count()
                        due, told = False, loop.time()
                    if self.seen and self._pages and loop.time() - noted >= PRESENT:
                        await self.seen(self.staff)
                        noted = loop.time()
                except Exception:
                    log.exception("pages of the desk are not up to date")
                    await asyncio.sleep(LOOK)

    async def _elsewhere(self, mark: datetime) -> tuple[datetime, set[str]]:
        """What changed since a moment, in whichever process."""
        if not self._pages:
            return self._clock.now(), set()
        async with self._db.read() as session:
            query = select(Handoff.conversation_id).where(Handoff.updated_at > mark).limit(500)
            ids = set(await session.scalars(query))
            newest = await session.scalar(select(func.max(Handoff.updated_at))) if ids else None
        return newest or mark, ids

    async def _carry(self, changed: set[str]) -> None:
        if not self._pages:
            return
        async with self._db.read() as session:
            rows = await rows_of(session, changed)
        now, drawn = self._clock.now(), dict[tuple[str, str, bool], str]()
        changes = [(row, self._before.get(row.id)) for row in rows]
        for page in self._pages:
            near = [(row, old) for row, old in changes if _concerns(page, row, old)]
            if calls := [call for row, _ in near if (call := _call(row, page.staff_id))]:
                page.tell(_event("mine", calls))
            if page.view is None:
                continue
            parts = []
            for row, old in near:
                if belongs(row, page.view, page.staff_id, page.chosen, now):
                    key = row.id, page.language, page.view in (View.ALL, View.MENTIONS)
                    if key not in drawn:
                        drawn[key] = _shown(row, page.view, self._draw(row, page.language))
                    parts.append(drawn[key])
                elif old is None or belongs(old, page.view, page.staff_id, page.chosen, now):
                    parts.append(f'{{"id":"{row.id}"}}')
            if parts:
                page.tell(f"event: rows\ndata: [{','.join(parts)}]\n\n".encode())
        self._remember(rows)

    def _remember(self, rows: list[Row]) -> None:
        """Keep what the pages were told, so that only those hear of a change whom it concerns."""
        for row in rows:
            self._before.pop(row.id, None)
            self._before[row.id] = row
        while len(self._before) > REMEMBERED:
            del self._before[next(iter(self._before))]

    async def _count(self) -> None:
        """Tell each page how long its owner's lists are."""
        async with self._db.read() as session:
            by_staff = await counted(session, self.staff)
        for page in self._pages:
            counts = by_staff.get(page.staff_id)
            if counts and counts != page.counts:
                page.counts = counts
                page.tell(_event("counts", counts))

    # --- one page -------------------------------------------------------------------------------------------

    async def stream(
        self, request: web.Request, page: Page, conversation_id: str | None
    ) -> web.StreamResponse:
        """Server-sent events until the page is closed: its list, its dialogue, who is typing there."""
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        if self.seen:
            await self.seen({page.staff_id})
        with contextlib.suppress(ConnectionResetError), self.open(page):  # the page was closed
            async for events in self._events(page, conversation_id):
                await response.write(events)
        return response

    async def _events(self, page: Page, conversation_id: str | None) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        loop = asyncio.get_running_loop()
        spoke = loop.time()
        with self._ears(page, conversation_id) as (log_ear, typing_ear):
            state, looked = await self._state(conversation_id), loop.time()
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(page.wake.wait(), BEAT)
                page.wake.clear()
                events, page.events = page.events, []
                if typing_ear and typing_ear.typing:
                    events.append(_event("typing", typing_ear.typing))
                    typing_ear.typing = None
                if log_ear and log_ear.log_grew:
                    log_ear.log_grew, looked, state = False, loop.time(), None
                    events.append(_event("dialogue", ""))
                elif log_ear and loop.time() - looked >= BEAT:  # a hint of another process may be lost
                    before, state, looked = state, await self._state(conversation_id), loop.time()
                    if before not in (None, state):
                        events.append(_event("dialogue", ""))
                if not events and loop.time() - spoke >= BEAT:
                    events.append(b": still here\n\n")
                if events:
                    spoke = loop.time()
                    yield b"".join(events)

    @contextmanager
    def _ears(
        self, page: Page, conversation_id: str | None
    ) -> Iterator[tuple[Listener | None, Listener | None]]:
        if conversation_id is None:
            yield None, None
            return
        with self._hub.listen(conversation_id) as log_ear, self._hub.listen(at_desk(conversation_id)) as ear:
            log_ear.news = ear.news = page.wake
            log_ear.log_grew = False
            yield log_ear, ear

    async def _state(self, conversation_id: str | None) -> tuple[object, ...] | None:
        """Something that differs whenever the dialogue would look different."""
        if conversation_id is None:
            return None
        async with self._db.read() as session:
            held = select(Conversation.epoch, Conversation.status, Conversation.last_seq).where(
                Conversation.id == conversation_id
            )
            found = (await session.execute(held)).one_or_none()
            states = select(Message.state, func.count()).where(Message.conversation_id == conversation_id)
            by_state = await session.execute(states.group_by(Message.state))
            return (found, tuple(sorted((str(state), count) for state, count in by_state)))


def _concerns(page: Page, row: Row, old: Row | None) -> bool:
    """Whether a page may have to change: quickly, for it is asked for every page and change."""
    if page.view is not View.MINE and page.view is not View.MENTIONS and page.view is not None:
        return True
    staff = page.staff_id
    if old is None or staff in (row.agent_id, row.offered_to, old.agent_id, old.offered_to):
        return True
    return staff in row.mentioned or staff in old.mentioned


def _call(row: Row, staff_id: int) -> dict[str, str] | None:
    """What somebody should look up for; the same `key` again is the same call."""
    if row.offered_to == staff_id and row.place is Place.WAITING:
        kind = "offered"
    elif row.agent_id != staff_id or row.place is not Place.ANSWER:
        return None
    else:
        kind = "late" if row.warned else "wrote"
    moment = row.waits_since or row.updated_at
    key = f"{kind} {row.id} {moment.timestamp() if kind != 'wrote' else row.updated_at.timestamp()}"
    return {"kind": kind, "id": row.id, "key": key, "name": row.name or "", "line": row.last_line}


def _shown(row: Row, view: View, html: str) -> str:
    return json.dumps({"id": row.id, "rank": row.rank(view), "html": html}, ensure_ascii=False)


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
