"""The desk's pages: lists of dialogues, one dialogue with its customer, and what an agent does there."""

from typing import Any

from aiohttp import web

from bot.desk.dialogues import Dialogue, View, listed, opened, waiting
from bot.desk.live import Live
from bot.desk.work import TEXT_LIMIT, NotYours, Work
from bot.gateway.hub import Hub
from bot.gateway.ownership import EpochPassed
from bot.web.staff.accounts import Staff
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.pages import staff_page
from bot.web.staff.roles import Right
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from core.settings import ROOT
from core.texts import Texts
from crm_bridge.models import Author, Owner
from crm_bridge.profile import Profile, Profiles, UnknownCustomer

texts = Texts(ROOT / "bot/desk/texts.yml")


class Desk:
    """Routes under `/desk`."""

    def __init__(self, db: Database, clock: Clock, hub: Hub, work: Work) -> None:
        self._db = db
        self._hub = hub
        self._live = Live(db, hub)
        self._work = work
        self._profiles = Profiles(db, clock)
        self._audit = Audit(clock)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/desk", self.desk)
        route.add_get("/desk/list/{view}", self.rows)
        route.add_get("/desk/events", self.events)
        route.add_get("/desk/c/{id}", self.dialogue)
        route.add_get("/desk/c/{id}/log", self.log)
        route.add_get("/desk/c/{id}/events", self.dialogue_events)
        route.add_post("/desk/c/{id}/typing", self.typing)
        route.add_post("/desk/c/{id}/answer", self.answer)
        route.add_post("/desk/c/{id}/{deed:take|hand_back|resolve}", self.deed)

    # --- lists ----------------------------------------------------------------------------------------------

    @needs(Right.ANSWER)
    async def desk(self, request: web.Request) -> web.Response:
        view = _view(request.query.get("view", View.QUEUE))
        return self._page("desk/desk.html", request, {"dialogue": None, **await self._rows(request, view)})

    @needs(Right.ANSWER)
    async def rows(self, request: web.Request) -> web.Response:
        values = await self._rows(request, _view(request.match_info["view"]))
        return self._page("desk/rows.html", request, {"open_id": request.query.get("open", ""), **values})

    @needs(Right.ANSWER)
    async def events(self, request: web.Request) -> web.StreamResponse:
        return await self._live.stream(request, None)

    async def _rows(self, request: web.Request, view: View) -> dict[str, Any]:
        async with self._db.read() as session:
            rows = await listed(session, view, request[LOG_IN].staff.id)
            return {"view": view, "views": View, "rows": rows, "waiting": await waiting(session)}

    # --- one dialogue ---------------------------------------------------------------------------------------

    @needs(Right.ANSWER)
    async def dialogue(self, request: web.Request) -> web.Response:
        shown = await self._opened(request)
        profile = await self._profile(request[LOG_IN].staff, shown)
        view = _view(request.query.get("view", View.QUEUE))
        return self._page(
            "desk/desk.html",
            request,
            {"dialogue": shown, "profile": profile, **await self._rows(request, view)},
        )

    @needs(Right.ANSWER)
    async def log(self, request: web.Request) -> web.Response:
        return await self._log(request)

    async def _log(self, request: web.Request) -> web.Response:
        return self._page("desk/log.html", request, {"dialogue": await self._opened(request)})

    @needs(Right.ANSWER)
    async def dialogue_events(self, request: web.Request) -> web.StreamResponse:
        return await self._live.stream(request, request.match_info["id"])

    async def _opened(self, request: web.Request) -> Dialogue:
        before = request.query.get("before", "")
        async with self._db.read() as session:
            shown = await opened(
                session, request.match_info["id"], int(before) if before.isdecimal() else None
            )
        if shown is None:
            raise web.HTTPNotFound
        return shown

    async def _profile(self, staff: Staff, shown: Dialogue) -> Profile | None:
        """The customer beside the dialogue. That somebody read it goes into the audit log."""
        if shown.customer_id is None:
            return None
        async with self._db.write() as session:
            subject = f"customer:{shown.customer_id}"
            await self._audit.record(session, staff.actor, "profile read", subject, conversation=shown.id)
        try:
            return await self._profiles.read(shown.customer_id)
        except UnknownCustomer:
            return None

    # --- deeds ----------------------------------------------------------------------------------------------

    @needs(Right.ANSWER)
    async def deed(self, request: web.Request) -> web.Response:
        staff, conversation_id, epoch = await self._target(request)
        deed = {
            "take": self._work.take,
            "hand_back": self._work.hand_back,
            "resolve": self._work.resolve,
        }[request.match_info["deed"]]
        try:
            await deed(staff, conversation_id, epoch)
        except (EpochPassed, NotYours):
            return self._too_late(request)
        return _reload(conversation_id, mine=request.match_info["deed"] == "take")

    @needs(Right.ANSWER)
    async def answer(self, request: web.Request) -> web.Response:
        staff, conversation_id, epoch = await self._target(request)
        form = await request.post()
        text, client_id = str(form.get("text", "")).strip(), str(form.get("client_id", ""))[:64]
        if not text or not client_id or len(text) > TEXT_LIMIT:
            raise web.HTTPUnprocessableEntity(text=texts("bad_text", staff.language, limit=TEXT_LIMIT))
        try:
            await self._work.answer(staff, conversation_id, epoch, text, client_id)
        except (EpochPassed, NotYours):
            return self._too_late(request)
        self._hub.typing(conversation_id, None)
        return await self._log(request)

    @needs(Right.ANSWER)
    async def typing(self, request: web.Request) -> web.Response:
        staff, conversation_id, _ = await self._target(request)
        async with self._db.read() as session:
            shown = await opened(session, conversation_id)
        if shown and shown.owner is Owner.AGENT and shown.agent_id == staff.id:
            on = (await request.post()).get("on") == "1"
            self._hub.typing(conversation_id, Author.AGENT if on else None)
        return web.Response(status=204)

    async def _target(self, request: web.Request) -> tuple[Staff, str, int]:
        epoch = str((await request.post()).get("epoch", ""))
        if not epoch.isdecimal():
            raise web.HTTPBadRequest
        return request[LOG_IN].staff, request.match_info["id"], int(epoch)

    def _too_late(self, request: web.Request) -> web.Response:
        language = request[LOG_IN].staff.language
        return web.Response(status=409, text=texts("changed_hands", language))

    def _page(self, template: str, request: web.Request, values: dict[str, Any]) -> web.Response:
        language = request[LOG_IN].staff.language
        words = {"d": lambda key, **given: texts(key, language, **given)}
        return staff_page(template, request, words | {"open_id": "", "profile": None} | values)


def _view(word: str) -> View:
    try:
        return View(word)
    except ValueError:
        raise web.HTTPNotFound from None


def _reload(conversation_id: str, *, mine: bool) -> web.Response:
    view = View.MINE if mine else View.QUEUE
    return web.Response(status=204, headers={"HX-Redirect": f"/desk/c/{conversation_id}?view={view}"})
