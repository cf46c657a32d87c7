"""A fake of Viber's REST bot API, which answers errors with status 200."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from bot.channels.accounts import ViberAccount
from tests.fakes.messengers.base import FakeProvider, Heard, Json, Person

TOKEN = "44dafb7e0f40021e-61a47a1e6778d187-f2c5a676a07050b3"


class FakeViber(FakeProvider):
    """One bot."""

    name = "viber"
    account_limit = (50, 1.0)

    def account(self) -> ViberAccount:
        return ViberAccount(kind="viber", token=SecretStr(TOKEN), sender="Забота", api=self.url)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/pa/{method}", self._method)

    def sign(self, body: bytes) -> Mapping[str, str]:
        return {"X-Viber-Content-Signature": hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest()}

    def accepted(self, status: int, body: str) -> bool:
        return status == 200

    def too_many(self) -> web.Response:
        return _answer(12, "tooManyRequests")

    # ---- events ----

    def event(self, kind: str, **more: Any) -> Json:
        return {
            "event": kind,
            "timestamp": 1795270000000,
            "message_token": 4912 * 10**15 + self.number(),
        } | more

    def user(self, person: Person) -> Json:
        return {"id": person.id, "name": person.name, "language": person.language, "api_version": 7}

    def message_event(self, person: Person, **message: Any) -> Json:
        return self.event("message", sender=self.user(person), message=message)

    def text_event(self, person: Person, text: str) -> Json:
        return self.message_event(person, type="text", text=text)

    def press_event(self, person: Person, message: Heard, title: str, data: str) -> Json:
        return self.text_event(person, data)

    # ---- requests ----

    async def _method(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        method = request.match_info["method"]
        self.requests.append((method, body))
        if request.headers.get("X-Viber-Auth-Token") != TOKEN:
            return _answer(2, "invalidAuthToken")
        if (trouble := await self.trouble(request)) is not None:
            return trouble
        if method == "set_webhook":
            self.hook = body["url"]
            tried = await self.post(self.body(self.event("webhook")))
            return _answer(0, "ok") if tried else _answer(1, "invalidUrl")
        return self._send(request, body)

    def _send(self, request: web.Request, body: Json) -> web.StreamResponse:
        person = self.people.get(body["receiver"])
        if person is None or person.gone:
            return _answer(5, "receiverNotRegistered")
        if person.blocked:
            return _answer(6, "receiverNotSubscribed")
        if not self.within_limits(person.id):
            return self.too_many()
        if not 0 < len(body["text"]) <= 7000 or len(str(body).encode()) > 30_000:
            return _answer(3, "badData")
        token = 5741 * 10**15 + self.number()
        heard = Heard(ref=str(token), text=body["text"], raw=body)
        for button in body.get("keyboard", {}).get("Buttons", ()):
            assert button["Silent"], "the customer would see the id"
            heard.buttons.append((button["Text"], button["ActionBody"]))
        person.gets(heard)
        if (lost := self.dropped(request)) is not None:
            return lost
        return _answer(0, "ok", message_token=token)


def _answer(status: int, message: str, **more: Any) -> web.Response:
    return web.json_response({"status": status, "status_message": message} | more)
