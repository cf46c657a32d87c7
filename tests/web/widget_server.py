"""The server side of the web-chat protocol for the widget's tests, with faults on demand.

It keeps the promises of the real one (sequence numbers, idempotent client ids, resume) and breaks them only
where a test says so.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

STATIC = Path(__file__).parents[2] / "bot" / "web" / "static"
TEXT_LIMIT = 4000

# As strict as a bank's: no inline script or style, no markup from strings.
CSP = (
    "default-src 'none'; script-src {server}; connect-src {server} {socket}; style-src {server}; "
    "img-src 'self' data:; base-uri 'none'; require-trusted-types-for 'script'"
)

Frame = dict[str, Any]
Reply = dict[str, Any]


def echo(text: str) -> list[Reply]:
    return [{"text": f"Ответ: {text}"}]


@dataclass
class Talk:
    """One visitor's conversation."""

    visitor: str
    id: str
    messages: list[Frame] = field(default_factory=list)
    committed: set[str] = field(default_factory=set)
    buttons: dict[str, str] = field(default_factory=dict)  # press id → title
    owner: str = "bot"


class Line:
    """A live connection of a browser, whichever transport carries it."""

    def __init__(self, talk: Talk, request: web.Request) -> None:
        self.talk = talk
        self._request = request
        self.queue: asyncio.Queue[Frame | None] = asyncio.Queue()

    def cut(self) -> None:
        """Break the TCP connection without a goodbye."""
        self.queue.put_nowait(None)
        if self._request.transport is not None:
            self._request.transport.abort()


class WidgetServer:
    """Set the public attributes to misbehave; read `received` and `talks` to see what happened."""

    def __init__(self) -> None:
        self.talks: dict[str, Talk] = {}
        self.sessions: list[Frame] = []  # bodies of session requests
        self.received: list[Frame] = []  # frames of browsers, in order, repeats included
        self.answer: Callable[[str], Iterable[Reply]] = echo
        self.page_language = "ru"

        self.refuse_sockets = False
        self.refuse_sessions = False
        self.cut_instead_of_ack = 0  # commit, then cut the line: the browser cannot know
        self.cut_before_commit = 0
        self.refusal: Frame | None = None  # the next text, or message with files, is refused with this
        self.break_uploads = 0  # so many uploads end without an answer, though the files arrived
        self.files: dict[str, tuple[str, bytes]] = {}  # id → type and content
        self.uploads = asyncio.Event()
        self.uploads.set()  # clear to hold the answers to uploads back
        self.duplicate = False  # every message twice
        self.lose: set[int] = set()  # sequence numbers that are not delivered live, only on resume
        self.never: set[int] = set()  # numbers that do not exist (erased)
        self.acks = asyncio.Event()
        self.acks.set()  # clear to hold acknowledgements back
        self.answers = asyncio.Event()
        self.answers.set()  # clear to hold answers back

        self._lines: set[Line] = set()
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    # --- what tests call ---

    @property
    def talk(self) -> Talk:
        """The only conversation."""
        (talk,) = self.talks.values()
        return talk

    @property
    def connected(self) -> int:
        return len(self._lines)

    def texts(self) -> list[str]:
        """Texts received, repeats included."""
        return [frame["text"] for frame in self.received if frame["type"] == "text"]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something to have happened here; 30 seconds at most."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(true)

    def cut(self) -> None:
        for line in list(self._lines):
            line.cut()

    async def say(
        self,
        text: str,
        author: str = "assistant",
        buttons: Iterable[str] = (),
        talk: Talk | None = None,
        **more: Any,
    ) -> Frame:
        talk = talk or self.talk
        known = [{"id": secrets.token_hex(4), "title": title} for title in buttons]
        talk.buttons |= {button["id"]: button["title"] for button in known}
        message = {
            "type": "message",
            "seq": len(talk.messages) + 1,
            "id": secrets.token_hex(6),
            "author": author,
            "text": text,
            "buttons": known,
            "at": datetime.now(UTC).isoformat(),
        } | more
        talk.messages.append(message)
        if message["seq"] not in self.lose | self.never:
            await self.send(talk, message)
            if self.duplicate:
                await self.send(talk, message)
        return message

    async def send(self, talk: Talk, frame: Frame) -> None:
        for line in self._lines:
            if line.talk is talk:
                line.queue.put_nowait(frame)
        await self._note()

    # --- the protocol ---

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _session(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.sessions.append(body)
        await self._note()
        if self.refuse_sessions:
            raise web.HTTPServiceUnavailable
        talk = self.talks.get(body.get("visitor", ""))
        if talk is None:
            talk = Talk(secrets.token_urlsafe(16), secrets.token_hex(6))
            self.talks[talk.visitor] = talk
        return web.json_response(
            {
                "visitor": talk.visitor,
                "conversation_id": talk.id,
                "language": body["language"],
                "last_seq": len(talk.messages),
            }
        )

    def _welcome(self, talk: Talk, after: int) -> list[Frame]:
        welcome = {
            "type": "welcome",
            "conversation_id": talk.id,
            "last_seq": len(talk.messages),
            "owner": talk.owner,
        }
        return [welcome, *(m for m in talk.messages[after:] if m["seq"] not in self.never)]

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_sockets:
            raise web.HTTPForbidden
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        hello = await socket.receive_json()
        talk = self.talks.get(hello["visitor"])
        if talk is None:
            await socket.send_json({"type": "refused", "code": "bad_visitor", "text": "?"})
            await socket.close()
            return socket
        line = Line(talk, request)
        for frame in self._welcome(talk, hello["after"]):
            line.queue.put_nowait(frame)
        self._lines.add(line)
        await self._note()
        writer = asyncio.create_task(self._write(line, socket.send_json))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    answer = await self._receive(talk, json.loads(message.data), line)
                    if answer:
                        line.queue.put_nowait(answer)
        finally:
            writer.cancel()
            self._lines.discard(line)
            await self._note()
        return socket

    async def _events(self, request: web.Request) -> web.StreamResponse:
        talk = self._visitor(request)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        line = Line(talk, request)
        for frame in self._welcome(talk, int(request.query["after"])):
            line.queue.put_nowait(frame)
        self._lines.add(line)
        await self._note()

        async def write(frame: Frame) -> None:
            await response.write(f"data: {json.dumps(frame, ensure_ascii=False)}\n\n".encode())

        try:
            await self._write(line, write)
        finally:
            self._lines.discard(line)
            await self._note()
        return response

    async def _post(self, request: web.Request) -> web.Response:
        talk = self._visitor(request)
        line = next((line for line in self._lines if line.talk is talk), None)
        answer = await self._receive(talk, await request.json(), line)
        return web.json_response(answer) if answer else web.Response(status=204)

    async def _upload(self, request: web.Request) -> web.Response:
        """A message with files."""
        talk, client_id = self._visitor(request), request.query["client_id"]
        form = await request.post()
        sent = [part for part in form.getall("file") if isinstance(part, web.FileField)]
        frame = {"type": "files", "client_id": client_id, "text": str(form["text"])}
        self.received.append(frame | {"names": [part.filename for part in sent]})
        await self._note()
        refusal, self.refusal = self.refusal, None
        if refusal:
            body = {"type": "refused", "client_id": client_id} | refusal
            return web.json_response(body, status=HTTPStatus.BAD_REQUEST)
        await self.uploads.wait()
        if client_id not in talk.committed:
            talk.committed.add(client_id)
            kept = [self._kept(part) for part in sent]
            await self.say(frame["text"], "customer", talk=talk, client_id=client_id, files=kept)
            await self.say("Получила", talk=talk)
        if self.break_uploads and request.transport is not None:
            self.break_uploads -= 1
            request.transport.abort()
        return web.json_response({"type": "ack", "client_id": client_id})

    def _kept(self, part: web.FileField) -> Frame:
        id_, data = secrets.token_hex(6), part.file.read()
        self.files[id_] = (part.content_type, data)
        return {"id": id_, "name": part.filename, "type": part.content_type, "size": len(data)}

    async def _file(self, request: web.Request) -> web.Response:
        self._visitor(request)
        type_, data = self.files[request.match_info["id"]]
        return web.Response(body=data, content_type=type_)

    def _visitor(self, request: web.Request) -> Talk:
        talk = self.talks.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if talk is None:
            raise web.HTTPUnauthorized
        return talk

    async def _write(self, line: Line, write: Callable[[Frame], Any]) -> None:
        while (frame := await line.queue.get()) is not None:
            await write(frame)

    async def _receive(self, talk: Talk, frame: Frame, line: Line | None) -> Frame | None:
        self.received.append(frame)
        await self._note()
        if frame["type"] == "ping":
            return {"type": "pong"}
        if frame["type"] not in ("text", "press"):
            return None
        client_id = frame["client_id"]
        refusal, self.refusal = self.refusal, None
        if refusal:
            return {"type": "refused", "client_id": client_id} | refusal
        if frame["type"] == "press" and frame["press_id"] not in talk.buttons:
            return {"type": "refused", "client_id": client_id, "code": "bad_press", "text": ""}
        if self.cut_before_commit and line:
            self.cut_before_commit -= 1
            line.cut()
            return None
        if client_id not in talk.committed:
            talk.committed.add(client_id)
            task = asyncio.create_task(self._turn(talk, frame))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self.cut_instead_of_ack and line:
            self.cut_instead_of_ack -= 1
            line.cut()
            return None
        await self.acks.wait()
        return {"type": "ack", "client_id": client_id}

    async def _turn(self, talk: Talk, frame: Frame) -> None:
        press = {"press_id": frame["press_id"]} if frame["type"] == "press" else {}
        text = talk.buttons[frame["press_id"]] if press else frame["text"]
        await self.say(text, "customer", talk=talk, client_id=frame["client_id"], **press)
        replies = list(self.answer(text))
        if not replies:
            return
        await self.send(talk, {"type": "typing", "author": "assistant", "on": True})
        await self.answers.wait()
        for reply in replies:
            await self.say(**reply, talk=talk)
        await self.send(talk, {"type": "typing", "author": "assistant", "on": False})

    # --- pages ---

    async def _page(self, request: web.Request) -> web.Response:
        """A site with the widget: the query becomes the element's attributes."""
        attributes = {"language": self.page_language} | dict(request.query)
        tag = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
        body = (
            f'<!doctype html><html lang="{attributes["language"]}"><title>Магазин</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">'
            '<link rel="icon" href="data:,">'
            f'<script type="module" src="{self.url}/static/zabota-chat.js"></script>'
            '<body><main><h1>Магазин</h1><p><a href="#">Ссылка</a></p></main>'
            f"<zabota-chat {tag}></zabota-chat></body></html>"
        )
        csp = CSP.format(server=self.url, socket=self.url.replace("http", "ws"))
        return web.Response(text=body, content_type="text/html", headers={"Content-Security-Policy": csp})

    @web.middleware
    async def _preflight(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return web.Response(status=204)
        response: web.StreamResponse = await handler(request)
        return response

    async def _allow_origins(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "authorization, content-type"

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._preflight], client_max_size=2**24)
        app.on_response_prepare.append(self._allow_origins)
        app.router.add_post("/chat/v1/session", self._session)
        app.router.add_get("/chat/v1/ws", self._socket)
        app.router.add_get("/chat/v1/events", self._events)
        app.router.add_post("/chat/v1/send", self._post)
        app.router.add_post("/chat/v1/files", self._upload)
        app.router.add_get("/chat/v1/files/{id}", self._file)
        app.router.add_get("/page", self._page)
        app.router.add_static("/static", STATIC)
        return app

    @asynccontextmanager
    async def running(self) -> AsyncIterator["WidgetServer"]:
        async with served(self.application()) as self.url:
            yield self
            self.cut()


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """Serve on a free loopback port; gives the origin."""
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
