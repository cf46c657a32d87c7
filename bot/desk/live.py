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
from datetime import datetime, timedelta
from zlib import crc32

from aiohttp import web
from sqlalchemy import func, select

from bot.desk.lists import PERSONAL, Filter, Row, View, belongs, counted, rows_of
from bot.gateway.handoffs import Handoff, Place
from bot.gateway.hub import EVERY, Hub, Listener, at_desk
from core import logs
from core.clock import Clock
from core.db import Database
from crm_bridge.models import Conversation, Message

log = logs.get("desk")

GATHER = 0.1  # seconds for which changes are gathered
LOOK = 2.0  # seconds between looks for what other processes did
OVERLAP = timedelta(seconds=3)  # what is committed late bears an earlier moment
AT_ONCE = 2000  # changes of other processes that are looked at
COUNT = 1.0  # seconds between countings of the lists
BEAT = 15.0  # seconds; proxies close silent connections
LOOK_UP = 5.0  # seconds after which a page that heard nothing looks whether it is time for a beat
BACKLOG = 200  # events that a page has not taken: then it is told to load anew
REMEMBERED = 20_000  # rows
PRESENT = 20.0  # seconds between notes of who is there

Draw = Callable[[Row, str], str]  # a row in a language
Change = tuple[Row, Row | None]  # as it is, and as the pages have it; None: nobody remembers


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


class News:
    """What changed in a moment. Pages that show the same list get the same bytes, which are made once."""

    def __init__(self, rows: list[Row], before: dict[str, Row], now: datetime, draw: Draw) -> None:
        self._now = now
        self._draw = draw
        self._changes = [(row, before.get(row.id)) for row in rows]
        self._of_staff: dict[int, list[Change]] = {}
        self._unknown = [change for change in self._changes if change[1] is None]
        self._drawn: dict[tuple[str, str, bool], str] = {}
        self._events: dict[tuple[object, ...], bytes | None] = {}
        called: dict[int, list[dict[str, str]]] = {}
        for row, old in self._changes:
            for staff_id in _people(row) | (_people(old) if old else frozenset()):
                if old is not None:
                    self._of_staff.setdefault(staff_id, []).append((row, old))
                if call := _call(row, staff_id):
                    called.setdefault(staff_id, []).append(call)
        self.calls = {staff_id: _event("mine", calls) for staff_id, calls in called.items()}

    def of(self, page: Page) -> bytes | None:
        """What a page with a list is to be told; None: nothing."""
        own = page.view in PERSONAL
        key = page.view, page.language, page.chosen, page.staff_id if own else 0
        if key not in self._events:
            changes = self._changes
            if own:  # of most dialogues, most people's own lists need not even be asked
                changes = [*self._of_staff.get(page.staff_id, ()), *self._unknown]
            parts = [part for row, old in changes if (part := self._part(page, row, old))]
            self._events[key] = f"event: rows\ndata: [{','.join(parts)}]\n\n".encode() if parts else None
        return self._events[key]

    def _part(self, page: Page, row: Row, old: Row | None) -> str:
        """A row to be shown, or only the id of one that is to go; empty: the list never had it."""
        assert page.view is not None
        if not belongs(row, page.view, page.staff_id, page.chosen, self._now):
            had = old is None or belongs(old, page.view, page.staff_id, page.chosen, self._now)
            return f'{{"id":"{row.id}"}}' if had else ""
        key = row.id, page.language, page.view in (View.ALL, View.MENTIONS)
        if key not in self._drawn:
            shown = {"id": row.id, "rank": row.rank(page.view), "html": self._draw(row, page.language)}
            self._drawn[key] = json.dumps(shown, ensure_ascii=False)
        return self._drawn[key]


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
        mark, looked, told, noted, woken = self._clock.now(), 0.0, 0.0, 0.0, 0.0
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
                    if loop.time() - woken >= LOOK_UP:
                        for page in self._pages:
                            page.wake.set()
                        woken = loop.time()
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
        query = (
            select(Handoff.conversation_id, Handoff.updated_at)
            .where(Handoff.updated_at > mark - OVERLAP)
            .order_by(Handoff.updated_at)
            .limit(AT_ONCE)
        )
        async with self._db.read() as session:
            found = (await session.execute(query)).all()
        fresh = {id_ for id_, at in found if (old := self._before.get(id_)) is None or old.handed_at != at}
        return max((at for _, at in found), default=mark), fresh

    async def _carry(self, changed: set[str]) -> None:
        if not self._pages:
            return
        async with self._db.read() as session:
            rows = await rows_of(session, changed)
        news = News(rows, self._before, self._clock.now(), self._draw)
        for page in self._pages:
            if call := news.calls.get(page.staff_id):
                page.tell(call)
            if page.view is not None and (event := news.of(page)):
                page.tell(event)
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
            drawn = request.query.get("state", "")
            async for events in self._events(page, conversation_id, drawn):
                await response.write(events)
        return response

    async def _events(self, page: Page, conversation_id: str | None, drawn: str) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        loop = asyncio.get_running_loop()
        spoke = loop.time()
        with self._ears(page, conversation_id) as (log_ear, typing_ear):
            state, looked = await self.state(conversation_id), loop.time()
            if drawn != state:  # it changed since the page was drawn, or while the line was broken
                yield _event("dialogue", "")
            while True:
                await page.wake.wait()  # without a time-out of its own: there are many pages and many wakings
                page.wake.clear()
                events, page.events = page.events, []
                if typing_ear and typing_ear.typing:
                    events.append(_event("typing", typing_ear.typing))
                    typing_ear.typing = None
                if log_ear and log_ear.log_grew:
                    log_ear.log_grew, looked, state = False, loop.time(), ""
                    events.append(_event("dialogue", ""))
                elif log_ear and loop.time() - looked >= BEAT:  # a hint of another process may be lost
                    before, state, looked = state, await self.state(conversation_id), loop.time()
                    if before not in ("", state):
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

    async def state(self, conversation_id: str | None) -> str:
        """Something that differs whenever the dialogue would look different."""
        if conversation_id is None:
            return ""
        async with self._db.read() as session:
            held = select(Conversation.epoch, Conversation.status, Conversation.last_seq).where(
                Conversation.id == conversation_id
            )
            found = (await session.execute(held)).one_or_none()
            states = select(Message.state, func.count()).where(Message.conversation_id == conversation_id)
            by_state = await session.execute(states.group_by(Message.state))
            looks = found and tuple(found), sorted((str(state), count) for state, count in by_state)
            return f"{crc32(repr(looks).encode()):08x}"


def _people(row: Row) -> frozenset[int]:
    """In whose own lists it stands."""
    return row.mentioned | {id_ for id_ in (row.agent_id, row.offered_to) if id_ is not None}


def _call(row: Row, staff_id: int) -> dict[str, str] | None:
    """What somebody should look up for; the same `key` again is the same call."""
    since = row.waits_since or row.updated_at
    if row.offered_to == staff_id and row.place is Place.WAITING:
        kind, moment = "offered", since
    elif row.agent_id != staff_id:
        return None
    elif row.place is Place.ANSWER:
        kind, moment = ("late", since) if row.warned else ("wrote", row.updated_at)
    elif row.resolve_by:
        kind, moment = "unsettled", row.resolve_by
    else:
        return None
    key = f"{kind} {row.id} {moment.timestamp()}"
    return {"kind": kind, "id": row.id, "key": key, "name": row.name or "", "line": row.last_line}


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
