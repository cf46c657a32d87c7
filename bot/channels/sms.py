"""SMS through smsc.ru, outwards only. Source: smsc.ru/api/http, read in November 2026."""

import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from urllib.parse import parse_qs

import aiohttp

from bot.channels import wire
from bot.channels.accounts import SmsAccount
from bot.channels.http import ProviderHttp, check, raise_for
from bot.channels.inbound import ButtonPress, Inbound, Receipt, ReceiptState
from bot.channels.port import (
    Capabilities,
    Outgoing,
    Permanent,
    Rate,
    RateLimited,
    Reason,
    Received,
    SendError,
    Sent,
    Uncertain,
    Unreadable,
)
from bot.channels.rendering import parts

CHANNEL = "sms"
CAPABILITIES = Capabilities(
    text=670,  # ten messages of 67 letters joined on the telephone
    buttons=0,
    button_title=0,
    files=False,
    account_rate=Rate(10, timedelta(seconds=1)),
    chat_rate=Rate(1, timedelta(seconds=2)),
    receipts=True,
    inbound=False,
)
_STATES = {
    "0": ReceiptState.SENT,
    "1": ReceiptState.DELIVERED,
    "2": ReceiptState.READ,
    "3": ReceiptState.FAILED,
    "20": ReceiptState.FAILED,
    "22": ReceiptState.FAILED,
    "23": ReceiptState.FAILED,
    "24": ReceiptState.FAILED,
    "25": ReceiptState.FAILED,
}
_DEAD = {"20", "22"}
_PERMANENT = {
    2: Reason.ACCOUNT,
    3: Reason.ACCOUNT,
    4: Reason.ACCOUNT,
    7: Reason.DEAD_ADDRESS,
    8: Reason.DEAD_ADDRESS,
}


def verify(received: Received, secret: str) -> None:
    """Status reports are not signed, so their address carries a secret.

    Raises:
        Forged
    """
    check(received.query.get("secret", ""), secret)


def parse(body: bytes, account: str) -> list[Inbound]:
    """Translate one status report, a form."""
    fields = {key: values[0] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}
    ref, phone, status = fields.get("id", ""), fields.get("phone", ""), fields.get("status", "")
    if not ref.isdigit() or not phone or status not in _STATES:
        return []
    reason = Reason.DEAD_ADDRESS if status in _DEAD else ""
    receipt = Receipt(ref, _STATES[status], reason)
    return [Inbound(CHANNEL, account, f"{ref}:{status}"[:160], phone[:40], receipt)]


class Sms:
    """One account."""

    name = CHANNEL
    capabilities = CAPABILITIES

    def __init__(self, account: str, config: SmsAccount) -> None:
        self.account = account
        self._config = config
        self._session = aiohttp.ClientSession()
        self._http = ProviderHttp(self._session, config.api, {})

    def verify(self, received: Received) -> None:
        verify(received, self._config.hook_secret)

    def handshake(self, received: Received) -> str | None:
        return None

    def parse(self, received: Received) -> Sequence[Inbound]:
        return parse(received.body, self.account)

    def answer(self, received: Received) -> str:
        return "ok"

    async def send(self, outgoing: Outgoing) -> Sent:
        whole = parts(outgoing, CAPABILITIES)
        part = whole[outgoing.part]
        if part.file:
            raise Permanent("SMS takes no files", Reason.REFUSED)
        body = {
            "login": self._config.login,
            "psw": self._config.password.get_secret_value(),
            "phones": outgoing.address,
            "mes": part.text,
            "id": zlib.crc32(f"{outgoing.key}:{outgoing.part}".encode()) & 0x7FFFFFFF or 1,
            "charset": "utf-8",
            "fmt": 3,
        }
        if self._config.sender:
            body["sender"] = self._config.sender
        answer = await self._http.call("POST", "rest/send/", json=body)
        raise_for(answer)
        code = wire.obj(answer.data).get("error_code")
        if isinstance(code, int):
            raise _meaning(code)
        ref = wire.ident(answer.data, "id")
        if not ref:
            raise Uncertain("the answer names no message")
        return Sent(ref, len(whole))

    async def acknowledge(self, press: ButtonPress) -> None:
        """There are no buttons."""

    async def fetch(self, file: str, limit: int) -> AsyncIterator[bytes]:
        raise Unreadable("SMS has no files")
        yield b""  # makes this an iterator

    async def open(self, url: str) -> None:
        """The address of status reports is entered in the account's settings: docs/channels.md."""

    async def close(self) -> None:
        await self._session.close()


def _meaning(code: int) -> SendError:
    why = f"smsc error {code}"
    if code == 9:
        return RateLimited(why, timedelta(minutes=1), whole_account=False)
    return Permanent(why, _PERMANENT.get(code, Reason.REFUSED))
