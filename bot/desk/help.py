"""Help for the one who answers: a summary, suggestions, ready answers, and teaching the assistant."""

from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.canned import Answer, BadAnswer, Canned
from bot.desk.dialogues import Dialogue, opened
from bot.desk.shell import Shell
from bot.desk.suggestions import suggest
from bot.desk.summary import summarise
from bot.studio.inbox import NotACustomersMessage, correct
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core import yml
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from core.fresh import Fresh
from crm_bridge.models import CLOSED, Message, Order


class Help:
    """Routes for help, ready answers and teaching."""

    def __init__(
        self, db: Database, clock: Clock, shell: Shell, canned: Canned, company: str, project: Path
    ) -> None:
        """`project`: the folder of `domain.yml`, in which administrators make intents."""
        self._db = db
        self._clock = clock
        self._shell = shell
        self._canned = canned
        self._company = company
        self._intents = Fresh(project, "domain.yml", _intents)
        self._audit = Audit(clock)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/desk/c/{id}/help", self.help)
        route.add_get("/desk/c/{id}/teach/{message}", self.teach_form)
        route.add_post("/desk/c/{id}/teach/{message}", self.teach)
        route.add_get("/desk/canned", self.answers)
        route.add_get("/desk/canned/list", self.ready)
        route.add_post("/desk/canned", self.put)

    @needs(Right.ANSWER)
    async def help(self, request: web.Request) -> web.Response:
        staff, conversation_id = request[LOG_IN].staff, request.match_info["id"]
        async with self._db.read() as session:
            shown = await self._dialogue(session, conversation_id)
            ready = await self._filled(session, shown, staff.name, shown.language)
            suggestions = await suggest(session, conversation_id, ready, shown.language)
            values = {
                "summary": await summarise(session, conversation_id),
                "suggestions": suggestions,
                "dialogue": shown,
            }
        if any(one.conversation_id for one in suggestions):
            async with self._db.write() as session:
                subject = f"conversation:{conversation_id}"
                await self._audit.record(session, staff.actor, "similar dialogues read", subject)
        return self._shell.page("desk/help.html", request, values)

    # --- ready answers --------------------------------------------------------------------------------------

    @needs(Right.ANSWER)
    async def answers(self, request: web.Request) -> web.Response:
        return await self._answers(request)

    async def _answers(self, request: web.Request, problem: str | None = None) -> web.Response:
        async with self._db.read() as session:
            answers = await self._canned.all(session)
        values = {"answers": answers, "problem": problem, "edited": request.query.get("edit", "")}
        return self._shell.page("desk/canned.html", request, values, status=422 if problem else 200)

    @needs(Right.ANSWER)
    async def ready(self, request: web.Request) -> web.Response:
        """For the field of the answer: shortcut, title, and the text filled in."""
        language, conversation_id = request.query.get("language", "ru"), request.query.get("conversation", "")
        async with self._db.read() as session:
            shown = await self._dialogue(session, conversation_id)
            ready = await self._filled(session, shown, request[LOG_IN].staff.name, language)
        return web.json_response(
            [{"shortcut": one.shortcut, "title": one.title, "text": one.text} for one in ready],
            headers={"Cache-Control": "no-store"},
        )

    @needs(Right.SUPERVISE)
    async def put(self, request: web.Request) -> web.Response:
        form = {key: str(value).strip() for key, value in (await request.post()).items()}
        answer = Answer(
            form.get("shortcut", "").lower().lstrip("/"),
            form.get("language", ""),
            form.get("title", ""),
            form.get("text", "").replace("\r\n", "\n"),
        )
        staff = request[LOG_IN].staff
        try:
            async with self._db.write() as session:
                await self._canned.put(session, staff, answer, removed=form.get("remove") == "1")
                subject = f"answer:{answer.shortcut}"
                await self._audit.record(session, staff.actor, "ready answer changed", subject)
        except BadAnswer:
            return await self._answers(request, problem="canned.bad")
        raise web.HTTPSeeOther("/desk/canned")

    async def _filled(
        self, session: AsyncSession, shown: Dialogue, agent: str, language: str
    ) -> list[Answer]:
        """Ready answers with what is known of the customer."""
        values = {"agent": agent, "company": self._company}
        if shown.customer_id is not None and shown.name:
            values["name"] = shown.name.split()[0]
            values["order"] = await _newest_order(session, shown.customer_id) or ""
        return [
            Answer(one.shortcut, one.language, one.title, one.filled(values), one.changed)
            for one in await self._canned.all(session, language)
        ]

    # --- teaching -------------------------------------------------------------------------------------------

    @needs(Right.ANSWER)
    async def teach_form(self, request: web.Request) -> web.Response:
        async with self._db.read() as session:
            message = await _message(session, request)
        understood = ((message.details or {}).get("nlu") or {}).get("intent") or {}
        values: dict[str, Any] = {"conversation_id": request.match_info["id"], "message_id": message.id}
        values |= {"intents": self._intents.now(), "now": understood.get("name") or ""}
        return self._shell.page("desk/teach.html", request, values)

    @needs(Right.ANSWER)
    async def teach(self, request: web.Request) -> web.Response:
        """Say what a message means: it waits in the studio for an administrator's word."""
        intent, staff = str((await request.post()).get("intent", "")), request[LOG_IN].staff
        if intent not in self._intents.now():
            raise web.HTTPUnprocessableEntity
        async with self._db.write() as session:
            message = await _message(session, request)
            try:
                await correct(session, message.id, intent, staff)
            except NotACustomersMessage:
                raise web.HTTPUnprocessableEntity from None
            subject = f"conversation:{request.match_info['id']}"
            await self._audit.record(session, staff.actor, "intent corrected", subject, intent=intent)
        return self._shell.page("desk/taught.html", request, {"intent": intent})

    async def _dialogue(self, session: AsyncSession, conversation_id: str) -> Dialogue:
        shown = await opened(session, conversation_id)
        if shown is None:
            raise web.HTTPNotFound
        return shown


async def _message(session: AsyncSession, request: web.Request) -> Message:
    message = await session.get(Message, request.match_info["message"])
    if message is None or message.conversation_id != request.match_info["id"]:
        raise web.HTTPNotFound
    return message


async def _newest_order(session: AsyncSession, customer_id: int) -> str | None:
    query = select(Order.number).where(Order.customer_id == customer_id, Order.state.not_in(CLOSED))
    return await session.scalar(query.order_by(Order.placed_at.desc()).limit(1))


def _intents(project: Path) -> tuple[str, ...]:
    """Every intent that a message may have, as the domain names them."""
    domain = yml.parse((project / "domain.yml").read_text(encoding="utf-8"))
    return tuple(sorted(name if isinstance(name, str) else next(iter(name)) for name in domain["intents"]))
