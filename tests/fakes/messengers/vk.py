"""A fake of VK: Callback API and messages.send, which answers errors with status 200."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from bot.channels.accounts import VkAccount
from tests.fakes.messengers.base import FakeProvider, Heard, Json, Person

TOKEN = "vk1.a.token"
GROUP = 77
SECRET = "vk-secret-key"


class FakeVk(FakeProvider):
    """One community."""

    name = "vk"
    account_limit = (20, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[tuple[str, str], int] = {}  # (peer, random_id) → message id
        self.uploads: dict[str, bytes] = {}

    def account(self) -> VkAccount:
        return VkAccount(
            kind="vk",
            token=SecretStr(TOKEN),
            group_id=GROUP,
            secret=SecretStr(SECRET),
            confirmation="c0nf1rm",
            api=self.url,
        )

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/method/{method}", self._method)
        router.add_post("/upload/{kind}", self._upload)
        router.add_get("/files/{name}", self._file)

    def sign(self, body: bytes) -> Mapping[str, str]:
        return {}  # the secret is inside the body

    def accepted(self, status: int, body: str) -> bool:
        return status == 200 and body == "ok"

    def too_many(self) -> web.Response:
        return _error(6, "Too many requests per second")

    # ---- events ----

    def event(self, kind: str, what: Json) -> Json:
        return {
            "type": kind,
            "group_id": GROUP,
            "event_id": f"{self.number():x}f0",
            "v": "5.199",
            "secret": SECRET,
            "object": what,
        }

    def message_event(self, person: Person, text: str = "", **more: Any) -> Json:
        id_ = self.number()
        peer = int(person.id)
        message = {
            "id": id_,
            "conversation_message_id": id_,
            "date": 1795270000,
            "peer_id": peer,
            "from_id": peer,
            "out": 0,
            "version": 1001,
            "text": text,
            "attachments": [],
            "fwd_messages": [],
        } | more
        info = {
            "button_actions": ["text", "callback"],
            "keyboard": True,
            "inline_keyboard": True,
            "lang_id": 0,
        }
        return self.event("message_new", {"message": message, "client_info": info})

    def text_event(self, person: Person, text: str) -> Json:
        return self.message_event(person, text)

    def press_event(self, person: Person, message: Heard, title: str, data: str) -> Json:
        return self.message_event(person, title, payload=data)

    # ---- requests ----

    async def _method(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.requests.append((method, form))
        if request.content_type != "application/x-www-form-urlencoded":
            return _error(100, "One of the parameters specified was missing or invalid")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(5, "User authorization failed: invalid access_token (4).")
        if (trouble := await self.trouble(request)) is not None:
            return trouble
        if method.endswith("UploadServer"):
            kind = "photo" if method.startswith("photos") else "doc"
            return _ok({"upload_url": f"{self.url}/upload/{kind}"})
        if method == "photos.saveMessagesPhoto":
            return _ok([{"id": int(form["photo"]), "owner_id": -GROUP, "access_key": "ak"}])
        if method == "docs.save":
            return _ok({"type": "doc", "doc": {"id": int(form["file"]), "owner_id": -GROUP}})
        return self._send(request, form)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        field = (await request.post())["photo" if kind == "photo" else "file"]
        assert isinstance(field, web.FileField)
        name = str(self.number())
        self.uploads[f"{kind}-{GROUP}_{name}"] = field.file.read()
        if kind == "photo":
            return web.json_response({"server": 1, "photo": name, "hash": "h"})
        return web.json_response({"file": name})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        content = self.uploads.get(request.match_info["name"])
        return web.Response(body=content) if content is not None else web.Response(status=404)

    def _send(self, request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        peer = form["peer_ids"]
        if not form.get("random_id") or form["random_id"] == "0":
            return _error(100, "random_id is a required parameter")
        person = self.people.get(peer)
        if person is None or person.blocked:
            problem = {"code": 901, "description": "Can't send messages for users without permission"}
            return _ok([{"peer_id": int(peer), "error": problem}])
        if person.gone:
            return _error(18, "User was deleted or banned")
        if not self.within_limits(peer):
            return self.too_many()
        if len(form["message"]) > 4096:
            return _error(914, "Message is too long")
        key = (peer, form["random_id"])
        if key not in self.known:
            heard = Heard(ref=str(self.number()), text=form["message"], raw=dict(form))
            if not self._keyboard(form, heard):
                return _error(911, "Keyboard format is invalid")
            if "attachment" in form:
                kind_owner, _, rest = form["attachment"].partition("_")
                heard.file = self.uploads[f"{kind_owner}_{rest.partition('_')[0]}"]
            self.known[key] = int(heard.ref)
            person.gets(heard)
        if (lost := self.dropped(request)) is not None:
            return lost
        return _ok([{"peer_id": int(peer), "message_id": self.known[key], "conversation_message_id": 1}])

    def _keyboard(self, form: dict[str, str], heard: Heard) -> bool:
        rows = json.loads(form.get("keyboard", '{"buttons": []}'))["buttons"]
        if len(rows) > 6 or sum(map(len, rows)) > 10 or any(len(row) > 5 for row in rows):
            return False
        for row in rows:
            for button in row:
                action = button["action"]
                if not 1 <= len(action["label"]) <= 40 or len(action["payload"]) > 255:
                    return False
                heard.buttons.append((action["label"], action["payload"]))
        return True


def _ok(response: Any) -> web.Response:
    return web.json_response({"response": response})


def _error(code: int, text: str) -> web.Response:
    return web.json_response({"error": {"error_code": code, "error_msg": text, "request_params": []}})
