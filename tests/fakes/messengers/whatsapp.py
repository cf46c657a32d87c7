"""A fake of WhatsApp's Cloud API."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from bot.channels.accounts import WhatsAppAccount
from tests.fakes.messengers.base import FakeProvider, Heard, Json, Person

TOKEN = "wa-token"
APP_SECRET = "wa-app-secret"
NUMBER_ID = "1122334455667"
WINDOW = 24 * 3600


class FakeWhatsApp(FakeProvider):
    """One number."""

    name = "whatsapp"
    account_limit = (80, 1.0)
    chat_limit = (10, 60.0)

    def __init__(self) -> None:
        super().__init__()
        self.media: dict[str, bytes] = {}
        self.templates = {"order_shipped"}

    def account(self) -> WhatsAppAccount:
        return WhatsAppAccount(
            kind="whatsapp",
            token=SecretStr(TOKEN),
            app_secret=SecretStr(APP_SECRET),
            verify_token=SecretStr("verify-me"),
            phone_number_id=NUMBER_ID,
            api=f"{self.url}/v25.0",
        )

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v25.0/{number}/messages", self._send)
        router.add_post("/v25.0/{number}/media", self._upload)
        router.add_get("/v25.0/{media}", self._media)
        router.add_get("/files/{media}", self._file)

    def sign(self, body: bytes) -> Mapping[str, str]:
        digest = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={digest}"}

    def too_many(self) -> web.Response:
        return _error(429, 130429, "Rate limit hit")

    # ---- events ----

    def change(self, **value: Any) -> Json:
        metadata = {"display_phone_number": "74951234567", "phone_number_id": NUMBER_ID}
        content = {"messaging_product": "whatsapp", "metadata": metadata} | value
        return {
            "object": "whatsapp_business_account",
            "entry": [{"id": "WABA", "changes": [{"field": "messages", "value": content}]}],
        }

    def message_event(self, person: Person, type_: str, content: Any, **more: Any) -> Json:
        person.last_wrote = time.time()
        message = {
            "from": person.id,
            "id": f"wamid.{self.number()}",
            "timestamp": "1795270000",
            "type": type_,
            type_: content,
        } | more
        contact = {"profile": {"name": person.name}, "wa_id": person.id}
        return self.change(contacts=[contact], messages=[message])

    def text_event(self, person: Person, text: str) -> Json:
        return self.message_event(person, "text", {"body": text})

    def press_event(self, person: Person, message: Heard, title: str, data: str) -> Json:
        kind = message.raw["interactive"]["type"]
        reply = "button_reply" if kind == "button" else "list_reply"
        content = {"type": reply, reply: {"id": data, "title": title}}
        context = {"from": NUMBER_ID, "id": message.ref}
        return self.message_event(person, "interactive", content, context=context)

    def status_event(self, person: Person, ref: str, status: str, **more: Any) -> Json:
        told = {"id": ref, "status": status, "timestamp": "1795270010", "recipient_id": person.id} | more
        return self.change(statuses=[told])

    # ---- requests ----

    async def _refused(self, request: web.Request) -> web.StreamResponse | None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, 190, "Access token has expired")
        return await self.trouble(request)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._refused(request)) is not None:
            return refused
        field = (await request.post())["file"]
        assert isinstance(field, web.FileField)
        id_ = str(self.number())
        self.media[id_] = field.file.read()
        return web.json_response({"id": id_})

    async def _media(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._refused(request)) is not None:
            return refused
        id_ = request.match_info["media"]
        if id_ not in self.media:
            return _error(400, 100, "Unsupported get request")
        return web.json_response({"url": f"{self.url}/files/{id_}", "mime_type": "image/jpeg", "id": id_})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        return web.Response(body=self.media[request.match_info["media"]])

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(("messages", body))
        if (refused := await self._refused(request)) is not None:
            return refused
        address = body.get("to") or body.get("recipient")
        person = self.people.get(address)
        if person is None or person.gone:
            return _error(400, 131026, "Message undeliverable")
        if not self.within_limits(address):
            return _error(400, 131056, "Pair rate limit hit")
        if problem := self._window(person, body):
            return problem
        heard = Heard(ref=f"wamid.OUT{self.number()}", raw=body)
        if not self._content(body, heard):
            return _error(400, 100, "Invalid parameter")
        person.gets(heard)
        if (lost := self.dropped(request)) is not None:
            return lost
        known = {"input": address, "wa_id": address}
        return web.json_response(
            {"messaging_product": "whatsapp", "contacts": [known], "messages": [{"id": heard.ref}]}
        )

    def _window(self, person: Person, body: Json) -> web.Response | None:
        if body["type"] == "template":
            known = body["template"]["name"] in self.templates
            return None if known else _error(404, 132001, "Template name does not exist")
        if person.last_wrote is None or time.time() - person.last_wrote > WINDOW:
            return _error(400, 131047, "Re-engagement message")
        return None

    def _content(self, body: Json, heard: Heard) -> bool:
        match body["type"]:
            case "text":
                heard.text = body["text"]["body"]
                return 0 < len(heard.text) <= 4096
            case "interactive":
                return self._interactive(body["interactive"], heard)
            case "template":
                heard.text = body["template"]["name"]
                return True
        heard.file = self.media[body[body["type"]]["id"]]
        return True

    def _interactive(self, interactive: Json, heard: Heard) -> bool:
        heard.text = interactive["body"]["text"]
        action = interactive["action"]
        if interactive["type"] == "button":
            heard.buttons = [(each["reply"]["title"], each["reply"]["id"]) for each in action["buttons"]]
            most, longest = 3, 20
        else:
            rows = [row for section in action["sections"] for row in section["rows"]]
            heard.buttons = [(row["title"], row["id"]) for row in rows]
            most, longest = 10, 24
        fit = all(0 < len(title) <= longest and len(id_) <= 200 for title, id_ in heard.buttons)
        return fit and 0 < len(heard.buttons) <= most and 0 < len(heard.text) <= 1024


def _error(status: int, code: int, message: str) -> web.Response:
    error = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code, "fbtrace_id": "x"}
    return web.json_response({"error": error}, status=status)
