"""The desk's pages: lists of dialogues, searching, and one dialogue with its customer."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import delete, select

from bot.desk.beside import Beside
from bot.desk.dialogues import Dialogue, opened
from bot.desk.lists import PAGE, Filter, Only, View, counted, listed, position
from bot.desk.live import Live, Page
from bot.desk.notes import mentions_seen
from bot.desk.presence import colleagues, seen, set_away
from bot.desk.search import search
from bot.desk.shell import Shell
from bot.desk.tables import SavedFilter
from bot.gateway.attachments import Attachments
from bot.gateway.tables import Attachment
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from crm_bridge.models import Message

FILTERS = 12  # saved ones of one person


class Desk:
    """Routes under `/desk` that show something."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        shell: Shell,
        live: Live,
        beside: Beside,
        attachments: Attachments,
    ) -> None:
        self._db = db
        self._clock = clock
        self._shell = shell
        self._live = live
        self._beside = beside
        self._attachments = attachments
        self._audit = Audit(clock)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/desk", self.desk)
        route.add_get("/desk/list/{view}", self.rows)
        route.add_get("/desk/search", self.search)
        route.add_get("/desk/events", self.events)
        route.add_post("/desk/filters", self.save_filter)
        route.add_post("/desk/filters/{id:\\d+}/remove", self.remove_filter)
        route.add_post("/desk/away", self.away)
        route.add_get("/desk/c/{id}", self.dialogue)
        route.add_get("/desk/c/{id}/log", self.log)
        route.add_get("/desk/c/{id}/customer", self.customer)
        route.add_get("/desk/c/{id}/history", self.history)
        route.add_get("/desk/c/{id}/file/{file}", self.file)

    # --- lists ----------------------------------------------------------------------------------------------

    @needs(Right.ANSWER)
    async def desk(self, request: web.Request) -> web.Response:
        return self._shell.page("desk/desk.html", request, {"dialogue": None, **await self._lists(request)})

    @needs(Right.ANSWER)
    async def rows(self, request: web.Request) -> web.Response:
        """The next page of a list."""
        view, chosen = _view(request.match_info["view"]), Filter.of(request.query)
        after = _after(request.query.get("after", ""))
        values = await self._page_of(request, view, chosen, after)
        return self._shell.page("desk/rows.html", request, {"open_id": "", **values})

    async def _lists(self, request: web.Request) -> dict[str, Any]:
        staff = request[LOG_IN].staff
        view, chosen = _view(request.query.get("view", View.QUEUE)), Filter.of(request.query)
        async with self._db.write() as session:
            await seen(session, {staff.id}, self._clock.now(), self._shell.rules.capacity)
        async with self._db.read() as session:
            saved = select(SavedFilter).where(SavedFilter.account_id == staff.id).order_by(SavedFilter.name)
            people = await colleagues(session, self._clock.now())
            counts = (await counted(session, {staff.id}))[staff.id]
            values = {
                "views": View,
                "onlys": Only,
                "counts": counts,
                "waiting": counts[View.QUEUE],
                "filters": list(await session.scalars(saved)),
                "colleagues": [one for one in people if one.id != staff.id],
                "away": any(one.away for one in people if one.id == staff.id),
                "open_id": "",
                "profile": None,
            }
        return values | await self._page_of(request, view, chosen, None)

    async def _page_of(
        self, request: web.Request, view: View, chosen: Filter, after: tuple[datetime, str] | None
    ) -> dict[str, Any]:
        async with self._db.read() as session:
            rows = await listed(session, view, request[LOG_IN].staff.id, self._clock.now(), chosen, after)
        last = rows[-1] if len(rows) == PAGE else None
        more = _written(position(last, view)) if last else None
        query = chosen.query(view)
        return {"view": view, "chosen": chosen, "rows": rows, "more": more, "query": query}

    @needs(Right.ANSWER)
    async def search(self, request: web.Request) -> web.Response:
        staff, question = request[LOG_IN].staff, request.query.get("q", "").strip()
        after = request.query.get("after") or None
        async with self._db.read() as session:
            try:
                found = await search(session, question, after)
            except ValueError:
                raise web.HTTPBadRequest from None
        async with self._db.write() as session:
            await self._audit.record(session, staff.actor, "searched", "desk", found=len(found.hits))
        values = {"found": found, "question": question, "query": f"view={View.ALL.value}", "open_id": ""}
        return self._shell.page("desk/found.html", request, values)

    @needs(Right.ANSWER)
    async def events(self, request: web.Request) -> web.StreamResponse:
        staff, view = request[LOG_IN].staff, request.query.get("view")
        page = Page(staff.id, staff.language, _view(view) if view else None, Filter.of(request.query))
        return await self._live.stream(request, page, request.query.get("open") or None)

    @needs(Right.ANSWER)
    async def save_filter(self, request: web.Request) -> web.Response:
        form, staff = await request.post(), request[LOG_IN].staff
        name = str(form.get("name", "")).strip()[:40]
        given = {key: str(value) for key, value in form.items()}
        view, chosen = _view(given.get("view", View.QUEUE)), Filter.of(given)
        if not name:
            raise web.HTTPUnprocessableEntity(text=self._shell.say(request, "filter.nameless"))
        async with self._db.write() as session:
            mine = select(SavedFilter).where(SavedFilter.account_id == staff.id)
            saved = list(await session.scalars(mine))
            same = next((one for one in saved if one.name == name), None)
            if same is None and len(saved) >= FILTERS:
                raise web.HTTPUnprocessableEntity(text=self._shell.say(request, "filter.many"))
            if same is None:
                session.add(SavedFilter(account_id=staff.id, name=name, query=chosen.query(view)))
            else:
                same.query = chosen.query(view)
        raise web.HTTPSeeOther(f"/desk?{chosen.query(view)}")

    @needs(Right.ANSWER)
    async def remove_filter(self, request: web.Request) -> web.Response:
        async with self._db.write() as session:
            await session.execute(
                delete(SavedFilter).where(
                    SavedFilter.id == int(request.match_info["id"]),
                    SavedFilter.account_id == request[LOG_IN].staff.id,
                )
            )
        raise web.HTTPSeeOther("/desk")

    @needs(Right.ANSWER)
    async def away(self, request: web.Request) -> web.Response:
        on = (await request.post()).get("away") == "1"
        async with self._db.write() as session:
            await set_away(session, request[LOG_IN].staff.id, on)
        return web.Response(status=204, headers={"HX-Refresh": "true"})

    # --- one dialogue ---------------------------------------------------------------------------------------

    @needs(Right.ANSWER)
    async def dialogue(self, request: web.Request) -> web.Response:
        state = await self._live.state(request.match_info["id"])  # before it is read: what follows is news
        shown, staff = await self._opened(request), request[LOG_IN].staff
        async with self._db.write() as session:
            await mentions_seen(session, shown.id, staff.id, self._clock.now())
            await self._audit.record(session, staff.actor, "dialogue read", f"conversation:{shown.id}")
        lists = await self._lists(request)
        beside = await self._beside.values(staff, shown)
        return self._shell.page(
            "desk/desk.html",
            request,
            lists | beside | {"dialogue": shown, "open_id": shown.id, "state": state},
        )

    @needs(Right.ANSWER)
    async def log(self, request: web.Request) -> web.Response:
        shown = await self._opened(request)
        template = "desk/lines.html" if "before" in request.query else "desk/log.html"
        return self._shell.page(template, request, {"dialogue": shown})

    @needs(Right.ANSWER)
    async def customer(self, request: web.Request) -> web.Response:
        shown = replace(await self._opened(request), log=[])
        values = await self._beside.values(request[LOG_IN].staff, shown)
        return self._shell.page("desk/customer.html", request, values | {"dialogue": shown})

    @needs(Right.ANSWER)
    async def history(self, request: web.Request) -> web.Response:
        shown = await self._opened(request)
        values = await self._beside.history(request[LOG_IN].staff, shown, request.query.get("after") or None)
        return self._shell.page("desk/history.html", request, values | {"dialogue": shown})

    @needs(Right.ANSWER)
    async def file(self, request: web.Request) -> web.Response:
        """A file of this dialogue."""
        query = (
            select(Attachment)
            .join(Message, Message.id == Attachment.message_id)
            .where(
                Attachment.id == request.match_info["file"],
                Message.conversation_id == request.match_info["id"],
            )
        )
        async with self._db.read() as session:
            found = await session.scalar(query)
        async with self._db.write() as session:
            subject = f"conversation:{request.match_info['id']}"
            await self._audit.record(session, request[LOG_IN].staff.actor, "file read", subject)
        return await self._attachments.answer(found)

    async def _opened(self, request: web.Request) -> Dialogue:
        before = request.query.get("before", "")
        async with self._db.read() as session:
            shown = await opened(
                session, request.match_info["id"], int(before) if before.isdecimal() else None
            )
        if shown is None:
            raise web.HTTPNotFound
        return shown


def _view(word: str) -> View:
    try:
        return View(word)
    except ValueError:
        raise web.HTTPNotFound from None


def _written(place: tuple[datetime, str]) -> str:
    return f"{place[0].isoformat()}~{place[1]}"


def _after(text: str) -> tuple[datetime, str] | None:
    at, _, id_ = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment, id_) if moment.tzinfo else None
