"""Files that a visitor sends with the web chat: one request is one message, as a text frame is.

What a file is, its content says: neither its name nor what the browser calls it is believed.
"""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import BodyPartReader, web

from bot.channels import webchat as wire
from bot.channels.inbound import Attachment, FileKind, Files, clean
from core.media import MediaStore, TooLarge, gather, sniff

FILES_AT_ONCE = 5
MESSAGE_LIMIT = 20 * 1024 * 1024  # bytes of all files of one message
FILE_LIMIT = 10 * 1024 * 1024
NAME_LIMIT = 200  # characters
UNDER_WAY = 8  # requests read at the same time: what they carry is held in memory
READ_SECONDS = 120
CHUNK = 64 * 1024  # bytes

_OFFICE = "application/vnd.openxmlformats-officedocument"
TYPES = frozenset(
    {
        *(f"image/{kind}" for kind in ("jpeg", "png", "gif", "webp", "heic", "heif", "avif")),
        *(f"video/{kind}" for kind in ("mp4", "quicktime", "webm")),
        *(f"audio/{kind}" for kind in ("mpeg", "ogg", "mp4", "x-wav", "aac")),
        "application/pdf",
        "text/plain",
        f"{_OFFICE}.wordprocessingml.document",
        f"{_OFFICE}.spreadsheetml.sheet",
        "application/vnd.oasis.opendocument.text",
    }
)
_KINDS = {"image": FileKind.PHOTO, "video": FileKind.VIDEO, "audio": FileKind.VOICE}


@dataclass(frozen=True)
class _Sent:
    name: str
    data: bytes


class Uploads:
    """Reads such requests."""

    def __init__(self, media: MediaStore, file_limit: int, text_limit: int) -> None:
        """Limits of one file in bytes, and of the words with it in characters."""
        self._media = media
        self.file_limit = min(file_limit, FILE_LIMIT)
        self._text_limit = text_limit
        self._under_way = 0

    async def read(self, request: web.Request) -> wire.Said:
        """The message of a request: `?client_id=…`, a form with `text` and up to five times `file`.

        Raises:
            wire.Refused: `bad_frame`, `busy`, `too_large`, `too_many`, `too_long`, `bad_type`,
                `empty_file`.
        """
        client_id = wire.client_id(request.query.get("client_id"))
        if (request.content_length or 0) > MESSAGE_LIMIT + wire.FRAME_LIMIT:
            raise wire.Refused("too_large", client_id)
        if self._under_way >= UNDER_WAY:
            raise wire.Refused("busy", client_id)
        self._under_way += 1
        try:
            async with asyncio.timeout(READ_SECONDS):
                text, sent = await self._form(request)
            files = [await self._keep(file) for file in sent]
        except TooLarge:
            raise wire.Refused("too_large", client_id) from None
        except (ValueError, TimeoutError):  # no form, or it never ended
            raise wire.Refused("bad_frame", client_id) from None
        except wire.Refused as refused:
            raise wire.Refused(refused.code, client_id) from None
        finally:
            self._under_way -= 1
        return wire.Said(client_id, Files(tuple(files), text))

    async def _form(self, request: web.Request) -> tuple[str, list[_Sent]]:
        if not request.content_type.startswith("multipart/"):
            raise wire.Refused("bad_frame")
        text, files, room = "", list[_Sent](), MESSAGE_LIMIT
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise wire.Refused("bad_frame")
            if part.name == "text":
                text = clean((await gather(_chunks(part), wire.FRAME_LIMIT)).decode())
            elif part.name == "file":
                data = await gather(_chunks(part), min(self.file_limit, room))
                files.append(_Sent(part.filename or "", data))
                room -= len(data)
            if len(files) > FILES_AT_ONCE:
                raise wire.Refused("too_many")
        if not files or not all(file.data for file in files):
            raise wire.Refused("empty_file")
        if len(text) > self._text_limit:
            raise wire.Refused("too_long")
        return text, files

    async def _keep(self, file: _Sent) -> Attachment:
        if (type_ := sniff(file.data)) not in TYPES:
            raise wire.Refused("bad_type")
        content = await self._media.save(file.data)
        kind = _KINDS.get(type_.partition("/")[0], FileKind.DOCUMENT)
        return Attachment(kind, content.sha256, _base(file.name), type_, content.size)


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK):
        yield chunk


def _base(name: str) -> str:
    """A name without folders and without what cannot be seen, such as turns of the direction of writing."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return clean("".join(char for char in last if unicodedata.category(char) != "Cf"))[:NAME_LIMIT]
