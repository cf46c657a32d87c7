"""E-mail: out by SMTP, in by IMAP. A reply joins its thread by Message-ID."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from typing import Protocol

import aiosmtplib

from bot.channels import letters
from bot.channels.accounts import EmailAccount
from bot.channels.inbound import ButtonPress, Inbound
from bot.channels.letters import CHANNEL, Postmark
from bot.channels.mailbox import Letter, Mailbox, Mark
from bot.channels.port import (
    Accept,
    Capabilities,
    Forged,
    Outgoing,
    Permanent,
    Rate,
    RateLimited,
    Reason,
    Received,
    SendError,
    Sent,
    Transient,
    Uncertain,
    Unreadable,
)
from bot.channels.rendering import parts, texts
from core import logs

log = logs.get("email")

CAPABILITIES = Capabilities(
    text=100_000,
    buttons=0,
    button_title=0,
    files=True,
    account_rate=Rate(5, timedelta(seconds=1)),
    chat_rate=None,
    idempotent=True,  # the Message-ID stays the same, and mail programs show it once
    receipts=True,  # bounces
)
SMTP_SECONDS = 30.0
LONGEST_PAUSE = 300.0  # seconds between attempts while the mailbox does not answer
_BUSY = {421, 450, 451, 452}


class Marks(Protocol):
    """Where a channel keeps how far it has read."""

    async def get(self, channel: str, account: str) -> str | None: ...

    async def set(self, channel: str, account: str, mark: str) -> None: ...


class Email:
    """One mailbox."""

    name = CHANNEL
    capabilities = CAPABILITIES

    def __init__(self, account: str, config: EmailAccount, marks: Marks) -> None:
        self.account = account
        self._config = config
        self._marks = marks
        self._mailbox = Mailbox(config.imap)
        seal_key = hashlib.sha256(b"seal:" + config.imap.password.get_secret_value().encode()).digest()
        self._postmark = Postmark(config.address, seal_key, config.plus)

    # ---- in ----

    async def listen(self, accept: Accept) -> None:
        """Read new letters for ever. A letter counts as read when it is in our database."""
        pause = every = self._config.imap.every_seconds
        while True:
            try:
                more = await self.poll(accept)
                pause = every
                if more:
                    continue
            except Transient as why:
                log.warning("the mailbox does not answer", account=self.account, why=str(why))
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as error:  # the database is away; the letters wait in the mailbox
                log.error("letters wait", account=self.account, error=type(error).__name__)
                pause = min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def poll(self, accept: Accept) -> bool:
        """Read what is new now; whether there was anything.

        Raises:
            Transient
        """
        known = Mark.of(await self._marks.get(CHANNEL, self.account))
        mark, found = await self._mailbox.after(known)
        for letter in found:
            if event := self._read(letter):
                await accept([event])
        if mark != known:
            await self._marks.set(CHANNEL, self.account, str(mark))
        return bool(found)

    def _read(self, letter: Letter) -> Inbound | None:
        """What it says. A letter that cannot be read, or is not its sender's, stays there for people."""
        try:
            return letters.parse(
                letter.raw, str(letter.mark), self.account, self._postmark, self._config.authentication
            )
        except Forged:
            log.warning("letter left: its sender is not vouched for", account=self.account)
        except Exception as error:  # the standard parser fails on some letters in its own ways
            log.warning("letter left: unreadable", account=self.account, error=type(error).__name__)
        return None

    async def fetch(self, file: str, limit: int) -> AsyncIterator[bytes]:
        place, _, index = file.rpartition(".")
        mark = Mark.of(place)
        if mark is None or not index.isdigit():
            raise Unreadable("not a file of a letter")
        found = letters.attachment(await self._mailbox.letter(mark), int(index))
        if found is None or len(found) > limit:
            raise Unreadable("gone, or larger than allowed")
        yield found

    # ---- out ----

    async def send(self, outgoing: Outgoing) -> Sent:
        """Deliver a line: always one letter."""
        try:
            letter = self._letter(outgoing)
        except (ValueError, IndexError, MessageError):  # the standard library's ways to refuse an address
            raise Permanent("not an address", Reason.DEAD_ADDRESS) from None
        smtp = self._config.smtp
        try:
            await aiosmtplib.send(
                letter,
                sender=self._config.address,
                recipients=[outgoing.address],
                hostname=smtp.host,
                port=smtp.port,
                username=smtp.user or None,
                password=smtp.password.get_secret_value() or None,
                use_tls=smtp.security == "tls",
                start_tls=smtp.security == "starttls",
                timeout=SMTP_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise _meaning(error) from None
        return Sent(str(letter["Message-ID"]))

    def _letter(self, outgoing: Outgoing) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = Address(self._config.name, addr_spec=self._config.address)
        letter["To"] = Address(addr_spec=outgoing.address)
        letter["Date"] = formatdate(localtime=False)
        letter["Message-ID"] = self._postmark.message_id(outgoing.key, outgoing.part)
        letter["Auto-Submitted"] = "auto-generated" if outgoing.proactive else "auto-replied"
        if self._postmark.plus:
            letter["Reply-To"] = self._postmark.reply_to(outgoing.key, outgoing.part)
        self._thread(letter, outgoing)
        text = parts(_without_files(outgoing), CAPABILITIES)[0].text
        if outgoing.proactive:
            letter["List-Unsubscribe"] = f"<mailto:{self._config.address}?subject=stop>"
            text += f"\n\n-- \n{texts('unsubscribe', outgoing.language)}"
        letter.set_content(text)
        for file in outgoing.files:
            main, _, sub = file.type.partition("/")
            letter.add_attachment(file.data, maintype=main, subtype=sub or "octet-stream", filename=file.name)
        return letter

    def _thread(self, letter: EmailMessage, outgoing: Outgoing) -> None:
        origin = outgoing.reply_to
        subject = " ".join(origin.subject.split()) if origin else ""
        if not subject:
            letter["Subject"] = texts("subject", outgoing.language)
        else:
            letter["Subject"] = subject if subject.lower().startswith("re:") else f"Re: {subject}"
        if origin and origin.ref:
            letter["In-Reply-To"] = origin.ref
            letter["References"] = " ".join([*origin.references, origin.ref])

    # ---- what only webhooks need ----

    def verify(self, received: Received) -> None:
        """No mail provider of ours calls us."""
        raise Forged

    def handshake(self, received: Received) -> str | None:
        return None

    def parse(self, received: Received) -> Sequence[Inbound]:
        return []

    def answer(self, received: Received) -> str:
        return ""

    async def acknowledge(self, press: ButtonPress) -> None:
        """There are no buttons."""

    async def open(self, url: str) -> None:
        """Nothing to register."""

    async def close(self) -> None:
        await self._mailbox.close()


def _without_files(outgoing: Outgoing) -> Outgoing:
    return replace(outgoing, files=(), part=0)


def _meaning(error: Exception) -> SendError:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return Permanent("the mail server refuses the password", Reason.ACCOUNT)
        case aiosmtplib.SMTPRecipientsRefused():
            return _refused(error.recipients[0].code, of_recipient=True)
        case aiosmtplib.SMTPConnectResponseError() | aiosmtplib.SMTPHeloError():
            return Transient(f"the mail server is not ready: {error.code}")
        case aiosmtplib.SMTPSenderRefused():
            if error.code >= 500:
                return Permanent("the mail server refuses our address as sender", Reason.ACCOUNT)
            return _refused(error.code)
        case aiosmtplib.SMTPResponseException():
            return _refused(error.code, of_recipient=isinstance(error, aiosmtplib.SMTPRecipientRefused))
        case aiosmtplib.SMTPConnectError() | ConnectionRefusedError():
            return Transient("cannot connect to the mail server")
        case aiosmtplib.SMTPNotSupported():
            return Permanent("the mail server does not know what we need", Reason.ACCOUNT)
    return Uncertain(f"the mail server went away: {type(error).__name__}")


def _refused(code: int, *, of_recipient: bool = False) -> SendError:
    if code in _BUSY:
        return RateLimited(f"status {code}", timedelta(minutes=1), whole_account=code == 421)
    if code < 500:
        return Transient(f"status {code}")
    dead = of_recipient and code in (550, 551, 553, 556)
    return Permanent(f"status {code}", Reason.DEAD_ADDRESS if dead else Reason.REFUSED)
