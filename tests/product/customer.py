"""A customer with a browser tab, for tests."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from sqlalchemy import select

from bot.gateway.tables import Inbox
from core.db import Database
from crm_bridge.models import Message, MessageState, Notice

PATIENCE = 60.0  # seconds for one answer, restarts of killed processes included


@dataclass
class Customer:
    """Writes, presses, and hears the answers of each turn as one list of lines."""

    http: aiohttp.ClientSession
    base: str
    db: Database
    visitor: str
    conversation_id: str
    ws: aiohttp.ClientWebSocketResponse
    last_seq: int = 0
    heard: dict[str, dict[str, Any]] = field(default_factory=dict)  # by message id
    buttons: list[dict[str, str]] = field(default_factory=list)
    patience: float = PATIENCE

    @classmethod
    async def arrive(cls, http: aiohttp.ClientSession, base: str, db: Database, **session: str) -> Self:
        body = {"language": "ru"} | session
        async with http.post(f"{base}/chat/v1/session", json=body) as response:
            opened = await response.json()
            assert response.status == 200, opened  # 429: one address opens sixty chats a minute
        visitor, conversation_id = opened["visitor"], opened["conversation_id"]
        return cls(http, base, db, visitor, conversation_id, await _connect(http, base, visitor, 0))

    async def says(self, text: str) -> str:
        """Write, and return what was answered."""
        return await self._turn({"type": "text", "text": text})

    async def presses(self, title: str) -> str:
        """Press a button of the last answer by what stands on it."""
        [button] = [button for button in self.buttons if title in button["title"]]
        return await self._turn({"type": "press", "press_id": button["id"]})

    async def sends(self, text: str) -> str:
        """Write, and do not wait; the client id."""
        return await self.post({"type": "text", "text": text})

    async def post(self, frame: dict[str, Any]) -> str:
        client_id = secrets.token_hex(8)
        await self.ws.send_json(frame | {"client_id": client_id})
        return client_id

    async def comes_back(self) -> None:
        """Open the tab anew, as a browser does after a lost connection."""
        await self.ws.close()
        self.ws = await _connect(self.http, self.base, self.visitor, self.last_seq)

    async def hears(self, client_id: str) -> str:
        """Everything that was answered to one message of this customer."""
        while True:
            expected = await self._answers(client_id)
            if expected is not None and expected <= self.heard.keys():
                frames = sorted((self.heard[id] for id in expected), key=lambda frame: frame["seq"])
                self.buttons = [button for frame in frames for button in frame["buttons"]]
                return "\n".join(frame["text"] for frame in frames)
            await self._read()

    async def next_line(self) -> dict[str, Any]:
        """The next line that somebody else says, whatever it answers."""
        while True:
            known = set(self.heard)
            await self._read()
            for id in self.heard.keys() - known:
                if self.heard[id]["author"] != "customer":
                    return self.heard[id]

    async def code(self) -> str:
        """The newest one-time code that went out."""
        async with self.db.read() as session:
            text = await session.scalar(
                select(Notice.text).where(Notice.withheld.is_(False)).order_by(Notice.id.desc()).limit(1)
            )
        found = re.search(r"\b\d{6}\b", text or "")
        assert found, text
        return found[0]

    async def proves(self, contact: str) -> str:
        """Give a contact and then the code that was sent to it."""
        await self.says(contact)
        return await self.says(await self.code())

    async def _turn(self, frame: dict[str, Any]) -> str:
        return await self.hears(await self.post(frame))

    async def _read(self) -> None:
        frame = await self.ws.receive_json(timeout=self.patience)
        if frame["type"] == "refused":
            raise AssertionError(frame)
        if frame["type"] == "message":
            assert frame["seq"] == self.last_seq + 1, "a gap or a repeat"
            self.last_seq = frame["seq"]
            self.heard[frame["id"]] = frame

    async def _answers(self, client_id: str) -> set[str] | None:
        """Ids of the answers; None while the message is not served."""
        event = Inbox.event_id.endswith(f":{client_id}")
        async with self.db.read() as session:
            row = (await session.execute(select(Inbox.id, Inbox.processed_at).where(event))).first()
            if row is None or row.processed_at is None:
                return None
            answers = select(Message.id).where(
                Message.reply_to == f"m{row.id}", Message.state != MessageState.DROPPED
            )
            return set(await session.scalars(answers))


async def _connect(
    http: aiohttp.ClientSession, base: str, visitor: str, after: int
) -> aiohttp.ClientWebSocketResponse:
    ws = await http.ws_connect(f"{base}/chat/v1/ws")
    await ws.send_json({"type": "hello", "visitor": visitor, "after": after})
    welcome = await ws.receive_json(timeout=PATIENCE)
    assert welcome["type"] == "welcome", welcome
    return ws
