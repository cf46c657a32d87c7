"""Who may see a page: the log-in is found once a request, the right is asked for by the handler."""

import hmac
from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import quote

from aiohttp import web

from bot.web.staff.roles import Right
from bot.web.staff.sessions import LogIn, Sessions

COOKIE = "zabota_staff"
HOME = "/staff"  # from there everybody is sent to where they work
SESSIONS = web.AppKey("staff sessions", Sessions)
LOG_IN = web.RequestKey("log_in", LogIn)
SAFE_METHODS = frozenset({"GET", "HEAD"})
FORM_FIELD, HEADER = "csrf", "X-CSRF-Token"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Method = Callable[..., Awaitable[web.StreamResponse]]


def needs(right: Right | None) -> Callable[[Method], Method]:
    """Let a handler (a method with the request as its only argument) be called by those who may alone.

    Others are sent to the log-in, or refused. What changes something must carry the session's token, be it
    a field of the form or a header. `right`: None for everybody who works here.
    """

    def guarded(method: Method) -> Method:
        @wraps(method)
        async def handle(self: object, request: web.Request) -> web.StreamResponse:
            log_in = await current(request)
            if log_in is None or log_in.needs_second_factor:
                raise _to_log_in(request, log_in)
            if right is not None and right not in log_in.staff.rights:
                raise web.HTTPForbidden(text="403")
            if request.method not in SAFE_METHODS:
                await check_token(request, log_in)
            request[LOG_IN] = log_in
            return await method(self, request)

        return handle

    return guarded


async def current(request: web.Request) -> LogIn | None:
    """The log-in of this browser."""
    return await request.app[SESSIONS].find(request.cookies.get(COOKIE, ""))


async def check_token(request: web.Request, log_in: LogIn) -> None:
    """Refuse what another site made this browser send."""
    given = request.headers.get(HEADER) or str((await request.post()).get(FORM_FIELD, ""))
    if not hmac.compare_digest(given.encode(), log_in.csrf.encode()):
        raise web.HTTPForbidden(text="the page is out of date: reload it")


def same_site(request: web.Request) -> None:
    """Refuse a form that was sent from another site, where there is no session yet to carry a token."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise web.HTTPForbidden(text="the form comes from another site")


def _to_log_in(request: web.Request, log_in: LogIn | None) -> web.HTTPException:
    if request.headers.get("HX-Request") or request.method not in SAFE_METHODS:
        return web.HTTPUnauthorized(text="log in again", headers={"HX-Redirect": "/staff/login"})
    page = "/staff/second-factor" if log_in else "/staff/login"
    return web.HTTPSeeOther(f"{page}?to={quote(request.path_qs)}")


def inside(path: str) -> str:
    """A path of ours to go on to: never another site."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else HOME
