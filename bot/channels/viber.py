"""Viber REST bot API. Source: developers.viber.com/docs/api/rest-bot-api, read in November 2026."""

import hashlib
import hmac
import html
import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import aiohttp

from bot.channels import wire
from bot.channels.accounts import ViberAccount
from bot.channels.http import DEFAULT_WAIT, Answer, Downloads, ProviderHttp, check, raise_for
from bot.channels.inbound import (
    Attachment,
    Blocked,
    ButtonPress,
    Content,
    FileKind,
    Files,
    Inbound,
    Origin,
    Receipt,
    ReceiptState,
    SharedContact,
    Start,
    Unblocked,
    written,
)
from bot.channels.port import (
    Capabilities,
    Outgoing,
    OutgoingButton,
    Permanent,
    Rate,
    RateLimited,
    Reason,
    Received,
    SendError,
    Sent,
    Transient,
    Uncertain,
)
from bot.channels.rendering import parts, texts
from bot.channels.wire import Json

CHANNEL = "viber"
CAPABILITIES = Capabilities(
    text=7000,
    buttons=12,
    button_title=100,
    files=False,  # Viber fetches files from a public address, and ours are not public
    account_rate=Rate(50, timedelta(seconds=1)),
    chat_rate=None,
    receipts=True,
)
SIGNATURE_HEADER = "x-viber-content-signature"
EVENTS = ["delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started"]
API_VERSION = 6  # the first that knows silent buttons
_PRESS = re.compile(r"press:([A-Za-z0-9_-]{8,64})")
_FILES = {"picture": FileKind.PHOTO, "video": FileKind.VIDEO, "file": FileKind.DOCUMENT}
_RECEIPTS = {
    "delivered": ReceiptState.DELIVERED,
    "seen": ReceiptState.READ,
    "failed": ReceiptState.FAILED,
}
_PERMANENT = {
    2: Reason.ACCOUNT,
    5: Reason.DEAD_ADDRESS,
    6: Reason.BLOCKED,
    7: Reason.ACCOUNT,
    8: Reason.ACCOUNT,
    9: Reason.DEAD_ADDRESS,
}


def verify(received: Received, token: str) -> None:
    """Check the HMAC-SHA256 of the raw body.

    Raises:
        Forged
    """
    signature = hmac.new(token.encode(), received.body, hashlib.sha256).hexdigest()
    check(received.headers.get(SIGNATURE_HEADER, ""), signature)


def parse(body: bytes, account: str) -> list[Inbound]:
    """Translate one callback."""
    event = wire.read(body)
    kind, token = wire.ident(event, "event"), wire.ident(event, "message_token")
    content: Content | None = None
    origin: Origin | None = None
    person = wire.obj(event, "sender") or wire.obj(event, "user")
    match kind:
        case "message":
            content, origin = _said(wire.obj(event, "message")), Origin(token)
        case "conversation_started":
            content = Start(wire.text(event, "context")[:128], greeted=_may_only_welcome(event))
        case "subscribed":
            content = Unblocked()
        case "unsubscribed":
            content = Blocked()
        case "delivered" | "seen" | "failed":
            content = Receipt(token, _RECEIPTS[kind])
    address = wire.ident(person, "id") or wire.ident(event, "user_id")
    if content is None or not token or not address:
        return []
    name, language = wire.text(person, "name"), wire.language(person, "language")
    return [Inbound(CHANNEL, account, f"{token}:{kind}", address, content, language, origin, name)]


def _may_only_welcome(event: Json) -> bool:
    """Somebody who opened the chat and has not written may be told one thing: the answer to this event."""
    return event.get("subscribed") is not True


def _said(message: Json) -> Content | None:
    kind, text = message.get("type"), wire.text(message, "text")
    if kind == "text" and (pressed := _PRESS.fullmatch(text)):
        return ButtonPress(pressed[1])
    if kind == "text":
        return written(text) if text else None
    if kind == "location":
        place = wire.obj(message, "location")
        return wire.location({"latitude": place.get("lat"), "longitude": place.get("lon")})
    if kind == "contact":
        phone = wire.text(wire.obj(message, "contact"), "phone_number")
        return SharedContact(phone, own=False) if phone else None
    media = message.get("media")
    if isinstance(kind, str) and kind in _FILES and isinstance(media, str) and media:
        name, size = wire.text(message, "file_name"), wire.size(message, "size")
        return Files((Attachment(_FILES[kind], media, name, size=size),), text)
    return None


class Viber:
    """One bot."""

    name = CHANNEL
    capabilities = CAPABILITIES

    def __init__(self, account: str, config: ViberAccount) -> None:
        self.account = account
        self._config = config
        self._token = config.token.get_secret_value()
        self._session = aiohttp.ClientSession()
        self._http = ProviderHttp(self._session, config.api, {"X-Viber-Auth-Token": self._token})
        self._downloads = Downloads(trusted=config.api)

    def verify(self, received: Received) -> None:
        verify(received, self._token)

    def handshake(self, received: Received) -> str | None:
        """The test callback of set_webhook is signed as all are, and tells nothing."""
        return None

    def parse(self, received: Received) -> Sequence[Inbound]:
        return parse(received.body, self.account)

    def answer(self, received: Received) -> str:
        """The welcome to somebody who opened the chat: it can be said in this answer only."""
        event = wire.read(received.body)
        if event.get("event") != "conversation_started" or not _may_only_welcome(event):
            return ""
        language = wire.language(wire.obj(event, "user"), "language")
        welcome = {
            "sender": {"name": self._config.sender},
            "type": "text",
            "text": texts("welcome", language),
        }
        return json.dumps(welcome, ensure_ascii=False)

    async def send(self, outgoing: Outgoing) -> Sent:
        whole = parts(outgoing, CAPABILITIES)
        part = whole[outgoing.part]
        if part.file:
            raise Permanent("Viber takes no files from us", Reason.REFUSED)
        body: Json = {
            "receiver": outgoing.address,
            "min_api_version": API_VERSION,
            "sender": {"name": self._config.sender},
            "tracking_data": outgoing.key,
            "type": "text",
            "text": part.text,
        }
        if part.buttons:
            body["keyboard"] = _keyboard(part.buttons)
        answer = await self._http.call("POST", "pa/send_message", json=body)
        _judge(answer)
        return Sent(wire.ident(answer.data, "message_token"), len(whole))

    async def acknowledge(self, press: ButtonPress) -> None:
        """Nothing spins."""

    async def fetch(self, file: str, limit: int) -> AsyncIterator[bytes]:
        async for chunk in self._downloads.stream(file, limit):
            yield chunk

    async def open(self, url: str) -> None:
        body = {"url": url, "event_types": EVENTS, "send_name": True, "send_photo": False}
        _judge(await self._http.call("POST", "pa/set_webhook", json=body))

    async def close(self) -> None:
        await self._session.close()


def _keyboard(buttons: Sequence[OutgoingButton]) -> Json:
    made = [
        {
            "Columns": 6,
            "Rows": 1,
            "ActionType": "reply",
            "ActionBody": f"press:{button.id}",
            "Silent": True,  # or the customer would see the id as their own message
            "Text": html.escape(button.title, quote=False),
        }
        for button in buttons
    ]
    return {"Type": "keyboard", "DefaultHeight": False, "Buttons": made}


def _judge(answer: Answer) -> None:
    """Viber answers an error with status 200 and a number of its own.

    Raises:
        SendError
    """
    raise_for(answer)
    status = answer.data.get("status") if isinstance(answer.data, dict) else None
    if not isinstance(status, int):
        raise Uncertain("the answer is not Viber's")
    if status:
        raise _meaning(status)


def _meaning(status: int) -> SendError:
    why = f"Viber status {status}"
    if status == 12:
        return RateLimited(why, DEFAULT_WAIT)
    if status == 10:  # the webhook is not set: `open` will see to it
        return Transient(why)
    return Permanent(why, _PERMANENT.get(status, Reason.REFUSED))
