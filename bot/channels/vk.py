"""VK: Callback API and messages.send. Source: dev.vk.com, github.com/VKCOM/vk-api-schema, version 5.199."""

import json
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.channels import markup, wire
from bot.channels.accounts import VkAccount
from bot.channels.http import Downloads, ProviderHttp, check, raise_for
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
    Receipt,
    ReceiptState,
    Start,
    Unblocked,
    written,
)
from bot.channels.port import (
    Capabilities,
    Forged,
    Outgoing,
    OutgoingButton,
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
from bot.channels.rendering import parts, rows
from bot.channels.wire import Json

CHANNEL = "vk"
VERSION = "5.199"
CAPABILITIES = Capabilities(
    text=4096,
    buttons=10,  # of an inline keyboard
    button_title=40,
    files=True,
    account_rate=Rate(20, timedelta(seconds=1)),
    chat_rate=None,
    idempotent=True,
    receipts=True,
)
INLINE_ROWS = 6
PRESS = "press"  # the key of our payload
_WAITS = {6: timedelta(seconds=1), 9: timedelta(minutes=1), 29: timedelta(hours=1)}
_PERMANENT = {
    7: Reason.ACCOUNT,
    15: Reason.ACCOUNT,
    27: Reason.ACCOUNT,
    5: Reason.ACCOUNT,
    18: Reason.DEAD_ADDRESS,  # deleted or banned
    113: Reason.DEAD_ADDRESS,
    900: Reason.BLOCKED,
    901: Reason.BLOCKED,
    902: Reason.BLOCKED,
    950: Reason.TOO_OLD,
}


def verify(event: Json, secret: str, group_id: int) -> None:
    """Check the secret, which VK puts inside the body, and that the event is of our community.

    Raises:
        Forged
    """
    given = event.get("secret")
    check(given if isinstance(given, str) else "", secret)
    if event.get("group_id") != group_id:
        raise Forged


def parse(body: bytes, account: str) -> list[Inbound]:
    """Translate one event."""
    event = wire.read(body)
    event_id, what = wire.ident(event, "event_id"), wire.obj(event, "object")
    if not event_id:
        return []
    language: str | None = None
    origin: Origin | None = None
    content: Content | None = None
    match event.get("type"):
        case "message_new":
            message = wire.obj(what, "message")
            sender, content = _sender(message), _said(message)
            quoted = wire.ident(wire.obj(message, "reply_message"), "id")
            origin = Origin(wire.ident(message, "id"), quoted)
            language = _LANGUAGES.get(wire.ident(wire.obj(what, "client_info"), "lang_id"))
        case "message_edit":
            sender, text = _sender(what), wire.text(what, "text")
            content = Edited(wire.ident(what, "id"), text) if text else None
        case "message_allow":
            sender, content = wire.ident(what, "user_id"), Unblocked()
        case "message_deny":
            sender, content = wire.ident(what, "user_id"), Blocked()
        case "message_read":
            sender, ref = wire.ident(what, "from_id"), wire.ident(what, "read_message_id")
            content = Receipt(ref, ReceiptState.READ, up_to=True) if ref else None
        case _:
            return []
    if content is None or not sender:
        return []
    return [Inbound(CHANNEL, account, event_id, sender, content, language, origin)]


_LANGUAGES = {"0": "ru", "3": "en"}


def _sender(message: Json) -> str:
    """Only private dialogues: the peer is the person."""
    sender = wire.ident(message, "from_id")
    private = wire.ident(message, "peer_id") == sender and not sender.startswith("-")
    return sender if private and not message.get("out") else ""


def _said(message: Json) -> Content | None:
    text, payload = wire.text(message, "text"), _payload(message)
    if press := wire.ident(payload, PRESS):
        return ButtonPress(press)
    if payload.get("command") == "start":
        return Start(wire.text(message, "ref")[:128])
    if place := wire.obj(message, "geo", "coordinates"):
        return wire.location(place)
    files = tuple(file for each in wire.items(message, "attachments") if (file := _file(each)))
    if files:
        return Files(files, text)
    return written(text) if text else None


def _payload(message: Json) -> Json:
    raw = message.get("payload")
    return wire.read(raw.encode()) if isinstance(raw, str) else {}


def _file(attachment: Json) -> Attachment | None:
    kind = attachment.get("type")
    found = wire.obj(attachment, str(kind))
    if kind == "photo" and (sizes := wire.items(found, "sizes")):
        largest = max(sizes, key=lambda each: wire.size(each, "width") or 0)
        return _attachment(FileKind.PHOTO, largest.get("url"))
    if kind == "doc":
        return _attachment(
            FileKind.DOCUMENT, found.get("url"), wire.text(found, "title"), wire.size(found, "size")
        )
    if kind == "audio_message":
        return _attachment(FileKind.VOICE, found.get("link_ogg"), type_="audio/ogg")
    return None


def _attachment(
    kind: FileKind, url: Any, name: str = "", size: int | None = None, type_: str = ""
) -> Attachment | None:
    return Attachment(kind, url, name, type_, size) if isinstance(url, str) and url else None


class Vk:
    """One community."""

    name = CHANNEL
    capabilities = CAPABILITIES

    def __init__(self, account: str, config: VkAccount) -> None:
        self.account = account
        self._config = config
        self._session = aiohttp.ClientSession()
        self._http = ProviderHttp(
            self._session, config.api, {"Authorization": f"Bearer {config.token.get_secret_value()}"}
        )
        self._downloads = Downloads(trusted=config.api)

    def verify(self, received: Received) -> None:
        verify(wire.read(received.body), self._config.secret.get_secret_value(), self._config.group_id)

    def handshake(self, received: Received) -> str | None:
        """`confirmation` may come before VK knows the secret; then the community must do."""
        event = wire.read(received.body)
        if event.get("type") != "confirmation":
            return None
        if "secret" in event:
            self.verify(received)
        elif event.get("group_id") != self._config.group_id:
            raise Forged
        return self._config.confirmation

    def parse(self, received: Received) -> Sequence[Inbound]:
        return parse(received.body, self.account)

    def answer(self, received: Received) -> str:
        return "ok"

    async def send(self, outgoing: Outgoing) -> Sent:
        whole = parts(outgoing, CAPABILITIES, markup.vk)
        part = whole[outgoing.part]
        fields = {
            "peer_ids": outgoing.address,  # this form answers with an error of the peer, if there is one
            "random_id": str(random_id(outgoing.key, outgoing.part)),
            "message": part.text,
            "dont_parse_links": "0",
        }
        if part.file:
            fields["attachment"] = await self._uploaded(outgoing.address, part.file)
        if part.buttons:
            fields["keyboard"] = _keyboard(part.buttons)
        answer = await self._method("messages.send", fields)
        sent = answer[0] if isinstance(answer, list) and answer and isinstance(answer[0], dict) else {}
        if refused := wire.obj(sent, "error"):
            raise _meaning(refused)
        return Sent(wire.ident(sent, "message_id"), len(whole))

    async def _method(self, method: str, fields: dict[str, str]) -> Any:
        """Call a method; VK does not take JSON, and answers an error with status 200."""
        form = urlencode(fields | {"v": VERSION})  # written here: a FormData costs more than the rest of it
        answer = await self._http.call("POST", f"method/{method}", data=form.encode(), headers=_FORM)
        raise_for(answer)
        if error := wire.obj(answer.data, "error"):
            raise _meaning(error)
        if not isinstance(answer.data, dict) or "response" not in answer.data:
            raise Uncertain("the answer is not VK's")
        return answer.data["response"]

    async def _uploaded(self, peer: str, file: OutgoingFile) -> str:
        try:
            if file.kind is FileKind.PHOTO:
                return await self._upload_photo(peer, file)
            return await self._upload_document(peer, file)
        except Uncertain as error:
            raise Transient(str(error)) from None  # no message was sent yet

    async def _upload_photo(self, peer: str, file: OutgoingFile) -> str:
        place = await self._method("photos.getMessagesUploadServer", {"peer_id": peer})
        done = await self._put(place, "photo", file)
        kept = {key: str(done.get(key, "")) for key in ("server", "photo", "hash")}
        saved = await self._method("photos.saveMessagesPhoto", kept)
        return _named("photo", saved[0] if isinstance(saved, list) and saved else {})

    async def _upload_document(self, peer: str, file: OutgoingFile) -> str:
        kind = "audio_message" if file.kind is FileKind.VOICE else "doc"
        place = await self._method("docs.getMessagesUploadServer", {"peer_id": peer, "type": kind})
        done = await self._put(place, "file", file)
        saved = await self._method("docs.save", {"file": str(done.get("file", "")), "title": file.name})
        return _named("doc", wire.obj(saved, str(wire.obj(saved).get("type", ""))))

    async def _put(self, place: Any, field: str, file: OutgoingFile) -> Json:
        form = aiohttp.FormData()
        form.add_field(field, file.data, filename=file.name, content_type=file.type)
        done = await self._http.call("POST", str(wire.obj(place).get("upload_url", "")), data=form)
        raise_for(done)
        return wire.obj(done.data)

    async def acknowledge(self, press: ButtonPress) -> None:
        """Our buttons are of the kind `text`: VK shows the press as a message, nothing spins."""

    async def fetch(self, file: str, limit: int) -> AsyncIterator[bytes]:
        async for chunk in self._downloads.stream(file, limit):
            yield chunk

    async def open(self, url: str) -> None:
        """The address is entered in the community's settings by a person: docs/channels.md."""

    async def close(self) -> None:
        await self._session.close()


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def random_id(key: str, part: int) -> int:
    """By this VK knows a message that it was given before: never 0, the same at every attempt."""
    return zlib.crc32(f"{key}:{part}".encode()) & 0x7FFFFFFF or 1


def _keyboard(buttons: Sequence[OutgoingButton]) -> str:
    laid = rows(buttons, a_row=5)
    if len(laid) > INLINE_ROWS:
        laid = [list(buttons[at : at + 5]) for at in range(0, len(buttons), 5)]
    keyboard = {
        "inline": True,
        "buttons": [[_button(button) for button in row] for row in laid],
    }
    return json.dumps(keyboard, ensure_ascii=False)


def _button(button: OutgoingButton) -> Json:
    payload = json.dumps({PRESS: button.id})
    return {"action": {"type": "text", "label": button.title, "payload": payload}, "color": "primary"}


def _named(kind: str, saved: Any) -> str:
    named = f"{kind}{wire.ident(saved, 'owner_id')}_{wire.ident(saved, 'id')}"
    key = wire.ident(saved, "access_key")
    return f"{named}_{key}" if key else named


def _meaning(error: Json) -> SendError:
    code = error.get("error_code", error.get("code"))
    if isinstance(code, int) and code in _WAITS:
        return RateLimited(f"VK error {code}", _WAITS[code])
    if isinstance(code, int) and code in _PERMANENT:
        return Permanent(f"VK error {code}", _PERMANENT[code])
    if code in (1, 10):
        return Transient(f"VK error {code}")
    return Permanent(f"VK error {code}", Reason.REFUSED)
