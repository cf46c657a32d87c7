"""WhatsApp Cloud API. Source: developers.facebook.com/docs/whatsapp/cloud-api, Graph version 25.0."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta

import aiohttp

from bot.channels import markup, wire
from bot.channels.accounts import WhatsAppAccount
from bot.channels.http import Answer, Downloads, ProviderHttp, check, raise_for
from bot.channels.inbound import (
    Attachment,
    ButtonPress,
    Content,
    FileKind,
    Files,
    Inbound,
    Origin,
    Receipt,
    ReceiptState,
    SharedContact,
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
    Template,
    Transient,
    Uncertain,
    Unreadable,
)
from bot.channels.rendering import Part, parts
from bot.channels.wire import Json

CHANNEL = "whatsapp"
REPLY_BUTTONS = 3  # more become a list
CAPABILITIES = Capabilities(
    text=4096,
    text_with_buttons=1024,
    buttons=10,
    button_title=20,
    files=True,
    account_rate=Rate(80, timedelta(seconds=1)),
    chat_rate=Rate(10, timedelta(minutes=1)),  # one in six seconds on average
    window=timedelta(hours=24),
    receipts=True,
)
SIGNATURE_HEADER = "x-hub-signature-256"
_FILES = {
    "image": FileKind.PHOTO,
    "document": FileKind.DOCUMENT,
    "audio": FileKind.VOICE,
    "voice": FileKind.VOICE,
    "video": FileKind.VIDEO,
    "sticker": FileKind.PHOTO,
}
_TYPES = {
    FileKind.PHOTO: "image",
    FileKind.DOCUMENT: "document",
    FileKind.VOICE: "audio",
    FileKind.VIDEO: "video",
}
_ACCOUNT_WAITS = {130429: 1, 4: 60, 80007: 60, 133016: 3600}  # seconds
_CHAT_WAITS = {131056: 6}
_TRANSIENT = {1, 2, 131000, 131016, 131057, 133004}
_PERMANENT = {
    131047: Reason.TOO_OLD,
    131026: Reason.DEAD_ADDRESS,
    131030: Reason.DEAD_ADDRESS,
    131050: Reason.BLOCKED,
    0: Reason.ACCOUNT,
    3: Reason.ACCOUNT,
    10: Reason.ACCOUNT,
    190: Reason.ACCOUNT,
    368: Reason.ACCOUNT,
    131031: Reason.ACCOUNT,
    131042: Reason.ACCOUNT,
}


def verify(received: Received, app_secret: str) -> None:
    """Check the HMAC-SHA256 of the raw body.

    Raises:
        Forged
    """
    signature = hmac.new(app_secret.encode(), received.body, hashlib.sha256).hexdigest()
    check(received.headers.get(SIGNATURE_HEADER, ""), f"sha256={signature}")


def parse(body: bytes, account: str, phone_number_id: str) -> list[Inbound]:
    """Translate one request, which may carry many messages and statuses; those of other numbers are left."""
    found: list[Inbound] = []
    for value in _values(wire.read(body)):
        if wire.ident(wire.obj(value, "metadata"), "phone_number_id") != phone_number_id:
            continue
        names = {
            address: wire.text(wire.obj(contact, "profile"), "name")
            for contact in wire.items(value, "contacts")
            for address in (wire.ident(contact, "wa_id"), wire.ident(contact, "user_id"))
        }
        for message in wire.items(value, "messages"):
            found += _message(message, account, names)
        for status in wire.items(value, "statuses"):
            found += _status(status, account)
    return found


def _values(update: Json) -> Iterator[Json]:
    for entry in wire.items(update, "entry"):
        for change in wire.items(entry, "changes"):
            if change.get("field") == "messages":
                yield wire.obj(change, "value")


def _message(message: Json, account: str, names: dict[str, str]) -> list[Inbound]:
    event_id, content = wire.ident(message, "id"), _said(message)
    # people with a user name may have no number for us; then their user id stands for them
    sender = wire.ident(message, "from") or wire.ident(message, "from_user_id")
    if content is None or not event_id or not sender:
        return []
    origin = Origin(event_id, wire.ident(wire.obj(message, "context"), "id"))
    name = names.get(sender) or names.get(wire.ident(message, "from_user_id"), "")
    return [Inbound(CHANNEL, account, event_id, sender, content, None, origin, name)]


def _said(message: Json) -> Content | None:
    kind = message.get("type")
    found = wire.obj(message, str(kind))
    match kind:
        case "text":
            text = wire.text(found, "body")
            return written(text) if text else None
        case "interactive":
            reply = wire.obj(found, "button_reply") or wire.obj(found, "list_reply")
            pressed = wire.ident(reply, "id")
            return ButtonPress(pressed) if pressed else None
        case "button":  # under a template
            pressed = wire.ident(found, "payload")
            return ButtonPress(pressed) if pressed else None
        case "location":
            return wire.location(found, wire.text(found, "name"))
        case "contacts":
            phones = [
                phone for each in wire.items(message, "contacts") for phone in wire.items(each, "phones")
            ]
            known = wire.text(phones[0], "phone") if phones else ""
            return SharedContact(known, own=False) if known else None
    if isinstance(kind, str) and kind in _FILES and (media := wire.ident(found, "id")):
        name, type_ = wire.text(found, "filename"), wire.text(found, "mime_type")
        return Files((Attachment(_FILES[kind], media, name, type_),), wire.text(found, "caption"))
    return None


def _status(status: Json, account: str) -> list[Inbound]:
    ref, state = wire.ident(status, "id"), wire.ident(status, "status")
    address = wire.ident(status, "recipient_id") or wire.ident(status, "recipient_user_id")
    if not ref or not address or state not in {each.value for each in ReceiptState}:
        return []
    errors = wire.items(status, "errors")
    reason = _reason(errors[0].get("code")) if errors else ""
    key = wire.ident(status, "biz_opaque_callback_data")
    receipt = Receipt(ref, ReceiptState(state), reason, key)
    return [Inbound(CHANNEL, account, f"{ref}:{state}", address, receipt)]


def _reason(code: object) -> str:
    return _PERMANENT.get(code, Reason.REFUSED) if isinstance(code, int) else ""


class WhatsApp:
    """One number."""

    name = CHANNEL
    capabilities = CAPABILITIES

    def __init__(self, account: str, config: WhatsAppAccount) -> None:
        self.account = account
        self._config = config
        self._session = aiohttp.ClientSession()
        self._authorised = {"Authorization": f"Bearer {config.token.get_secret_value()}"}
        self._http = ProviderHttp(self._session, config.api, self._authorised)
        self._downloads = Downloads(trusted=config.api)

    def verify(self, received: Received) -> None:
        verify(received, self._config.app_secret.get_secret_value())

    def handshake(self, received: Received) -> str | None:
        if received.method != "GET":
            return None
        check(received.query.get("hub.verify_token", ""), self._config.verify_token.get_secret_value())
        return received.query.get("hub.challenge", "")

    def parse(self, received: Received) -> Sequence[Inbound]:
        return parse(received.body, self.account, self._config.phone_number_id)

    def answer(self, received: Received) -> str:
        return "ok"

    async def send(self, outgoing: Outgoing) -> Sent:
        whole = parts(outgoing, CAPABILITIES, markup.whatsapp)
        if outgoing.template:
            whole = whole[:1]  # the provider has the text
        part = whole[outgoing.part]
        body = {"messaging_product": "whatsapp", "recipient_type": "individual"} | _to(outgoing.address)
        if outgoing.template:
            body |= _template(outgoing.template)
        elif part.file:
            body |= await self._file(part.file)
        else:
            body |= _text(part)
        body["biz_opaque_callback_data"] = outgoing.key
        answer = await self._http.call("POST", f"{self._config.phone_number_id}/messages", json=body)
        _judge(answer)
        messages = wire.items(answer.data, "messages")
        if not messages:
            raise Uncertain("the answer names no message")
        return Sent(wire.ident(messages[0], "id"), len(whole))

    async def _file(self, file: OutgoingFile) -> Json:
        form = aiohttp.FormData({"messaging_product": "whatsapp"})
        form.add_field("file", file.data, filename=file.name, content_type=file.type)
        try:
            answer = await self._http.call("POST", f"{self._config.phone_number_id}/media", data=form)
        except Uncertain as error:
            raise Transient(str(error)) from None  # no message was sent yet
        _judge(answer)
        kind = _TYPES[file.kind]
        media: Json = {"id": wire.ident(answer.data, "id")}
        if kind == "document":
            media["filename"] = file.name
        return {"type": kind, kind: media}

    async def acknowledge(self, press: ButtonPress) -> None:
        """Nothing spins."""

    async def fetch(self, file: str, limit: int) -> AsyncIterator[bytes]:
        try:
            known = await self._http.call("GET", file)
            _judge(known)
        except Permanent:
            raise Unreadable("WhatsApp keeps files for thirty days; this one is gone") from None
        except SendError as error:
            raise Transient(str(error)) from None
        url = str(wire.obj(known.data).get("url", ""))
        async for chunk in self._downloads.stream(url, limit, headers=self._authorised):
            yield chunk

    async def open(self, url: str) -> None:
        """The address is entered in the application's settings by a person: docs/channels.md."""

    async def close(self) -> None:
        await self._session.close()


def _to(address: str) -> Json:
    """Numbers are `to`, user ids (with letters and a dot) are `recipient`."""
    return {"to": address} if address.isdigit() else {"recipient": address}


def _text(part: Part) -> Json:
    if not part.buttons:
        return {"type": "text", "text": {"body": part.text, "preview_url": False}}
    choices = [{"id": button.id, "title": button.title} for button in part.buttons]
    if len(choices) <= REPLY_BUTTONS:
        action: Json = {"buttons": [{"type": "reply", "reply": choice} for choice in choices]}
        return _interactive("button", part.text, action)
    return _interactive("list", part.text, {"button": "☰", "sections": [{"rows": choices}]})


def _interactive(kind: str, text: str, action: Json) -> Json:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": text}, "action": action}}


def _template(template: Template) -> Json:
    named: Json = {"name": template.name, "language": {"code": template.language}}
    if template.values:
        parameters = [{"type": "text", "text": value} for value in template.values]
        named["components"] = [{"type": "body", "parameters": parameters}]
    return {"type": "template", "template": named}


def _judge(answer: Answer) -> None:
    """What WhatsApp means by an error; the code says more than the status.

    Raises:
        SendError
    """
    code = wire.obj(answer.data, "error").get("code")
    if isinstance(code, int):
        raise _meaning(code)
    raise_for(answer)


def _meaning(code: int) -> SendError:
    why = f"WhatsApp error {code}"
    if code in _ACCOUNT_WAITS:
        return RateLimited(why, timedelta(seconds=_ACCOUNT_WAITS[code]))
    if code in _CHAT_WAITS:
        return RateLimited(why, timedelta(seconds=_CHAT_WAITS[code]), whole_account=False)
    if code in _TRANSIENT:
        return Transient(why)
    return Permanent(why, _PERMANENT.get(code, Reason.REFUSED))
