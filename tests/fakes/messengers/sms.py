"""A fake of smsc.ru."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import SecretStr

from bot.channels.accounts import SmsAccount
from tests.fakes.messengers.base import FakeProvider, Heard, Json, Person


class FakeSms(FakeProvider):
    """One account."""

    name = "sms"
    account_limit = (10, 1.0)
    content_type = "application/x-www-form-urlencoded"

    def account(self) -> SmsAccount:
        return SmsAccount(kind="sms", login="shop", password=SecretStr("pass"), api=self.url)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/rest/send/", self._send)

    def sign(self, body: bytes) -> Mapping[str, str]:
        return {}

    def body(self, event: Any) -> bytes:
        return urlencode(event).encode()

    def too_many(self) -> web.Response:
        return _error(9, "too many requests")

    def text_event(self, person: Person, text: str) -> Json:
        raise NotImplementedError("nobody writes to us by SMS")

    def press_event(self, person: Person, message: Heard, title: str, data: str) -> Json:
        raise NotImplementedError("SMS has no buttons")

    def status_event(self, person: Person, ref: str, status: int) -> Json:
        return {"id": ref, "phone": person.id, "status": status, "time": "20.11.2026 12:00:00"}

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(("send", body))
        if (body["login"], body["psw"]) != ("shop", "pass"):
            return _error(2, "authorise error")
        if (trouble := await self.trouble(request)) is not None:
            return trouble
        person = self.people.get(body["phones"])
        if person is None:
            return _error(7, "invalid number")
        if person.gone or person.blocked:
            return _error(8, "message can't be delivered")
        if not self.within_limits(person.id):
            return self.too_many()
        person.gets(Heard(ref=str(body["id"]), text=body["mes"], raw=body))
        if (lost := self.dropped(request)) is not None:
            return lost
        return web.json_response({"id": body["id"], "cnt": 1})


def _error(code: int, text: str) -> web.Response:
    return web.json_response({"error": text, "error_code": code})
