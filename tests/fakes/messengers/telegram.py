"""A fake of Telegram's Bot API server: behaves as its source and documentation say."""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.channels.accounts import TelegramAccount
from tests.fakes.messengers.base import FakeProvider, Heard, Json, Person

TOKEN = "123456:fake-token_for-tests"
BOT = "shop_bot"
DATE = 1795270000


class FakeTelegram(FakeProvider):
    """One bot."""

    name = "telegram"
    account_limit = (30, 1.0)
    chat_limit = (1, 1.0)

    def __init__(self) -> None:
        super().__init__()
        self.secret = ""
        self.files: dict[str, bytes] = {}
        self.answered_presses: list[str] = []
        self.webhook: Json = {}

    def account(self) -> TelegramAccount:
        return TelegramAccount(kind="telegram", token=TOKEN, api=self.url)  # type: ignore[arg-type]

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/bot{token}/{method}", self._method)
        router.add_get("/file/bot{token}/{path:.+}", self._file)

    def sign(self, body: bytes) -> Mapping[str, str]:
        return {"X-Telegram-Bot-Api-Secret-Token": self.secret}

    def too_many(self) -> web.Response:
        return _error(429, "Too Many Requests: retry after 1", retry_after=1)

    def broken(self) -> web.Response:
        return _error(500, "Internal Server Error")

    # ---- events ----

    def update(self, **content: Any) -> Json:
        return {"update_id": 900_000 + self.number()} | content

    def message(self, person: Person, **content: Any) -> Json:
        return {
            "message_id": self.number(),
            "date": DATE,
            "from": self.user(person),
            "chat": {"id": int(person.id), "type": "private", "first_name": person.name},
        } | content

    def user(self, person: Person) -> Json:
        return {
            "id": int(person.id),
            "is_bot": False,
            "first_name": person.name,
            "language_code": person.language,
        }

    def text_event(self, person: Person, text: str) -> Json:
        return self.update(message=self.message(person, text=text))

    def press_event(self, person: Person, message: Heard, title: str, data: str) -> Json:
        query = {
            "id": str(self.number()),
            "from": self.user(person),
            "chat_instance": "-31",
            "message": {
                "message_id": int(message.ref),
                "date": DATE,
                "chat": {"id": int(person.id), "type": "private"},
            },
            "data": data,
        }
        return self.update(callback_query=query)

    def member_event(self, person: Person, status: str) -> Json:
        change = {
            "chat": {"id": int(person.id), "type": "private"},
            "from": self.user(person),
            "date": DATE,
            "old_chat_member": {"status": "member" if status == "kicked" else "kicked"},
            "new_chat_member": {"user": {"id": 123456, "is_bot": True}, "status": status},
        }
        return self.update(my_chat_member=change)

    # ---- requests ----

    async def _method(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        form = dict(await request.post())
        self.requests.append((method, form))
        if request.match_info["token"] != TOKEN:
            return _error(401, "Unauthorized")
        if (trouble := await self.trouble(request)) is not None:
            return trouble
        if method == "setWebhook":
            self.webhook = form
            self.secret = str(form["secret_token"])
            self.hook = str(form["url"])
            return _ok(True)
        if method == "getMe":
            return _ok({"id": 123456, "is_bot": True, "first_name": "Магазин", "username": BOT})
        if method == "answerCallbackQuery":
            self.answered_presses.append(str(form["callback_query_id"]))
            return _ok(True)
        if method == "getFile":
            file = str(form["file_id"])
            if file not in self.files:
                return _error(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
            return _ok({"file_id": file, "file_unique_id": file, "file_path": f"documents/{file}"})
        return await self._send(request, method, form)

    async def _send(self, request: web.Request, method: str, form: Json) -> web.StreamResponse:
        chat = str(form["chat_id"])
        if (person := self.people.get(chat)) is None:
            return _error(400, "Bad Request: chat not found")
        if person.blocked:
            return _error(403, "Forbidden: bot was blocked by the user")
        if person.gone:
            return _error(403, "Forbidden: user is deactivated")
        if not self.within_limits(chat):
            return self.too_many()
        heard = Heard(ref=str(self.number()), raw=form)
        if method == "sendMessage":
            text = str(form["text"])
            if form.get("parse_mode") == "HTML":
                if (problem := _bad_html(text)) is not None:
                    return _error(400, f"Bad Request: can't parse entities: {problem}")
                text = html.unescape(re.sub(r"<[^>]+>", "", text))
            if not text.strip():
                return _error(400, "Bad Request: message text is empty")
            if len(text.encode("utf-16-le")) // 2 > 4096:
                return _error(400, "Bad Request: message is too long")
            heard.text = text
            if problem := self._keyboard(form, heard):
                return _error(400, problem)
        else:
            named = str(form[method.removeprefix("send").lower()])
            heard.file = form[named.removeprefix("attach://")].file.read()
        person.gets(heard)
        if (lost := self.dropped(request)) is not None:
            return lost
        return _ok({"message_id": int(heard.ref), "date": DATE, "chat": {"id": int(chat), "type": "private"}})

    def _keyboard(self, form: Json, heard: Heard) -> str:
        rows = json.loads(str(form.get("reply_markup", "{}"))).get("inline_keyboard", [])
        if sum(map(len, rows)) > 100:
            return "Bad Request: reply markup is too long"
        for row in rows:
            for button in row:
                if not 1 <= len(button["callback_data"].encode()) <= 64:
                    return "Bad Request: BUTTON_DATA_INVALID"
                heard.buttons.append((button["text"], button["callback_data"]))
        return ""

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["path"].rpartition("/")[2]
        if request.match_info["token"] != TOKEN or name not in self.files:
            return web.Response(status=404)
        return web.Response(body=self.files[name])


_TAG = re.compile(r"<(/?)(\w+)(?: href=\"[^\"<>]*\")?>")


def _bad_html(text: str) -> str | None:
    """What Telegram's parser would complain about."""
    rest, opened = _TAG.sub("", text), []
    if "<" in rest or ">" in rest:
        return "unsupported start tag"
    for slash, tag in _TAG.findall(text):
        if tag not in ("b", "i", "code", "a"):
            return f'unsupported start tag "{tag}"'
        if not slash:
            opened.append(tag)
        elif not opened or opened.pop() != tag:
            return "unexpected end tag"
    return "can't find end tag" if opened else None


def _ok(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(code: int, description: str, **parameters: Any) -> web.Response:
    body: Json = {"ok": False, "error_code": code, "description": description}
    headers = {}
    if parameters:
        body["parameters"] = parameters
        headers["Retry-After"] = str(parameters.get("retry_after", ""))
    return web.json_response(body, status=code, headers=headers)
