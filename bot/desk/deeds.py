"""What people do on the desk's pages: each deed is a form with the epoch that the page showed."""

from aiohttp import web

from bot.desk.dialogues import opened
from bot.desk.notes import TEXT_LIMIT as NOTE_LIMIT
from bot.desk.notes import add_note
from bot.desk.shell import Shell, moment, number
from bot.desk.work import TEXT_LIMIT, NotYours, Recipient, Work
from bot.gateway.hub import Hub
from bot.gateway.ownership import EpochPassed
from bot.web.staff.accounts import Staff
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from crm_bridge.models import Author, Conversation, Owner

GONE = (EpochPassed, NotYours)


class Deeds:
    """Forms under `/desk/c/{id}`."""

    def __init__(self, db: Database, clock: Clock, hub: Hub, shell: Shell, work: Work) -> None:
        self._db = db
        self._clock = clock
        self._hub = hub
        self._shell = shell
        self._work = work
        self._audit = Audit(clock)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_post("/desk/c/{id}/typing", self.typing)
        route.add_post("/desk/c/{id}/answer", self.answer)
        route.add_post("/desk/c/{id}/{deed:take|hand_back|resolve}", self.deed)
        route.add_post("/desk/c/{id}/snooze", self.snooze)
        route.add_post("/desk/c/{id}/transfer", self.transfer)
        route.add_post("/desk/c/{id}/note", self.note)
        route.add_post("/desk/c/{id}/retry/{message}", self.retry)

    @needs(Right.ANSWER)
    async def deed(self, request: web.Request) -> web.Response:
        staff, conversation_id, epoch = await _target(request)
        name = request.match_info["deed"]
        deed = {
            "take": self._work.take,
            "hand_back": self._work.hand_back,
            "resolve": self._work.resolve,
        }[name]
        try:
            await deed(staff, conversation_id, epoch)
        except GONE:
            return self._too_late(request)
        return self._reload(conversation_id, view="mine" if name == "take" else "")

    @needs(Right.ANSWER)
    async def answer(self, request: web.Request) -> web.Response:
        staff, conversation_id, epoch = await _target(request)
        form = await request.post()
        text, client_id = str(form.get("text", "")).strip(), str(form.get("client_id", ""))[:64]
        if not text or not client_id or len(text) > TEXT_LIMIT:
            text = self._shell.say(request, "bad_text", limit=TEXT_LIMIT)
            raise web.HTTPUnprocessableEntity(text=text)
        try:
            await self._work.answer(staff, conversation_id, epoch, text, client_id)
        except GONE:
            return self._too_late(request)
        self._hub.typing(conversation_id, None)
        self._hub.publish(conversation_id)
        return await self._log(request)

    @needs(Right.ANSWER)
    async def snooze(self, request: web.Request) -> web.Response:
        staff, conversation_id, epoch = await _target(request)
        until = moment(str((await request.post()).get("until", "")), self._clock.now())
        try:
            await self._work.snooze(staff, conversation_id, epoch, until)
        except GONE:
            return self._too_late(request)
        return self._reload(conversation_id)

    @needs(Right.ANSWER)
    async def transfer(self, request: web.Request) -> web.Response:
        """To a colleague («person:3») or a team («team:money»)."""
        staff, conversation_id, epoch = await _target(request)
        form = await request.post()
        kind, _, key = str(form.get("to", "")).partition(":")
        teams = {team.key for team in self._shell.rules.teams}
        if kind == "person":
            to = Recipient(staff_id=number(key))
        elif kind == "team" and key in teams:
            to = Recipient(team=key)
        else:
            raise web.HTTPUnprocessableEntity(text=self._shell.say(request, "transfer.nobody"))
        note = str(form.get("note", "")).strip()[:NOTE_LIMIT]
        try:
            await self._work.transfer(staff, conversation_id, epoch, to, note)
        except GONE:
            return self._too_late(request)
        return self._reload(conversation_id)

    @needs(Right.ANSWER)
    async def note(self, request: web.Request) -> web.Response:
        """A word between colleagues; whoever may read the dialogue may leave one."""
        staff, conversation_id = request[LOG_IN].staff, request.match_info["id"]
        text = str((await request.post()).get("text", "")).strip()
        if not text or len(text) > NOTE_LIMIT:
            text = self._shell.say(request, "bad_text", limit=NOTE_LIMIT)
            raise web.HTTPUnprocessableEntity(text=text)
        async with self._db.write() as session:
            if await session.get(Conversation, conversation_id) is None:
                raise web.HTTPNotFound
            await add_note(session, conversation_id, staff.id, text, (), self._clock.now())
            subject = f"conversation:{conversation_id}"
            await self._audit.record(session, staff.actor, "note left", subject)
        self._hub.publish(conversation_id)
        return await self._log(request)

    @needs(Right.ANSWER)
    async def retry(self, request: web.Request) -> web.Response:
        staff, conversation_id, epoch = await _target(request)
        try:
            await self._work.retry(staff, conversation_id, epoch, request.match_info["message"])
        except GONE:
            return self._too_late(request)
        self._hub.publish(conversation_id)
        return await self._log(request)

    @needs(Right.ANSWER)
    async def typing(self, request: web.Request) -> web.Response:
        staff, conversation_id, _ = await _target(request)
        async with self._db.read() as session:
            held = await session.get(Conversation, conversation_id)
        if held and held.owner is Owner.AGENT and held.agent_id == staff.id:
            on = (await request.post()).get("on") == "1"
            self._hub.typing(conversation_id, Author.AGENT if on else None)
        return web.Response(status=204)

    async def _log(self, request: web.Request) -> web.Response:
        async with self._db.read() as session:
            shown = await opened(session, request.match_info["id"])
        return self._shell.page("desk/log.html", request, {"dialogue": shown})

    def _too_late(self, request: web.Request) -> web.Response:
        return web.Response(status=409, text=self._shell.say(request, "changed_hands"))

    def _reload(self, conversation_id: str, *, view: str = "") -> web.Response:
        self._hub.publish(conversation_id)
        query = f"?view={view}" if view else ""
        return web.Response(status=204, headers={"HX-Redirect": f"/desk/c/{conversation_id}{query}"})


async def _target(request: web.Request) -> tuple[Staff, str, int]:
    epoch = number(str((await request.post()).get("epoch", "")))
    return request[LOG_IN].staff, request.match_info["id"], epoch
