"""Telegram Bot API. Source: core.telegram.org/bots/api, version 10.2."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import aiohttp
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import BufferedInputFile, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.channels import markup, wire
from bot.channels.accounts import TelegramAccount
from bot.channels.http import SECONDS, Downloads, check
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
    Text,
    Unblocked,
    written,
)
from bot.channels.port import (
    Outgoing,
    OutgoingButton,
    OutgoingFile,
    Permanent,
    RateLimited,
    Reason,
    Received,
    SendError,
    Sent,
    Transient,
    Uncertain,
    Unreadable,
)
from bot.channels.rendering import Part, parts, rows
from bot.channels.telegram_limits import CAPABILITIES
from bot.channels.wire import Json

CHANNEL = "telegram"
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - a header's name
UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]
FILE_LIMIT = 20 * 1024 * 1024  # bytes that getFile gives out
_FILES = {
    "document": FileKind.DOCUMENT,
    "voice": FileKind.VOICE,
    "audio": FileKind.DOCUMENT,
    "video": FileKind.VIDEO,
    "video_note": FileKind.VIDEO,
}

_MEMBER: dict[str, Content] = {"kicked": Blocked(), "member": Unblocked()}


def verify(received: Received, secret: str) -> None:
    """Check the secret header that was set with setWebhook.

    Raises:
        Forged: the header is missing or differs.
    """
    check(received.headers.get(SECRET_HEADER, ""), secret)


def parse(body: bytes, account: str) -> list[Inbound]:
    """Translate one update. Only private chats: a group is nobody's conversation."""
    update = wire.read(body)
    event_id = wire.ident(update, "update_id")
    if not event_id:
        return []
    if query := wire.obj(update, "callback_query"):
        return _pressed(query, event_id, account)
    if member := wire.obj(update, "my_chat_member"):
        status = wire.text(wire.obj(member, "new_chat_member"), "status")
        return _happened(member, _MEMBER.get(status), event_id, account)
    if edited := wire.obj(update, "edited_message"):
        text = wire.text(edited, "text") or wire.text(edited, "caption")
        content = Edited(wire.ident(edited, "message_id"), text) if text else None
        return _happened(edited, content, event_id, account)
    if message := wire.obj(update, "message"):
        return _happened(message, _said(message), event_id, account)
    return []


def _pressed(query: Json, event_id: str, account: str) -> list[Inbound]:
    sender, data = wire.obj(query, "from"), wire.ident(query, "data")
    if wire.obj(query, "message", "chat").get("type") != "private" or not data:
        return []
    press = ButtonPress(data, wire.ident(query, "id"))
    return _inbound(sender, wire.ident(sender, "id"), press, event_id, account, None)


def _happened(holder: Json, content: Content | None, event_id: str, account: str) -> list[Inbound]:
    chat, sender = wire.obj(holder, "chat"), wire.obj(holder, "from")
    if content is None or chat.get("type") != "private" or sender.get("is_bot"):
        return []
    ref = wire.ident(holder, "message_id")
    origin = Origin(ref, wire.ident(wire.obj(holder, "reply_to_message"), "message_id")) if ref else None
    return _inbound(sender, wire.ident(chat, "id"), content, event_id, account, origin)


def _inbound(
    sender: Json, address: str, content: Content, event_id: str, account: str, origin: Origin | None
) -> list[Inbound]:
    if not address:
        return []
    name = " ".join(filter(None, (wire.text(sender, "first_name"), wire.text(sender, "last_name"))))
    language = wire.language(sender, "language_code")
    return [Inbound(CHANNEL, account, event_id, address, content, language, origin, name)]


def _said(message: Json) -> Content | None:
    text = wire.text(message, "text")
    command, _, key = text.partition(" ")
    if command == "/start":
        return Start(key.strip()[:64])
    if text:
        return written(text)
    if contact := wire.obj(message, "contact"):
        owner = wire.ident(contact, "user_id")
        own = bool(owner) and owner == wire.ident(wire.obj(message, "from"), "id")
        return SharedContact(wire.text(contact, "phone_number"), own)
    if place := wire.obj(message, "location"):
        return wire.location(place, wire.text(wire.obj(message, "venue"), "title"))
    if emoji := wire.text(wire.obj(message, "sticker"), "emoji"):
        return Text(emoji)
    files = _attached(message)
    return Files(files, wire.text(message, "caption")) if files else None


def _attached(message: Json) -> tuple[Attachment, ...]:
    if sizes := wire.items(message, "photo"):
        largest = max(sizes, key=lambda each: wire.size(each, "width") or 0)
        return (_file(largest, FileKind.PHOTO),)
    return tuple(_file(found, kind) for key, kind in _FILES.items() if (found := wire.obj(message, key)))


def _file(found: Json, kind: FileKind) -> Attachment:
    return Attachment(
        kind,
        wire.text(found, "file_id"),
        wire.text(found, "file_name"),
        wire.text(found, "mime_type"),
        wire.size(found, "file_size"),
    )


class Telegram:
    """One bot."""

    name = CHANNEL
    capabilities = CAPABILITIES

    def __init__(self, account: str, config: TelegramAccount) -> None:
        self.account = account
        self._config = config
        self._token = config.token.get_secret_value()
        self._downloads = Downloads(trusted=config.api)
        self._bot = Bot(
            self._token, session=AiohttpSession(api=TelegramAPIServer.from_base(config.api), timeout=SECONDS)
        )

    def verify(self, received: Received) -> None:
        verify(received, self._config.hook_secret)

    def handshake(self, received: Received) -> str | None:
        return None

    def parse(self, received: Received) -> Sequence[Inbound]:
        return parse(received.body, self.account)

    def answer(self, received: Received) -> str:
        return "ok"

    async def send(self, outgoing: Outgoing) -> Sent:
        whole = parts(outgoing, CAPABILITIES, markup.html, markup.utf16, marks_count=False)
        try:
            message = await self._deliver(outgoing.address, whole[outgoing.part])
        except AiogramError as error:
            raise _meaning(error) from None
        return Sent(str(message.message_id), len(whole))

    async def _deliver(self, chat: str, part: Part) -> Message:
        if part.file:
            return await self._deliver_file(chat, part.file)
        keyboard = _keyboard(part.buttons)
        try:
            return await self._bot.send_message(chat, part.text, parse_mode="HTML", reply_markup=keyboard)
        except TelegramBadRequest as error:
            if "can't parse entities" not in error.message:
                raise
            return await self._bot.send_message(chat, part.plain, reply_markup=keyboard)

    async def _deliver_file(self, chat: str, file: OutgoingFile) -> Message:
        data = BufferedInputFile(file.data, file.name)
        match file.kind:
            case FileKind.PHOTO:
                return await self._bot.send_photo(chat, data)
            case FileKind.VOICE:
                return await self._bot.send_voice(chat, data)
            case FileKind.VIDEO:
                return await self._bot.send_video(chat, data)
            case FileKind.DOCUMENT:
                return await self._bot.send_document(chat, data)

    async def acknowledge(self, press: ButtonPress) -> None:
        with contextlib.suppress(AiogramError):  # too late is no harm
            await self._bot.answer_callback_query(press.callback)

    async def fetch(self, file: str, limit: int) -> AsyncIterator[bytes]:
        try:
            known = await self._bot.get_file(file)
        except TelegramBadRequest:
            raise Unreadable("Telegram does not give it out: it is gone or above 20 MB") from None
        except AiogramError as error:
            raise Transient(type(error).__name__) from None
        url = f"{self._config.api}/file/bot{self._token}/{known.file_path}"
        async for chunk in self._downloads.stream(url, min(limit, FILE_LIMIT)):
            yield chunk

    async def open(self, url: str) -> None:
        """Set the webhook. Telegram does not tell which secret is set, so it is simply set again."""
        try:
            await self._bot.set_webhook(
                url, secret_token=self._config.hook_secret, allowed_updates=UPDATES, max_connections=40
            )
        except AiogramError as error:
            raise _meaning(error) from None

    async def close(self) -> None:
        await self._bot.session.close()


def _keyboard(buttons: Sequence[OutgoingButton]) -> InlineKeyboardMarkup | None:
    if not buttons:
        return None
    laid = [
        [InlineKeyboardButton(text=button.title, callback_data=button.id) for button in row]
        for row in rows(buttons, a_row=2)
    ]
    return InlineKeyboardMarkup(inline_keyboard=laid)


def _meaning(error: AiogramError) -> SendError:
    match error:
        case TelegramRetryAfter():
            return RateLimited("too many requests", timedelta(seconds=error.retry_after))
        case TelegramUnauthorizedError() | TelegramNotFound():
            return Permanent("the token is refused: check it in var/channels.yml", Reason.ACCOUNT)
        case TelegramForbiddenError():
            gone = "deactivated" in error.message
            return Permanent("the bot may not write there", Reason.DEAD_ADDRESS if gone else Reason.BLOCKED)
        case TelegramEntityTooLarge():
            return Permanent("the file is too large", Reason.REFUSED)
        case TelegramNetworkError():
            if isinstance(error.__cause__, aiohttp.ClientConnectorError):
                return Transient("cannot connect")
            return Uncertain("no whole answer came")
        case ClientDecodeError():
            return Uncertain("the answer is not Telegram's")
        case TelegramServerError():
            return Transient("Telegram failed")
        case TelegramBadRequest() if "chat not found" in error.message:
            return Permanent("there is no such chat", Reason.DEAD_ADDRESS)
        case TelegramAPIError():
            return Permanent(error.message[:200], Reason.REFUSED)
    return Transient(type(error).__name__)
