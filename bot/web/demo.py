"""The demo company's pages: a shop with the chat in it, and the place where one-time codes arrive.

The shop plays the part of a company's own site: it knows who is signed in and signs the user id for the chat.
"""

import hashlib
import hmac
import secrets
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from core.db import Database
from crm_bridge.demo import DemoCustomer, showcase
from crm_bridge.identity import user_hash
from crm_bridge.notices import Notices

USER, CSRF = "zabota_demo_user", "zabota_demo_csrf"


class DemoShop:
    """Routes of the shop; only there when `ZABOTA_DEMO` is on."""

    def __init__(self, db: Database, notices: Notices, site_key: bytes) -> None:
        self._db = db
        self._notices = notices
        self._site_key = site_key

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/", self.shop)
        app.router.add_get("/demo/outbox", self.outbox)
        app.router.add_post("/demo/sign-in", self.sign_in)
        app.router.add_post("/demo/sign-out", self.sign_out)

    async def shop(self, request: web.Request) -> web.Response:
        lang = _language(request)
        customers = await showcase(self._db, lang)
        user = self._signed_in(request, customers)
        csrf = request.cookies.get(CSRF) or secrets.token_urlsafe(24)
        page = aiohttp_jinja2.render_template(
            "shop.html",
            request,
            {
                "lang": lang,
                "customers": [_card(customer) for customer in customers],
                "user": user,
                "csrf": csrf,
            },
        )
        page.set_cookie(CSRF, csrf, httponly=True, samesite="Strict")
        page.headers["Cache-Control"] = "no-store"
        return page

    async def outbox(self, request: web.Request) -> web.Response:
        notices = [
            {"at": notice.created_at, "channel": notice.channel, "to": notice.address, "text": notice.text}
            for notice in await self._notices.unsent()
        ]
        page = aiohttp_jinja2.render_template(
            "demo_outbox.html", request, {"lang": _language(request), "notices": notices}
        )
        page.headers["Cache-Control"] = "no-store"
        return page

    async def sign_in(self, request: web.Request) -> web.Response:
        form = await self._checked(request)
        chosen = str(form.get("customer", ""))
        if chosen not in {customer.external_ref for customer in await showcase(self._db)}:
            raise web.HTTPBadRequest(text="no such demo customer")
        response = self._back(request)
        response.set_cookie(USER, f"{chosen}.{self._seal(chosen)}", httponly=True, samesite="Lax")
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        await self._checked(request)
        response = self._back(request)
        response.del_cookie(USER)
        return response

    async def _checked(self, request: web.Request) -> Any:
        form = await request.post()
        expected = request.cookies.get(CSRF, "")
        if not expected or not hmac.compare_digest(str(form.get("csrf", "")).encode(), expected.encode()):
            raise web.HTTPForbidden(text="the form is out of date: reload the page")
        return form

    def _back(self, request: web.Request) -> web.Response:
        return web.Response(status=303, headers={"Location": f"/?lang={_language(request)}"})

    def _signed_in(self, request: web.Request, customers: list[DemoCustomer]) -> dict[str, str] | None:
        chosen, _, seal = request.cookies.get(USER, "").rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(chosen).encode()):
            return None
        for customer in customers:
            if customer.external_ref == chosen:
                return {"id": chosen, "hash": user_hash(self._site_key, chosen), "name": customer.name}
        return None

    def _seal(self, chosen: str) -> str:
        return hmac.new(self._site_key, f"demo session {chosen}".encode(), hashlib.sha256).hexdigest()


def _language(request: web.Request) -> str:
    asked = request.query.get("lang")
    if asked in ("ru", "en"):
        return asked
    return "en" if request.headers.get("Accept-Language", "").lower().startswith("en") else "ru"


def _card(customer: DemoCustomer) -> dict[str, Any]:
    return {
        "id": customer.external_ref,
        "name": customer.name,
        "language": customer.language,
        "phone": customer.phone,
        "email": customer.email,
        "orders": customer.orders,
        "situation": customer.situation,
    }
