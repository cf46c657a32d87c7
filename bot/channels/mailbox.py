"""A mailbox over IMAP. `imaplib` blocks, so it runs in a thread; one connection, one caller at a time."""

import asyncio
import contextlib
import imaplib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.channels.accounts import Imap
from bot.channels.port import Transient, Unreadable

Asked = TypeVar("Asked")
Found = TypeVar("Found")

LETTERS_AT_ONCE = 25
LETTER_LIMIT = 30 * 1024 * 1024  # bytes; a larger letter is left in the mailbox for people
TIMEOUT = 30.0  # seconds, of one answer


@dataclass(frozen=True)
class Mark:
    """How far a mailbox was read. A number counts only while the server keeps its `validity`."""

    validity: int
    uid: int

    def __str__(self) -> str:
        return f"{self.validity}.{self.uid}"

    @classmethod
    def of(cls, text: str | None) -> "Mark | None":
        validity, _, uid = (text or "").partition(".")
        return cls(int(validity), int(uid)) if validity.isdigit() and uid.isdigit() else None


@dataclass(frozen=True)
class Letter:
    """One letter, and where it lies."""

    mark: Mark
    raw: bytes  # empty when it was too large


class Mailbox:
    """Reads; changes nothing, so people may use the same mailbox."""

    def __init__(self, config: Imap) -> None:
        self._config = config
        self._imap: imaplib.IMAP4 | None = None
        self._busy = asyncio.Lock()

    async def after(self, mark: Mark | None) -> tuple[Mark, list[Letter]]:
        """Letters that came after a mark, oldest first, and the mark after them.

        Without a mark there are none: what lay in the mailbox before us is not ours to answer.

        Raises:
            Transient
        """
        async with self._busy:
            return await self._guarded(self._after, mark)

    async def letter(self, mark: Mark) -> bytes:
        """A letter that was read before.

        Raises:
            Unreadable: it was deleted or moved.
            Transient
        """
        async with self._busy:
            return await self._guarded(self._letter, mark)

    async def close(self) -> None:
        async with self._busy:
            await asyncio.to_thread(self._hang_up)

    async def _guarded(self, work: Callable[[Asked], Found], asked: Asked) -> Found:
        try:
            return await asyncio.to_thread(work, asked)
        except (imaplib.IMAP4.error, OSError) as error:
            await asyncio.to_thread(self._hang_up)
            raise Transient(f"the mailbox does not answer: {type(error).__name__}") from None

    def _after(self, mark: Mark | None) -> tuple[Mark, list[Letter]]:
        imap = self._selected()
        validity, next_uid = self._status(imap)
        if mark is None or mark.validity != validity:
            return Mark(validity, next_uid - 1), []
        uids = [uid for uid in self._search(imap, f"{mark.uid + 1}:*") if uid > mark.uid]
        letters = [
            Letter(Mark(validity, uid), self._fetch(imap, uid)) for uid in sorted(uids)[:LETTERS_AT_ONCE]
        ]
        return letters[-1].mark if letters else mark, letters

    def _letter(self, mark: Mark) -> bytes:
        imap = self._selected()
        validity, _ = self._status(imap)
        raw = self._fetch(imap, mark.uid) if validity == mark.validity else b""
        if not raw:
            raise Unreadable("the letter is not in the mailbox any more")
        return raw

    def _selected(self) -> imaplib.IMAP4:
        if self._imap is None:
            self._imap = self._connected()
        self._imap.select(_quoted(self._config.folder), readonly=True)
        return self._imap

    def _connected(self) -> imaplib.IMAP4:
        config = self._config
        if config.tls:
            context = ssl.create_default_context()
            imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                config.host, config.port, ssl_context=context, timeout=TIMEOUT
            )
        else:
            imap = imaplib.IMAP4(config.host, config.port, timeout=TIMEOUT)
        imap.login(config.user, config.password.get_secret_value())
        return imap

    def _status(self, imap: imaplib.IMAP4) -> tuple[int, int]:
        _, answer = imap.status(_quoted(self._config.folder), "(UIDVALIDITY UIDNEXT)")
        told = answer[0].decode() if answer and isinstance(answer[0], bytes) else ""
        found = {name: int(value) for name, value in re.findall(r"(UIDVALIDITY|UIDNEXT) (\d+)", told)}
        if len(found) != 2:
            raise imaplib.IMAP4.error("no UIDVALIDITY")
        return found["UIDVALIDITY"], found["UIDNEXT"]

    def _search(self, imap: imaplib.IMAP4, uids: str) -> list[int]:
        kind, answer = imap.uid("SEARCH", "UID", uids)
        if kind != "OK":
            raise imaplib.IMAP4.error("search failed")
        return [int(uid) for line in answer if line for uid in line.split()]

    def _fetch(self, imap: imaplib.IMAP4, uid: int) -> bytes:
        _, sizes = imap.uid("FETCH", str(uid), "(RFC822.SIZE)")
        told = re.search(rb"RFC822\.SIZE (\d+)", b" ".join(each for each in sizes if isinstance(each, bytes)))
        if told is None or int(told[1]) > LETTER_LIMIT:
            return b""
        _, answer = imap.uid("FETCH", str(uid), "(BODY.PEEK[])")
        for each in answer:
            if isinstance(each, tuple) and isinstance(each[1], bytes):
                return each[1]
        return b""

    def _hang_up(self) -> None:
        imap, self._imap = self._imap, None
        if imap is not None:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                imap.logout()


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
