"""Tells open pages that something changed; they fetch what they show anew."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from sqlalchemy import func, select

from bot.gateway.hub import EVERY, Hub
from core.db import Database
from crm_bridge.models import Conversation, Message

LOOK = 2.0  # seconds between looks for what other processes did
BEAT = 15.0  # seconds; proxies close silent connections


class Live:
    """Server-sent events `changed`, at once for what this process did, soon for the others."""

    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub

    async def stream(self, request: web.Request, conversation_id: str | None) -> web.StreamResponse:
        """Events of one dialogue, or of all, until the page is closed."""
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):  # the page was closed
            async for event in self._events(conversation_id):
                await response.write(event)
        return response

    async def _events(self, conversation_id: str | None) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        loop = asyncio.get_running_loop()
        seen, spoke = await self._state(conversation_id), loop.time()
        with self._hub.listen(conversation_id or EVERY) as ear:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ear.news.wait(), LOOK)
                news, state = ear.news.is_set(), await self._state(conversation_id)
                ear.news.clear()
                if news or state != seen:
                    seen, spoke = state, loop.time()
                    yield b"event: changed\ndata: .\n\n"
                elif loop.time() - spoke > BEAT:
                    spoke = loop.time()
                    yield b": still here\n\n"

    async def _state(self, conversation_id: str | None) -> tuple[object, ...]:
        """Something that differs whenever the page would look different."""
        async with self._db.read() as session:
            if conversation_id is None:
                return (await session.scalar(select(func.max(Conversation.updated_at))),)
            held = select(Conversation.epoch, Conversation.status, Conversation.last_seq).where(
                Conversation.id == conversation_id
            )
            found = (await session.execute(held)).one_or_none()
            states = select(Message.state, func.count()).where(Message.conversation_id == conversation_id)
            counted = await session.execute(states.group_by(Message.state))
            return (found, tuple(sorted((str(state), count) for state, count in counted)))
