"""The way to the company's log-in server and back."""

from aiohttp import web

from bot.web.staff.guard import COOKIE, HOME, inside
from bot.web.staff.oidc import TRIP, NotBelieved, OpenId
from bot.web.staff.sessions import LONGEST, Sessions
from core import logs
from core.db import Database

log = logs.get("oidc")
TICKET = "zabota_oidc"


class OidcPages:
    """Routes under `/staff/oidc`; there only when a server is named."""

    def __init__(self, db: Database, openid: OpenId, sessions: Sessions, *, secure: bool) -> None:
        self._db = db
        self._openid = openid
        self._sessions = sessions
        self._secure = secure

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/staff/oidc", self.depart)
        app.router.add_get("/staff/oidc/back", self.arrive)

    async def depart(self, request: web.Request) -> web.Response:
        to = inside(request.query.get("to", HOME))
        try:
            departure = await self._openid.depart(to)
        except NotBelieved as why:
            log.error("the log-in server does not answer as it should", why=str(why))
            raise web.HTTPSeeOther("/staff/login?problem=oidc") from None
        response = web.Response(status=303, headers={"Location": departure.address})
        self._put(response, TICKET, departure.ticket, int(TRIP.total_seconds()))
        return response

    async def arrive(self, request: web.Request) -> web.Response:
        given = request.query
        try:
            async with self._db.write() as session:
                account_id, to = await self._openid.arrive(
                    session, request.cookies.get(TICKET, ""), given.get("state", ""), given.get("code", "")
                )
        except NotBelieved as why:
            log.warning("a log-in from outside was refused", why=str(why))
            raise web.HTTPSeeOther("/staff/login?problem=oidc") from None
        token = await self._sessions.admit(account_id, request.headers.get("User-Agent", ""))
        response = web.Response(status=303, headers={"Location": to})
        self._put(response, COOKIE, token, int(LONGEST.total_seconds()))
        response.del_cookie(TICKET)
        return response

    def _put(self, response: web.Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(name, value, max_age=seconds, httponly=True, secure=self._secure, samesite="Lax")
