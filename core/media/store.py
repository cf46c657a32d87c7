"""Files that people sent, kept under the hash of what they hold: the same content is kept once.

On disk by default; in any S3-compatible store by setting. The bytes come first and the row that names them
second, so a row never promises what is not there; bytes without a row are swept away.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import filetype  # type: ignore[import-untyped]
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import on_sqlite
from core.media.tables import Media

if TYPE_CHECKING:
    from obstore.store import ObjectStore

TEXT, BYTES = "text/plain", "application/octet-stream"


class TooLarge(Exception):
    """More bytes than allowed."""


class NotThere(LookupError):
    """Nothing is kept under this hash."""


@dataclass(frozen=True)
class Content:
    """What a file holds. `type` is read from the content: names and headers say anything."""

    sha256: str
    type: str  # MIME
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.data)


class Kept(Protocol):
    """What is noted of a content that is in the store."""

    @property
    def sha256(self) -> str: ...

    @property
    def type(self) -> str: ...

    @property
    def size(self) -> int: ...


class MediaStore:
    """Keeps contents by their hash."""

    def __init__(self, place: str, folder: Path) -> None:
        """A store at an address such as `s3://bucket/prefix`; in `folder` when there is none.

        Keys of S3 come from the usual variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT, …
        """
        self._place = place
        self._folder = folder

    @cached_property
    def _store(self) -> "ObjectStore":
        """Opened at the first file: the library takes 8 MB, and most processes never see a file."""
        from obstore.store import LocalStore, from_url

        if self._place:
            return from_url(self._place)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(self._folder)

    async def save(self, data: bytes) -> Content:
        """Keep a content; it may be there already."""
        content = Content(hashlib.sha256(data).hexdigest(), sniff(data), data)
        await self._store.put_async(_place(content.sha256), data)
        return content

    async def read(self, sha256: str) -> Content:
        """A content.

        Raises:
            NotThere
        """
        try:
            found = await self._store.get_async(_place(sha256))
        except FileNotFoundError:
            raise NotThere(sha256) from None
        data = bytes(await found.bytes_async())
        return Content(sha256, sniff(data), data)

    async def delete(self, sha256: str) -> None:
        """Forget a content; does nothing when it is not there."""
        try:
            await self._store.delete_async(_place(sha256))
        except FileNotFoundError:
            return

    async def kept(self) -> AsyncIterator[tuple[str, datetime]]:
        """The hash of everything that is kept, and since when."""
        async for batch in self._store.list():
            for each in batch:
                yield each["path"].rpartition("/")[2], each["last_modified"]


def _place(sha256: str) -> str:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):  # it becomes part of a path
        raise NotThere(sha256)
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


async def gather(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """All bytes of a stream.

    Raises:
        TooLarge: there are more than `limit`.
    """
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > limit:
            raise TooLarge
    return bytes(data)


def sniff(data: bytes) -> str:
    """The MIME type that the content itself shows. Markup is text here: nobody's page runs as ours."""
    known = filetype.guess_mime(data)
    if known:
        return str(known)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return BYTES
    return BYTES if "\x00" in text else TEXT


async def record(session: AsyncSession, content: Kept, at: datetime) -> None:
    """Note in the caller's transaction that the content is kept; what refers to it is stored there too."""
    insert = sqlite.insert if on_sqlite(session) else postgresql.insert
    row = {"sha256": content.sha256, "size": content.size, "type": content.type, "created_at": at}
    await session.execute(insert(Media).values(row).on_conflict_do_nothing())
