"""A mail provider: SMTP by aiosmtpd, and a small IMAP server for one mailbox (of RFC 3501 what we use)."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import make_msgid
from types import TracebackType

from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from bot.channels.accounts import EmailAccount, Imap, Smtp

ADDRESS = "help@shop.example"
PASSWORD = "mailbox-password"


@dataclass
class FakeMail:
    """One mailbox of ours, and the world outside it."""

    letters: dict[int, bytes] = field(default_factory=dict)  # uid → letter, in our mailbox
    sent: list[EmailMessage] = field(default_factory=list)  # by us, as received outside
    refusals: dict[str, str] = field(default_factory=dict)  # address → answer to RCPT
    answers: list[str] = field(default_factory=list)  # to the next DATA, instead of taking it
    drop_after_accept: int = 0
    validity: int = 7
    next_uid: int = 1
    logins: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> "FakeMail":
        loop = asyncio.get_running_loop()
        self._smtp = await loop.create_server(lambda: SMTP(_Post(self), loop=loop), "127.0.0.1", 0)
        self._imap = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._smtp.close()
        self._imap.close()

    def account(self, **more: object) -> EmailAccount:
        smtp_port = self._smtp.sockets[0].getsockname()[1]
        imap_port = self._imap.sockets[0].getsockname()[1]
        imap = Imap(
            host="127.0.0.1",
            port=imap_port,
            user=ADDRESS,
            password=SecretStr(PASSWORD),
            tls=False,
            every_seconds=0.05,
        )
        return EmailAccount(
            kind="email",
            address=ADDRESS,
            name="Магазин",
            smtp=Smtp(host="127.0.0.1", port=smtp_port, security="none"),
            imap=imap,
            **more,  # type: ignore[arg-type]
        )

    # ---- people ----

    def put(self, raw: bytes) -> int:
        """A letter arrives in our mailbox; its number."""
        uid = self.next_uid
        self.next_uid += 1
        self.letters[uid] = raw
        return uid

    def write(
        self, text: str, sender: str = "maria@mail.example", subject: str = "Вопрос", **headers: str
    ) -> EmailMessage:
        """A customer's letter, put into our mailbox."""
        letter = EmailMessage()
        letter["From"] = f"Мария Соколова <{sender}>"
        letter["To"] = ADDRESS
        letter["Subject"] = subject
        letter["Message-ID"] = make_msgid(domain="mail.example")
        for name, value in headers.items():
            letter[name.replace("_", "-")] = value
        letter.set_content(text)
        self.put(bytes(letter))
        return letter

    async def hears(self, seconds: float = 60) -> EmailMessage:
        """The next letter from us."""
        async with asyncio.timeout(seconds):
            while not self.sent:
                self._news.clear()
                await self._news.wait()
        return self.sent.pop(0)

    def takes(self, letter: EmailMessage) -> None:
        self.sent.append(letter)
        self._news.set()

    # ---- IMAP ----

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        try:
            while line := (await reader.readline()).decode().strip():
                tag, _, command = line.partition(" ")
                answer = self._answer(command)
                writer.write(answer + f"{tag} {self._ending(command)}\r\n".encode())
                await writer.drain()
                if command.upper() == "LOGOUT":
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _ending(self, command: str) -> str:
        if command.startswith("LOGIN"):
            right = command == f'LOGIN {ADDRESS} "{PASSWORD}"'
            return "OK done" if right else "NO [AUTHENTICATIONFAILED] wrong"
        return "OK [READ-ONLY] done" if command.startswith("EXAMINE") else "OK done"

    def _answer(self, command: str) -> bytes:
        verb = " ".join(command.upper().split()[:2])
        known: dict[str, Callable[[str], bytes]] = {
            "UID SEARCH": self._search,
            "UID FETCH": self._fetch,
        }
        if verb in known:
            return known[verb](command)
        match command.upper().split()[0]:
            case "CAPABILITY":
                return b"* CAPABILITY IMAP4rev1\r\n"
            case "LOGIN":
                self.logins += 1
            case "EXAMINE":
                return f"* {len(self.letters)} EXISTS\r\n* OK [UIDVALIDITY {self.validity}] ok\r\n".encode()
            case "STATUS":
                told = f"(UIDNEXT {self.next_uid} UIDVALIDITY {self.validity})"
                return f'* STATUS "INBOX" {told}\r\n'.encode()
            case "LOGOUT":
                return b"* BYE\r\n"
        return b""

    def _search(self, command: str) -> bytes:
        found = re.fullmatch(r"UID SEARCH UID (\d+):\*", command)
        assert found, command
        first = int(found[1])
        uids = [uid for uid in self.letters if uid >= first]
        if not uids and self.letters:
            uids = [max(self.letters)]  # `n:*` always names the last one
        return f"* SEARCH {' '.join(map(str, uids))}\r\n".encode()

    def _fetch(self, command: str) -> bytes:
        found = re.fullmatch(r"UID FETCH (\d+) \((RFC822\.SIZE|BODY\.PEEK\[\])\)", command)
        assert found, command
        uid = int(found[1])
        raw = self.letters.get(uid)
        if raw is None:
            return b""
        if found[2] == "RFC822.SIZE":
            return f"* {uid} FETCH (UID {uid} RFC822.SIZE {len(raw)})\r\n".encode()
        return f"* {uid} FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n"


class _Post:
    """The SMTP side."""

    def __init__(self, mail: FakeMail) -> None:
        self._mail = mail

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self._mail.refusals:
            return self._mail.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self._mail.answers:
            return self._mail.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        letter = BytesParser(policy=policy.default).parsebytes(envelope.content)
        assert isinstance(letter, EmailMessage)
        self._mail.takes(letter)
        if self._mail.drop_after_accept:
            self._mail.drop_after_accept -= 1
            assert server.transport is not None
            server.transport.abort()
        return "250 OK"
