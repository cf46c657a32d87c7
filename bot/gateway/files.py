"""Files that customers sent: fetched from the provider and kept with their message.

A job of its own, so that a slow download holds up nobody else's answer. What cannot be had is noted on the
message, and people see that there was something. What came through our own page is in the store already.
"""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import FileKind
from bot.channels.port import Channels, Unreadable
from bot.channels.webchat import CHANNEL as WEB_CHAT
from bot.gateway.attachments import Attachments
from core import logs
from core.db import Database
from core.jobs import Job, JobQueue
from core.jobs.port import TRANSACTIONAL
from core.media import Content, MediaStore, TooLarge, gather
from crm_bridge.models import Message

log = logs.get("files")

FETCH = "fetch_files"  # kind of job
TOLD = 10  # files of one message that actions hear of
NAME_LIMIT = 120  # characters of a name that they hear


@dataclass(frozen=True)
class Uploaded:
    """A file that came through our own page, as the door noted it."""

    sha256: str
    type: str  # MIME, read from the content
    size: int  # bytes


class FileKeeper:
    """Orders and does the fetching."""

    def __init__(
        self,
        db: Database,
        queue: JobQueue,
        channels: Channels,
        media: MediaStore,
        attachments: Attachments,
        limit: int,
    ) -> None:
        """`limit` is the largest file in bytes."""
        self._db = db
        self._queue = queue
        self._channels = channels
        self._media = media
        self._attachments = attachments
        self._limit = limit

    async def order(
        self, session: AsyncSession, message_id: str, channel: str, account: str
    ) -> list[dict[str, Any]] | None:
        """Have the files of a message fetched, if the caller's transaction is committed.

        Returns:
            The message's files when they are kept already, None when they are on their way.
        """
        if channel == WEB_CHAT:
            return await self._take(session, message_id)
        payload = {"message_id": message_id, "channel": channel, "account": account}
        await self._queue.enqueue(FETCH, payload, priority=TRANSACTIONAL, conn=session)
        return None

    async def run(self, job: Job) -> None:
        """Fetch what is still missing, one file after the other."""
        channel = self._channels.get(job.payload["channel"], job.payload["account"])
        message_id: str = job.payload["message_id"]
        async with self._db.read() as session:
            message = await session.get(Message, message_id)
        if channel is None or message is None:
            return
        for number, file in enumerate((message.details or {}).get("files", ())):
            if "id" in file or "missing" in file:
                continue
            try:
                data = await gather(channel.fetch(file["file"], self._limit), self._limit)
            except (Unreadable, TooLarge) as why:
                log.info("a file cannot be had", message=message_id, why=str(why) or type(why).__name__)
                await self._note(message_id, number, {"missing": True})
            else:
                await self._keep(message_id, number, data)

    async def _take(self, session: AsyncSession, message_id: str) -> list[dict[str, Any]]:
        await session.flush()
        message = await session.get_one(Message, message_id)
        for number, file in enumerate(_files(message)):
            content = Uploaded(file["file"], file["type"], file["size"])
            await self._hang(session, message, number, content)
            await session.refresh(message)
        return _files(message)

    async def _keep(self, message_id: str, number: int, data: bytes) -> None:
        content = await self._media.save(data)
        async with self._db.write() as session:
            message = await session.get(Message, message_id, with_for_update=True)
            if message is None or "id" in _files(message)[number]:
                return
            await self._hang(session, message, number, content)

    async def _hang(
        self, session: AsyncSession, message: Message, number: int, content: Content | Uploaded
    ) -> None:
        file = _files(message)[number]
        id_ = await self._attachments.attach(
            session, message.id, content, FileKind(file["kind"]), file["name"]
        )
        kept = {"id": id_, "key": content.sha256, "type": content.type, "size": content.size}
        await _set(session, message, number, kept)

    async def _note(self, message_id: str, number: int, values: dict[str, Any]) -> None:
        async with self._db.write() as session:
            message = await session.get(Message, message_id, with_for_update=True)
            if message is not None:
                await _set(session, message, number, values)


def on_their_way(details: Mapping[str, Any]) -> bool:
    """Whether files of the message are still being fetched."""
    return any("id" not in file and "missing" not in file for file in details.get("files", ()))


def told_of_files(details: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine's actions hear of a message's files: how many there are, and those that can be kept."""
    files = details.get("files", ())
    kept = [file for file in files if file.get("key")][:TOLD]
    return {
        "files": len(files),
        "attachments": [{"key": file["key"], "name": _name(file), "type": file["type"]} for file in kept],
    }


def _name(file: dict[str, Any]) -> str:
    """What people call the file; a photo of a messenger has no name of its own."""
    ending = mimetypes.guess_extension(file["type"]) or ""
    return str(file["name"])[:NAME_LIMIT] or f"{file['kind']}{ending}"


def _files(message: Message) -> list[dict[str, Any]]:
    return list((message.details or {}).get("files", ()))


async def _set(session: AsyncSession, message: Message, number: int, values: dict[str, Any]) -> None:
    files = _files(message)
    files[number] = files[number] | values
    details = (message.details or {}) | {"files": files}
    await session.execute(
        update(Message)
        .where(Message.id == message.id)
        .values(details=details)
        .execution_options(synchronize_session=False)
    )
