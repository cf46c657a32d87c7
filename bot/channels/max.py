"""MAX Bot API. Source: dev.max.ru/docs-api, host platform-api2.max.ru, read in November 2026."""

import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bot.channels import markup, wire
from bot.channels.accounts import MaxAccount
from bot.channels.http import DEFAULT_WAIT, Answer, Downloads, ProviderHttp, check, raise_for
from bot.channels.inbound import (
    Attachment,
    Blocked,
    ButtonPress,
    Content,
    Edited,
    FileKind,
    Files,
    Inbound,
    Origin,
    SharedContact,
    Start,
    written,
)
from bot.channels.port import (
    Capabilities,
    Outgoing,
    OutgoingFile,
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
from bot.channels.rendering import Part, parts, rows
from bot.channels.wire import Json

CHANNEL = "max"
CAPABILITIES = Capabilities(
    text=3999,  # below 4000, marks included
    buttons=21,
    button_title=64,
    files=True,
    account_rate=Rate(30, timedelta(seconds=1)),
    chat_rate=Rate(2, timedelta(seconds=1)),
)
SECRET_HEADER = "x-max-bot-api-secret"  # noqa: S105 - a header's name
UPDATES = ["message_created", "message_callback", "message_edited", "bot_started", "bot_stopped"]
ROOT_CA = Path(__file__).with_name("certificates") / "russian_trusted_root_ca.pem"

_KINDS = {
    "image": FileKind.PHOTO,
    "video": FileKind.VIDEO,
    "audio": FileKind.VOICE,
    "file": FileKind.DOCUMENT,
}
_UPLOADS = {
    FileKind.PHOTO: "image",
    FileKind.VIDEO: "video",
    FileKind.VOICE: "audio",
    FileKind.DOCUMENT: "file",
}
_VCARD_PHONE = re.compile(r"^TEL[^:\r\n]*:([+\d][\d ()-]{4,24})\s*$", re.MULTILINE)
_GONE = {"chat.not.found", "user.not.found", "dialog.not.found"}
_BLOCKED = {"chat.denied", "user.blocked", "dialog.suspended"}


def verify(received: Received, secret: str) -> None:
    """Check the secret that was given with the subscription.

    Raises:
        Forged
    """
    check(received.headers.get(SECRET_HEADER, ""), secret)


def parse(body: bytes, account: str) -> list[Inbound]:
    """Translate one update. MAX gives events no ids, so they are named after what they are about."""
    update = wire.read(body)
    at = wire.ident(update, "timestamp")
    match update.get("update_type"):
        case "message_created":
            message = wire.obj(update, "message")
            return _message(update, message, _said(message), wire.ident(_body(message), "mid"), account)
        case "message_edited":
            message = wire.obj(update, "message")
            mid, text = wire.ident(_body(message), "mid"), wire.text(_body(message), "text")
            content = Edited(mid, text) if text else None
            return _message(update, message, content, f"{mid}:edited:{at}" if mid else "", account)
        case "message_callback":
            return _pressed(update, account)
        case "bot_started":
            return _dialog(update, Start(wire.text(update, "payload")[:128]), "started", at, account)
        case "bot_stopped":
            return _dialog(update, Blocked(), "stopped", at, account)
    return []


def _body(message: Json) -> Json:
    return wire.obj(message, "body")


def _message(
    update: Json, message: Json, content: Content | None, event_id: str, account: str
) -> list[Inbound]:
    sender, recipient = wire.obj(message, "sender"), wire.obj(message, "recipient")
    if content is None or not event_id or sender.get("is_bot") or recipient.get("chat_type") != "dialog":
        return []
    link = wire.obj(message, "link")
    quotes = wire.ident(wire.obj(link, "message"), "mid") if link.get("type") == "reply" else ""
    origin = Origin(wire.ident(_body(message), "mid"), quotes)
    return _inbound(update, sender, content, event_id, account, origin)


def _pressed(update: Json, account: str) -> list[Inbound]:
    callback = wire.obj(update, "callback")
    known, payload = wire.ident(callback, "callback_id"), wire.ident(callback, "payload")
    if not known or not payload:
        return []
    press = ButtonPress(payload, known)
    return _inbound(update, wire.obj(callback, "user"), press, f"press:{known}", account, None)


def _dialog(update: Json, content: Content, what: str, at: str, account: str) -> list[Inbound]:
    user = wire.obj(update, "user")
    event_id = f"{what}:{wire.ident(user, 'user_id')}:{at}"
    return _inbound(update, user, content, event_id, account, None)


def _inbound(
    update: Json, user: Json, content: Content, event_id: str, account: str, origin: Origin | None
) -> list[Inbound]:
    sender = wire.ident(user, "user_id")
    if not sender:
        return []
    name = " ".join(filter(None, (wire.text(user, "first_name"), wire.text(user, "last_name"))))
    language = wire.language(update, "user_locale")
    return [Inbound(CHANNEL, account, event_id, sender, content, language, origin, name)]


def _said(message: Json) -> Content | None:
    body = _body(message)
    text = wire.text(body, "text")
    files: list[Attachment] = []
    for attachment in wire.items(body, "attachments"):
        kind, payload = attachment.get("type"), wire.obj(attachment, "payload")
        if kind == "location":
            return wire.location(attachment)
        if kind == "contact":
            phone = _VCARD_PHONE.search(str(payload.get("vcf_info", "")))
            # a contact may be anybody's: what MAX tells of it does not prove that it is the sender's own
            return SharedContact(phone[1].strip(), own=False) if phone else None
        url = payload.get("url")
        if isinstance(kind, str) and kind in _KINDS and isinstance(url, str):
            name, size = wire.text(attachment, "filename"), wire.size(attachment, "size")
            files.append(Attachment(_KINDS[kind], url, name, size=size))
    if files:
        return Files(tuple(files), text)
    return written(text) if text else None


def trust(ca: Path | None) -> ssl.SSLContext:
    """MAX's certificate comes from a Russian authority that other programs do not know.

    It is trusted for MAX only, besides the usual ones.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(ca or ROOT_CA)
    return context


class Max:
    """One bot."""

    name = CHANNEL
    capabilities = CAPABILITIES

    def __init__(self, account: str, config: MaxAccount) -> None:
        self.account = account
        self._config = config
        self._trust = trust(config.ca)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._trust))
        self._authorised = {"Authorization": config.token.get_secret_value()}
        self._http = ProviderHttp(self._session, config.api, self._authorised)
        self._downloads = Downloads(trusted=config.api)

    def verify(self, received: Received) -> None:
        verify(received, self._config.hook_secret)

    def handshake(self, received: Received) -> str | None:
        return None

    def parse(self, received: Received) -> Sequence[Inbound]:
        return parse(received.body, self.account)

    def answer(self, received: Received) -> str:
        return "ok"

    async def send(self, outgoing: Outgoing) -> Sent:
        whole = parts(outgoing, CAPABILITIES, markup.html)
        part = whole[outgoing.part]
        body = await self._file_body(part.file) if part.file else _text_body(part)
        answer = await self._http.call("POST", "messages", params={"user_id": outgoing.address}, json=body)
        _judge(answer)
        return Sent(wire.ident(wire.obj(answer.data, "message", "body"), "mid"), len(whole))

    async def _file_body(self, file: OutgoingFile) -> Json:
        kind = _UPLOADS[file.kind]
        try:
            payload = await self._upload(kind, file)
        except Uncertain as error:
            raise Transient(str(error)) from None  # no message was sent yet
        return {"attachments": [{"type": kind, "payload": payload}]}

    async def _upload(self, kind: str, file: OutgoingFile) -> Json:
        """What to name an uploaded file by: MAX gives the token with the address or after the upload."""
        place = await self._http.call("POST", "uploads", params={"type": kind})
        _judge(place)
        form = aiohttp.FormData()
        form.add_field("data", file.data, filename=file.name, content_type=file.type)
        url = str(wire.obj(place.data).get("url", ""))
        done = await self._http.call("POST", url, headers=self._authorised, data=form)
        raise_for(done)
        if kind == "image":
            return {"photos": wire.obj(done.data, "photos")}
        return {"token": wire.obj(place.data).get("token") or wire.obj(done.data).get("token")}

    async def acknowledge(self, press: ButtonPress) -> None:
        with contextlib.suppress(SendError):
            body: dict[str, Any] = {"notification": None}
            await self._http.call("POST", "answers", params={"callback_id": press.callback}, json=body)

    async def fetch(self, file: str, limit: int) -> AsyncIterator[bytes]:
        async for chunk in self._downloads.stream(file, limit, ssl=self._trust):
            yield chunk

    async def open(self, url: str) -> None:
        """Subscribe, unless we are: MAX drops a subscription after eight hours of failures."""
        known = await self._http.call("GET", "subscriptions")
        _judge(known)
        ours = [each for each in wire.items(known.data, "subscriptions") if each.get("url") == url]
        if ours and set(UPDATES) <= set(ours[0].get("update_types") or UPDATES):
            return
        body = {"url": url, "update_types": UPDATES, "secret": self._config.hook_secret}
        _judge(await self._http.call("POST", "subscriptions", json=body))

    async def close(self) -> None:
        await self._session.close()


def _text_body(part: Part) -> Json:
    body: Json = {"text": part.text, "format": "html", "notify": True}
    if part.buttons:
        keyboard = [
            [{"type": "callback", "text": button.title, "payload": button.id} for button in row]
            for row in rows(part.buttons, a_row=2)
        ]
        body["attachments"] = [{"type": "inline_keyboard", "payload": {"buttons": keyboard}}]
    return body


def _judge(answer: Answer) -> None:
    """What MAX means by an error.

    Raises:
        SendError
    """
    if answer.status < 400:
        return
    code = wire.ident(answer.data, "code")
    if code == "attachment.not.ready":
        raise RateLimited("MAX still works on the file", DEFAULT_WAIT, whole_account=False)
    if code in _GONE or answer.status == 404:
        raise Permanent(f"there is no such dialogue: {code}", Reason.DEAD_ADDRESS)
    if code in _BLOCKED or answer.status == 403:
        raise Permanent(f"the bot may not write there: {code}", Reason.BLOCKED)
    raise_for(answer)
