"""Pages of supervisors: the board, people's skills, score cards."""

from aiohttp import web
from sqlalchemy import update

from bot.desk.board import board
from bot.desk.presence import seen
from bot.desk.reviews import CRITERIA, BadScores, judged, review, reviews_of, to_review
from bot.desk.shell import Shell, number
from bot.desk.tables import DeskAgent
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from bot.web.staff.tables import StaffAccount
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from crm_bridge.models import Conversation

CHANNELS = ("webchat", "telegram", "max", "vk", "whatsapp", "viber", "email", "sms")
LANGUAGES = ("ru", "en")
MOST = 50  # dialogues at once


class Supervising:
    """Routes for those who supervise."""

    def __init__(self, db: Database, clock: Clock, shell: Shell, time_zone: str) -> None:
        self._db = db
        self._clock = clock
        self._shell = shell
        self._time_zone = time_zone
        self._audit = Audit(clock)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/desk/board", self.board)
        route.add_get("/desk/board/now", self.now)
        route.add_get("/desk/agents/{id:\\d+}", self.agent)
        route.add_post("/desk/agents/{id:\\d+}", self.set_skills)
        route.add_get("/desk/c/{id}/review", self.card)
        route.add_post("/desk/c/{id}/review", self.review)

    @needs(Right.SUPERVISE)
    async def board(self, request: web.Request) -> web.Response:
        return await self._board(request, "desk/board.html")

    @needs(Right.SUPERVISE)
    async def now(self, request: web.Request) -> web.Response:
        return await self._board(request, "desk/board_now.html")

    async def _board(self, request: web.Request, template: str) -> web.Response:
        now = self._clock.now()
        async with self._db.read() as session:
            values = {
                "board": await board(session, now, self._time_zone),
                "judged": await judged(session, now),
                "to_review": await to_review(session, now),
                "now": now,
            }
        return self._shell.page(template, request, values)

    # --- skills ---------------------------------------------------------------------------------------------

    @needs(Right.SUPERVISE)
    async def agent(self, request: web.Request) -> web.Response:
        account_id = int(request.match_info["id"])
        async with self._db.read() as session:
            account = await session.get(StaffAccount, account_id)
            row = await session.get(DeskAgent, account_id)
        if account is None:
            raise web.HTTPNotFound
        values = {"account": account, "agent": row, "channels": CHANNELS, "languages": LANGUAGES}
        return self._shell.page("desk/agent.html", request, values | {"capacity": self._shell.rules.capacity})

    @needs(Right.SUPERVISE)
    async def set_skills(self, request: web.Request) -> web.Response:
        account_id, form = int(request.match_info["id"]), await request.post()
        capacity = number(str(form.get("capacity", "")))
        teams = {team.key for team in self._shell.rules.teams}
        skills = {
            "teams": [str(one) for one in form.getall("teams", []) if one in teams],
            "languages": [str(one) for one in form.getall("languages", []) if one in LANGUAGES],
            "channels": [str(one) for one in form.getall("channels", []) if one in CHANNELS],
        }
        if not 1 <= capacity <= MOST:
            raise web.HTTPUnprocessableEntity
        async with self._db.write() as session:
            if await session.get(StaffAccount, account_id) is None:
                raise web.HTTPNotFound
            if await session.get(DeskAgent, account_id) is None:
                await seen(session, {account_id}, self._clock.now(), capacity)
                await session.execute(
                    update(DeskAgent).where(DeskAgent.account_id == account_id).values(seen_at=None)
                )
            await session.execute(
                update(DeskAgent)
                .where(DeskAgent.account_id == account_id)
                .values(capacity=capacity, **skills)
                .execution_options(synchronize_session=False)
            )
            actor = request[LOG_IN].staff.actor
            await self._audit.record(session, actor, "skills changed", f"staff:{account_id}", **skills)
        raise web.HTTPSeeOther("/desk/board")

    # --- quality --------------------------------------------------------------------------------------------

    @needs(Right.SUPERVISE)
    async def card(self, request: web.Request) -> web.Response:
        return await self._card(request)

    async def _card(self, request: web.Request, problem: str | None = None) -> web.Response:
        async with self._db.read() as session:
            if await session.get(Conversation, request.match_info["id"]) is None:
                raise web.HTTPNotFound
            cards = await reviews_of(session, request.match_info["id"])
        values = {"cards": cards, "criteria": CRITERIA, "problem": problem}
        values |= {"conversation_id": request.match_info["id"]}
        return self._shell.page("desk/review.html", request, values, status=422 if problem else 200)

    @needs(Right.SUPERVISE)
    async def review(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        conversation_id, staff = request.match_info["id"], request[LOG_IN].staff
        try:
            async with self._db.write() as session:
                if await session.get(Conversation, conversation_id) is None:
                    raise web.HTTPNotFound
                comment = form.get("comment", "").strip()
                await review(session, conversation_id, staff.id, form, comment, self._clock.now())
                subject = f"conversation:{conversation_id}"
                await self._audit.record(session, staff.actor, "dialogue reviewed", subject)
        except BadScores:
            return await self._card(request, problem="review.bad")
        raise web.HTTPSeeOther(f"/desk/c/{conversation_id}/review")
