"""The web chat over HTTP: session, socket, and the event stream where sockets are blocked."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from bot.channels import webchat as wire
from bot.channels.inbound import Inbound
from bot.gateway.attachments import Attachments
from bot.gateway.delivery import mark_read
from bot.gateway.feed import Feed
from bot.gateway.hub import Hub, Listener, at_desk
from bot.gateway.inbox import InboxDoor, StaleButton
from bot.gateway.limits import Limits
from bot.gateway.uploads import FILES_AT_ONCE, Uploads
from bot.gateway.visitors import Visitor, Visitors
from core import logs
from core.db import Database
from core.texts import Texts
from crm_bridge.models import Author

log = logs.get("webchat")

HELLO_SECONDS = 15
HEARTBEAT_SECONDS = 25.0
_STATUS = {
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "bad_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "busy": HTTPStatus.SERVICE_UNAVAILABLE,
}
Send = Callable[[dict[str, Any]], Awaitable[None]]


class WebChat:
    """Routes of `/chat/v1`."""

    def __init__(
        self,
        *,
        db: Database,
        visitors: Visitors,
        inbox: InboxDoor,
        hub: Hub,
        attachments: Attachments,
        limits: Limits,
        texts: Texts,
        origins: list[str],
        text_limit: int,
        uploads: Uploads,
    ) -> None:
        self._db = db
        self._visitors = visitors
        self._inbox = inbox
        self._hub = hub
        self._attachments = attachments
        self._limits = limits
        self._texts = texts
        self._origins = frozenset(origins)
        self._text_limit = text_limit
        self._uploads = uploads

    def add_to(self, app: web.Application) -> None:
        app.router.add_post("/chat/v1/session", self._guarded(self.session))
        app.router.add_get("/chat/v1/ws", self._guarded(self.socket))
        app.router.add_get("/chat/v1/events", self._guarded(self.events))
        app.router.add_post("/chat/v1/send", self._guarded(self.send))
        app.router.add_post("/chat/v1/files", self._guarded(self.upload))
        app.router.add_get("/chat/v1/files/{id}", self._guarded(self.file))
        app.router.add_options("/chat/v1/files/{id}", self._guarded(self._preflight))
        for path in ("session", "events", "send", "files"):
            app.router.add_options(f"/chat/v1/{path}", self._guarded(self._preflight))

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Only sites that may embed the chat get in; a browser always names its site."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            origin = request.headers.get("Origin")
            if origin is not None and not self._may_embed(request, origin):
                raise web.HTTPForbidden(text="this site may not embed the chat: see ZABOTA_CHAT_ORIGINS")
            response = await handler(request)
            if origin is not None and not response.prepared:
                response.headers.update(_cors(origin))
            return response

        return guarded

    def _may_embed(self, request: web.Request, origin: str) -> bool:
        return origin in self._origins or origin.partition("://")[2] == request.host

    async def _preflight(self, request: web.Request) -> web.Response:
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": "Authorization, Content-Type",
                "Access-Control-Max-Age": "86400",
            },
        )

    async def session(self, request: web.Request) -> web.Response:
        """Open or continue a visitor's chat."""
        if not await self._limits.may_open(request.remote or ""):
            return _refusal(self._refused(wire.Refused("rate_limited"), None), 429)
        try:
            asked = json.loads(await request.read())
            opened = await self._visitors.open(
                wire.visitor(asked.get("visitor")),
                "en" if asked.get("language") == "en" else "ru",
                _short(asked.get("user_id")),
                _short(asked.get("user_hash")),
            )
        except (ValueError, AttributeError, RecursionError):
            return _refusal(self._refused(wire.Refused("bad_frame"), None), 400)
        return web.json_response(vars(opened))

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """One browser tab."""
        ws = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=wire.FRAME_LIMIT)
        await ws.prepare(request)
        try:
            first = await asyncio.wait_for(ws.receive(), HELLO_SECONDS)
            hello = wire.parse(first.data, self._text_limit) if first.type is WSMsgType.TEXT else None
        except (TimeoutError, wire.Refused):
            hello = None
        visitor = await self._visitors.find(hello.visitor) if isinstance(hello, wire.Hello) else None
        if visitor is None or not isinstance(hello, wire.Hello):
            with contextlib.suppress(ConnectionError):
                await ws.send_json(self._refused(wire.Refused("bad_visitor"), None))
            await ws.close(code=WSCloseCode.POLICY_VIOLATION)
            return ws
        await self._talk(ws, visitor, hello.after)
        return ws

    async def _talk(self, ws: web.WebSocketResponse, visitor: Visitor, after: int) -> None:
        news = asyncio.create_task(self._push_and_close(ws, visitor, after))
        try:
            async for frame in ws:
                if frame.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    answer = await self._take(visitor, frame.data)
                    if answer:
                        await ws.send_json(answer)
        except ConnectionError:
            pass  # the tab is gone; it will come back and ask for what it missed
        finally:
            news.cancel()
            await asyncio.gather(news, return_exceptions=True)

    async def _push_and_close(self, ws: web.WebSocketResponse, visitor: Visitor, after: int) -> None:
        try:
            await self._push(visitor, after, ws.send_json)
        except ConnectionError:
            pass
        except Exception:
            log.exception("cannot push")
            await ws.close(code=WSCloseCode.INTERNAL_ERROR)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The same stream as server-sent events."""
        visitor = await self._visitor(request)
        if visitor is None:
            return _refusal(self._refused(wire.Refused("bad_visitor"), None), 401)
        after = request.query.get("after", "0")
        stream = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                **_cors(request.headers.get("Origin")),
            }
        )
        await stream.prepare(request)

        async def send(frame: dict[str, Any]) -> None:
            await stream.write(f"data: {json.dumps(frame, ensure_ascii=False)}\n\n".encode())

        with contextlib.suppress(ConnectionError):
            await self._push(visitor, int(after) if after.isdecimal() else 0, send)
        return stream

    async def send(self, request: web.Request) -> web.Response:
        """One frame of a browser without a socket."""
        visitor = await self._visitor(request)
        if visitor is None:
            return _refusal(self._refused(wire.Refused("bad_visitor"), None), 401)
        if (request.content_length or 0) > wire.FRAME_LIMIT:
            return _refusal(self._refused(wire.Refused("too_long"), visitor.language), 413)
        try:
            body = (await request.read()).decode()
        except UnicodeDecodeError:
            return _refusal(self._refused(wire.Refused("bad_frame"), visitor.language), 400)
        answer = await self._take(visitor, body) or {"type": "pong"}
        return web.json_response(answer, status=400 if answer["type"] == "refused" else 200)

    async def upload(self, request: web.Request) -> web.Response:
        """A message with files; acknowledged or refused as a frame is."""
        visitor = await self._visitor(request)
        if visitor is None:
            return _refusal(self._refused(wire.Refused("bad_visitor"), None), 401)
        try:
            if not await self._limits.may_upload(visitor.sender):
                raise wire.Refused("rate_limited", wire.client_id(request.query.get("client_id")))
            answer = await self._accept(visitor, await self._uploads.read(request))
        except wire.Refused as refused:
            status = _STATUS.get(refused.code, HTTPStatus.BAD_REQUEST)
            return _refusal(self._refused(refused, visitor.language), status)
        return web.json_response(answer)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A file of the visitor's own conversation."""
        visitor = await self._visitor(request)
        if visitor is None:
            return _refusal(self._refused(wire.Refused("bad_visitor"), None), 401)
        return await self._attachments.of_identity(request.match_info["id"], visitor.identity_id)

    async def _visitor(self, request: web.Request) -> Visitor | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        return await self._visitors.find(wire.visitor(secret)) if scheme == "Bearer" else None

    async def _take(self, visitor: Visitor, raw: str | bytes) -> dict[str, Any] | None:
        """Take one frame; the frame to answer with."""
        try:
            match wire.parse(raw, self._text_limit):
                case wire.Said() as said:
                    return await self._accept(visitor, said)
                case wire.Seen(seq):
                    async with self._db.write() as session:
                        await mark_read(session, visitor.conversation_id, visitor.identity_id, seq)
                case wire.Signal("ping"):
                    return {"type": "pong"}
                case wire.Signal("typing"):
                    self._hub.typing(at_desk(visitor.conversation_id), Author.CUSTOMER)
        except wire.Refused as refused:
            return self._refused(refused, visitor.language)
        return None

    async def _accept(self, visitor: Visitor, said: wire.Said) -> dict[str, Any]:
        if not await self._limits.may_write(visitor.sender):
            raise wire.Refused("rate_limited", said.client_id)
        event = Inbound(
            channel=wire.CHANNEL,
            account=self._visitors.account,
            event_id=f"{visitor.sender}:{said.client_id}",
            sender=visitor.sender,
            content=said.content,
        )
        try:
            await self._inbox.accept(event, visitor.conversation_id)
        except StaleButton:
            raise wire.Refused("bad_press", said.client_id) from None
        return {"type": "ack", "client_id": said.client_id}

    def _refused(self, refused: wire.Refused, language: str | None) -> dict[str, Any]:
        text = self._texts(
            f"refused.{refused.code}",
            language,
            limit=self._text_limit,
            megabytes=self._uploads.file_limit // 2**20,
            files=FILES_AT_ONCE,
        )
        frame = {"type": "refused", "code": refused.code, "text": text}
        return frame | ({"client_id": refused.client_id} if refused.client_id else {})

    async def _push(self, visitor: Visitor, after: int, send: Send) -> None:
        """Send the welcome, then whatever happens, until the connection ends."""
        with self._hub.listen(visitor.conversation_id) as ear:
            feed = Feed(self._db, visitor, after, ear)
            await send(await feed.welcome())
            while True:
                ear.news.clear()
                frames = await feed.news()
                for frame in frames:
                    await send(frame)
                if not frames:
                    await _news_or_heartbeat(ear, send)


async def _news_or_heartbeat(ear: Listener, send: Send) -> None:
    """A stream that is silent for long is taken for dead, by browsers and by what lies between."""
    try:
        await asyncio.wait_for(ear.news.wait(), HEARTBEAT_SECONDS)
    except TimeoutError:
        await send({"type": "pong"})


def _cors(origin: str | None) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}


def _refusal(frame: dict[str, Any], status: int) -> web.Response:
    return web.json_response(frame, status=status)


def _short(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 200 else None
