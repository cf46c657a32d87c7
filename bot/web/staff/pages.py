"""Log-in, second factor, one's own account."""

from typing import Any

import aiohttp_jinja2
import segno
from aiohttp import web

from bot.web.staff.accounts import Accounts, WeakPassword
from bot.web.staff.guard import (
    COOKIE,
    HOME,
    LOG_IN,
    SESSIONS,
    check_token,
    current,
    inside,
    needs,
    same_site,
)
from bot.web.staff.roles import Right
from bot.web.staff.sessions import LONGEST, Locked, LogIn, Sessions, WrongPassword
from core.db import Database
from core.settings import ROOT
from core.texts import Texts

texts = Texts(ROOT / "bot/web/staff/texts.yml")
# Where people begin, by what they are here for; the first that they may.
DOORS = ((Right.ANSWER, "/desk"), (Right.TRAIN, "/studio"), (Right.RULES, "/proactive"))


class StaffPages:
    """Routes under `/staff`."""

    def __init__(
        self, db: Database, accounts: Accounts, sessions: Sessions, *, secure: bool, outside: bool = False
    ) -> None:
        """
        Args:
            secure: the site is reached by HTTPS, so the cookie goes no other way.
            outside: there is a log-in server of the company besides.
        """
        self._db = db
        self._accounts = accounts
        self._sessions = sessions
        self._secure = secure
        self._outside = outside

    def add_to(self, app: web.Application) -> None:
        app[SESSIONS] = self._sessions
        route = app.router
        route.add_get(HOME, self.home)
        route.add_get("/staff/login", self.log_in_page)
        route.add_post("/staff/login", self.log_in)
        route.add_get("/staff/second-factor", self.second_factor_page)
        route.add_post("/staff/second-factor", self.second_factor)
        route.add_post("/staff/logout", self.log_out)
        route.add_get("/staff/account", self.account)
        route.add_post("/staff/account/password", self.change_password)
        route.add_post("/staff/account/second-factor", self.set_up_second_factor)
        route.add_post("/staff/account/second-factor/confirm", self.confirm_second_factor)
        route.add_post("/staff/account/sessions/{id:\\d+}/end", self.end_session)

    @needs(None)
    async def home(self, request: web.Request) -> web.Response:
        """To where this person works."""
        rights = request[LOG_IN].staff.rights
        return _see(next((path for right, path in DOORS if right in rights), "/staff/account"))

    # --- log-in ---------------------------------------------------------------------------------------------

    async def log_in_page(self, request: web.Request) -> web.Response:
        log_in = await current(request)
        if log_in and not log_in.needs_second_factor:
            raise web.HTTPSeeOther(_target(request))
        refused = "oidc" if request.query.get("problem") == "oidc" else None
        return self._log_in_page(request, problem=refused)

    def _log_in_page(
        self, request: web.Request, *, problem: str | None, login: str = "", status: int = 200
    ) -> web.Response:
        values = {"problem": problem, "login": login, "outside": self._outside}
        return _page("staff/login.html", request, values, status=status)

    async def log_in(self, request: web.Request) -> web.Response:
        same_site(request)
        form = await request.post()
        login, password = str(form.get("login", "")), str(form.get("password", ""))
        try:
            token = await self._sessions.begin(
                login, password, request.remote or "", request.headers.get("User-Agent", "")
            )
        except WrongPassword:
            return self._log_in_page(request, problem="wrong_password", login=login, status=422)
        except Locked:
            return self._log_in_page(request, problem="locked", login=login, status=429)
        response = _see(_target(request))
        response.set_cookie(
            COOKIE,
            token,
            max_age=int(LONGEST.total_seconds()),
            httponly=True,
            secure=self._secure,
            samesite="Lax",
        )
        return response

    async def second_factor_page(self, request: web.Request) -> web.Response:
        if await current(request) is None:
            raise web.HTTPSeeOther("/staff/login")
        return _page("staff/second_factor.html", request, {"problem": None})

    async def second_factor(self, request: web.Request) -> web.Response:
        same_site(request)
        log_in = await current(request)
        if log_in is None:
            raise web.HTTPSeeOther("/staff/login")
        try:
            right = await self._sessions.second_factor(log_in, str((await request.post()).get("code", "")))
        except Locked:
            return _page("staff/second_factor.html", request, {"problem": "locked"}, status=429)
        if not right:
            return _page("staff/second_factor.html", request, {"problem": "wrong_code"}, status=422)
        return _see(_target(request))

    async def log_out(self, request: web.Request) -> web.Response:
        if log_in := await current(request):
            await check_token(request, log_in)
            await self._sessions.end(log_in.id, log_in.staff.id)
        response = _see("/staff/login")
        response.del_cookie(COOKIE)
        return response

    # --- one's own account ----------------------------------------------------------------------------------

    @needs(None)
    async def account(self, request: web.Request) -> web.Response:
        return await self._account(request)

    @needs(None)
    async def change_password(self, request: web.Request) -> web.Response:
        staff = request[LOG_IN].staff
        form = await request.post()
        async with self._db.write() as session:
            right = await self._accounts.checked(session, staff.login, str(form.get("old", "")))
        if right is None:
            return await self._account(request, problem="wrong_password")
        try:
            await self._accounts.set_password(staff.id, str(form.get("new", "")), staff.actor)
        except WeakPassword:
            return await self._account(request, problem="weak_password")
        for other in await self._sessions.of_account(staff.id):
            if other.id != request[LOG_IN].id:
                await self._sessions.end(other.id, staff.id)
        return await self._account(request, done="password_changed")

    @needs(None)
    async def set_up_second_factor(self, request: web.Request) -> web.Response:
        staff = request[LOG_IN].staff
        if staff.second_factor:
            raise web.HTTPConflict
        uri = await self._accounts.offer_second_factor(staff.id)
        picture = segno.make(uri, error="m").svg_data_uri(scale=5, border=2)
        return await self._account(
            request, picture=picture, secret=uri.partition("secret=")[2].partition("&")[0]
        )

    @needs(None)
    async def confirm_second_factor(self, request: web.Request) -> web.Response:
        code = str((await request.post()).get("code", ""))
        async with self._db.write() as session:
            taken = await self._accounts.take_code(session, request[LOG_IN].staff.id, code, confirm=True)
        if not taken:
            return await self._account(request, problem="wrong_code")
        return _see("/staff/account")

    @needs(None)
    async def end_session(self, request: web.Request) -> web.Response:
        await self._sessions.end(int(request.match_info["id"]), request[LOG_IN].staff.id)
        return _see("/staff/account")

    async def _account(self, request: web.Request, **values: Any) -> web.Response:
        sessions = await self._sessions.of_account(request[LOG_IN].staff.id)
        values = {
            "problem": None,
            "done": None,
            "picture": None,
            "secret": None,
            "sessions": sessions,
        } | values
        return staff_page("staff/account.html", request, values, status=422 if values["problem"] else 200)


def staff_page(
    template: str, request: web.Request, values: dict[str, Any], *, status: int = 200
) -> web.Response:
    """A page for somebody who is logged in."""
    log_in: LogIn = request[LOG_IN]
    base = {
        "staff": log_in.staff,
        "rights": {right.value for right in log_in.staff.rights},
        "csrf": log_in.csrf,
    }
    return _page(template, request, base | values, status=status, language=log_in.staff.language)


def _page(
    template: str,
    request: web.Request,
    values: dict[str, Any],
    *,
    status: int = 200,
    language: str | None = None,
) -> web.Response:
    language = language or _language(request)
    shared = {
        "lang": language,
        "t": lambda key, **given: texts(key, language, **given),
        "to": _target(request),
    }
    page = aiohttp_jinja2.render_template(template, request, shared | values, status=status)
    page.headers["Cache-Control"] = "no-store"
    return page


def _language(request: web.Request) -> str:
    return "en" if request.headers.get("Accept-Language", "").lower().startswith("en") else "ru"


def _target(request: web.Request) -> str:
    """Where to go after the log-in: a path of ours, never another site."""
    return inside(request.query.get("to", HOME))


def _see(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})
