"""Files that customers sent: fetched from the provider and kept with their message.

A job of its own, so that a slow download holds up nobody's answer. What cannot be had is noted on the
message, and people see that there was something.
"""

from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import FileKind
from bot.channels.port import Channels, Unreadable
from bot.gateway.attachments import Attachments
from core import logs
from core.db import Database
from core.jobs import Job, JobQueue
from core.jobs.port import TRANSACTIONAL
from core.media import MediaStore, TooLarge, gather
from crm_bridge.models import Message

log = logs.get("files")

FETCH = "fetch_files"  # kind of job


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

    async def order(self, session: AsyncSession, message_id: str, channel: str, account: str) -> None:
        """Have the files of a message fetched, if the caller's transaction is committed."""
        payload = {"message_id": message_id, "channel": channel, "account": account}
        await self._queue.enqueue(FETCH, payload, priority=TRANSACTIONAL, conn=session)

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
                await self._keep(message_id, number, file, data)

    async def _keep(self, message_id: str, number: int, file: dict[str, Any], data: bytes) -> None:
        content = await self._media.save(data)
        async with self._db.write() as session:
            message = await session.get(Message, message_id, with_for_update=True)
            if message is None or "id" in _files(message)[number]:
                return
            id_ = await self._attachments.attach(
                session, message_id, content, FileKind(file["kind"]), file["name"]
            )
            await _set(session, message, number, {"id": id_, "type": content.type, "size": content.size})

    async def _note(self, message_id: str, number: int, values: dict[str, Any]) -> None:
        async with self._db.write() as session:
            message = await session.get(Message, message_id, with_for_update=True)
            if message is not None:
                await _set(session, message, number, values)


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
