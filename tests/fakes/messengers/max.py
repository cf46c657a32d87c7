"""A fake of MAX's platform-api2."""

import html
import re
from collections.abc import Mapping

from aiohttp import web
from pydantic import SecretStr

from bot.channels.accounts import MaxAccount
from tests.fakes.messengers.base import FakeProvider, Heard, Json, Person

TOKEN = "max-token"
AT = 1795270000000


class FakeMax(FakeProvider):
    """One bot."""

    name = "max"
    account_limit = (30, 1.0)
    chat_limit = (2, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions: list[Json] = []
        self.answered_presses: list[str] = []
        self.files: dict[str, bytes] = {}
        self.not_ready = 0  # how often an upload is not ready yet
        self.clock = AT

    def account(self) -> MaxAccount:
        return MaxAccount(kind="max", token=SecretStr(TOKEN), api=self.url)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/subscriptions", self._subscriptions)
        router.add_post("/subscriptions", self._subscribe)
        router.add_post("/messages", self._send)
        router.add_post("/answers", self._answer)
        router.add_post("/uploads", self._upload)
        router.add_post("/upload/{token}", self._uploaded)
        router.add_get("/files/{token}", self._file)

    def sign(self, body: bytes) -> Mapping[str, str]:
        return {"X-Max-Bot-Api-Secret": self.subscriptions[0]["secret"] if self.subscriptions else ""}

    def too_many(self) -> web.Response:
        return _error(429, "too.many.requests")

    def unsubscribe(self) -> None:
        """What MAX does after eight hours of failures."""
        self.subscriptions.clear()

    # ---- events ----

    def _at(self) -> int:
        self.clock += 1
        return self.clock

    def user(self, person: Person) -> Json:
        return {
            "user_id": int(person.id),
            "first_name": person.name,
            "last_name": "И.",
            "username": None,
            "is_bot": False,
        }

    def message_event(self, person: Person, kind: str = "message_created", **body: object) -> Json:
        at = self._at()
        content = {"mid": f"mid.{self.number():08x}", "seq": at, "text": None, "attachments": []} | body
        message = {
            "sender": self.user(person),
            "recipient": {"chat_id": 9000 + int(person.id), "chat_type": "dialog"},
            "timestamp": at,
            "body": content,
        }
        return {"update_type": kind, "timestamp": at, "user_locale": person.language, "message": message}

    def text_event(self, person: Person, text: str) -> Json:
        return self.message_event(person, text=text)

    def press_event(self, person: Person, message: Heard, title: str, data: str) -> Json:
        at = self._at()
        callback = {
            "timestamp": at,
            "callback_id": f"cb{self.number()}",
            "payload": data,
            "user": self.user(person),
        }
        return {"update_type": "message_callback", "timestamp": at, "callback": callback, "message": {}}

    def dialog_event(self, person: Person, kind: str, payload: str | None = None) -> Json:
        return {
            "update_type": kind,
            "timestamp": self._at(),
            "chat_id": 9000 + int(person.id),
            "user": self.user(person),
            "payload": payload,
            "user_locale": person.language,
        }

    # ---- requests ----

    async def _refused(self, request: web.Request) -> web.StreamResponse | None:
        if request.headers.get("Authorization") != TOKEN:
            return _error(401, "verify.token")
        return await self.trouble(request)

    async def _subscriptions(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._refused(request)) is not None:
            return refused
        shown = [{key: each[key] for key in ("url", "update_types")} for each in self.subscriptions]
        return web.json_response({"subscriptions": shown})

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._refused(request)) is not None:
            return refused
        body = await request.json()
        if not re.fullmatch(r"[a-zA-Z0-9_-]{5,256}", body["secret"]):
            return _error(400, "proto.payload")
        self.subscriptions = [body]
        self.hook = body["url"]
        return web.json_response({"success": True})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._refused(request)) is not None:
            return refused
        self.answered_presses.append(request.query["callback_id"])
        return web.json_response({"success": True})

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._refused(request)) is not None:
            return refused
        token = f"up{self.number()}"
        place: Json = {"url": f"{self.url}/upload/{token}"}
        if request.query["type"] in ("video", "audio"):
            place["token"] = token
        return web.json_response(place)

    async def _uploaded(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        field = (await request.post())["data"]
        assert isinstance(field, web.FileField)
        self.files[token] = field.file.read()
        if field.content_type.startswith("image/"):
            return web.json_response({"photos": {"hash": {"token": token}}})
        return web.json_response({"fileId": 1, "token": token})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        content = self.files.get(request.match_info["token"])
        return web.Response(body=content) if content is not None else web.Response(status=404)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(("messages", body))
        if (refused := await self._refused(request)) is not None:
            return refused
        address = request.query["user_id"]
        person = self.people.get(address)
        if person is None or person.gone:
            return _error(404, "chat.not.found")
        if person.blocked:
            return _error(403, "chat.denied")
        if not self.within_limits(address):
            return self.too_many()
        if len(body.get("text") or "") >= 4000:
            return _error(400, "proto.payload")
        heard = Heard(ref=f"mid.{self.number():08x}", raw=body)
        heard.text = html.unescape(re.sub(r"<[^>]+>", "", body.get("text") or ""))
        for attachment in body.get("attachments") or ():
            payload = attachment["payload"]
            if attachment["type"] == "inline_keyboard":
                rows = payload["buttons"]
                if len(rows) > 30 or any(len(row) > 7 for row in rows):
                    return _error(400, "proto.payload")
                heard.buttons = [(each["text"], each["payload"]) for row in rows for each in row]
            elif self.not_ready > 0:
                self.not_ready -= 1
                return _error(400, "attachment.not.ready")
            else:
                token = payload.get("token") or next(iter(payload["photos"].values()))["token"]
                heard.file = self.files[token]
        person.gets(heard)
        if (lost := self.dropped(request)) is not None:
            return lost
        message = {
            "recipient": {"chat_id": 9000 + int(address), "chat_type": "dialog"},
            "timestamp": self._at(),
            "body": {"mid": heard.ref, "seq": 1, "text": heard.text, "attachments": []},
        }
        return web.json_response({"message": message})


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"code": code, "message": f"error: {code}"}, status=status)
