"""Files of messages: who sent what, and who may see it."""

import secrets
from urllib.parse import quote

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import FileKind
from bot.gateway.tables import Attachment
from core import logs
from core.clock import Clock
from core.db import Database
from core.media import Kept, MediaStore, NotThere, record
from crm_bridge.models import Message

log = logs.get("media")

NAME_LIMIT = 200
SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})  # the rest is downloaded


class Attachments:
    """Files of messages."""

    def __init__(self, db: Database, clock: Clock, media: MediaStore) -> None:
        self._db = db
        self._clock = clock
        self._media = media

    async def attach(
        self, session: AsyncSession, message_id: str, content: Kept, kind: FileKind, name: str
    ) -> str:
        """Hang a saved content on a message, in the caller's transaction; the attachment's id."""
        now = self._clock.now()
        await record(session, content, now)
        attachment = Attachment(
            id=secrets.token_urlsafe(16),
            message_id=message_id,
            sha256=content.sha256,
            kind=kind,
            name=name[:NAME_LIMIT],
            created_at=now,
        )
        session.add(attachment)
        await session.flush()
        return attachment.id

    async def of_message(self, session: AsyncSession, message_id: str) -> list[Attachment]:
        """A message's files, in the order in which they were sent."""
        query = select(Attachment).where(Attachment.message_id == message_id)
        return list(await session.scalars(query.order_by(Attachment.created_at, Attachment.id)))

    async def of_identity(self, attachment_id: str, identity_id: int) -> web.Response:
        """A file as an HTTP answer, for the account through which it came or went, and nobody else.

        Raises:
            HTTPNotFound: there is no such file, or it is not theirs; they are not told which.
        """
        query = (
            select(Attachment)
            .join(Message, Message.id == Attachment.message_id)
            .where(Attachment.id == attachment_id, Message.identity_id == identity_id)
        )
        async with self._db.read() as session:
            found = await session.scalar(query)
        return await self.answer(found)

    async def answer(self, found: Attachment | None) -> web.Response:
        """A file as an HTTP answer; whoever calls this has checked who asks."""
        if found is None:
            raise web.HTTPNotFound
        try:
            content = await self._media.read(found.sha256)
        except NotThere:
            log.error("a file is missing from the store", attachment=found.id)
            raise web.HTTPNotFound from None
        disposition = "inline" if content.type in SHOWN else "attachment"
        return web.Response(
            body=content.data,
            headers={
                "Content-Type": content.type,
                "Content-Disposition": f"{disposition}; filename*=UTF-8''{_quoted(found.name)}",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cache-Control": "private, max-age=3600",
            },
        )


def _quoted(name: str) -> str:
    """A file name for a header: percent-encoded UTF-8, RFC 5987."""
    return quote(name or "file", safe="")
