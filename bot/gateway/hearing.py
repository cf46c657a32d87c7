"""What a turn makes of what the customer did: the words for the log, and who is to answer.

Free text and meant buttons go to the engine, and so do files: a dialogue may wait for one. A number may be
the choice of a list we had to write out. Voice and places go to people. Contacts, links, opt-outs and blocks
change what we know, and are answered at once.
"""

from dataclasses import dataclass, field
from typing import Any, assert_never

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.inbound import (
    Blocked,
    ButtonPress,
    Content,
    Edited,
    FileKind,
    Files,
    Location,
    Receipt,
    SharedContact,
    Start,
    Stop,
    Text,
    Unblocked,
)
from bot.channels.port import Channels, Reason
from bot.channels.rendering import numbered
from bot.channels.webchat import CHANNEL as WEB_CHAT
from bot.gateway.rating import INTENT as RATING
from bot.gateway.rating import STARS
from bot.gateway.tables import Inbox, Press
from core.clock import Clock
from core.texts import Texts
from crm_bridge.addresses import mark_alive, mark_dead
from crm_bridge.consent import Consents
from crm_bridge.identity import Account, Identities
from crm_bridge.models import Author, Conversation, Decision, Message, Purpose
from crm_bridge.shared_phone import link_by_phone
from crm_bridge.start_keys import StartKeys

GREETING: dict[str, Any] = {"intent": "greet", "entities": {}}
FILE_SENT: dict[str, Any] = {"intent": "send_file", "entities": {}}  # files without a word
LAST = 5  # messages in which the list is looked for that a number chooses from
EDITABLE = 30  # customer's messages among which an edited one is looked for
RATINGS = frozenset(map(str, STARS))
STOP_VERSION = "stop-word"  # which text the customer answered with «стоп»


@dataclass(frozen=True)
class Heard:
    """What is to be done. Without any of it, the event is only noted."""

    text: str = ""  # for the log; empty: not a message
    press: dict[str, Any] | None = None  # what the engine gets instead of the text
    details: dict[str, Any] = field(default_factory=dict)  # kept with the message
    for_engine: bool = False  # asked while the bot owns the dialogue
    say: str = ""  # key of the answer that needs no engine …
    values: dict[str, str] = field(default_factory=dict)  # … and what stands in it
    to_people: bool = False


class Hearing:
    """Understands the content of inbox rows."""

    def __init__(
        self, clock: Clock, texts: Texts, channels: Channels, identities: Identities, consents: Consents
    ) -> None:
        self._clock = clock
        self._texts = texts
        self._channels = channels
        self._identities = identities
        self._consents = consents
        self._start_keys = StartKeys(clock, identities)

    async def hear(
        self,
        session: AsyncSession,
        row: Inbox,
        content: Content,
        identity: Account,
        conversation: Conversation,
    ) -> Heard:
        """Take an event in the caller's transaction, which also puts the message into the log."""
        if identity.dead and not isinstance(content, Blocked):
            await mark_alive(session, identity.id)
        language = conversation.language
        match content:
            case Text(text):
                chosen = await self._rated(session, identity, conversation, text)
                chosen = chosen or await self._chosen(session, row, identity, conversation, text)
                return await self._pressed(session, row, chosen) if chosen else Heard(text, for_engine=True)
            case ButtonPress(press_id):
                found = await self._usable(session, row, identity, press_id)
                return await self._pressed(session, row, found) if found else Heard(say="refused.bad_press")
            case Files():
                return self._files(content, language)
            case Location():
                place = f"{content.latitude:.5f}, {content.longitude:.5f} {content.title}".strip()
                text = self._texts("logged.location", language, place=place)
                return Heard(text, say="location_received", to_people=True)
            case SharedContact():
                return await self._contact(session, content, identity)
            case Start():
                if content.key:
                    await self._start_keys.use(session, content.key, identity.id)
                text = self._texts("logged.start", language)
                return Heard(text, GREETING, {"press": GREETING}, for_engine=not content.greeted)
            case Blocked():
                await mark_dead(session, identity.id, Reason.BLOCKED, self._clock.now())
                return Heard()
            case Unblocked() | Receipt():
                return Heard()
            case Stop(text):
                await self._stop(session, identity, row.channel)
                return Heard(text, say="stopped")
            case Edited():
                return await self._edited(session, content, identity, conversation)
        assert_never(content)

    def _files(self, content: Files, language: str) -> Heard:
        details = {"files": content.as_json()["files"]}
        if content.text:
            return Heard(content.text, details=details, for_engine=True)
        names = [
            f"{self._texts(f'logged.{file.kind}', language)} {file.name}".strip() for file in content.files
        ]
        details |= {"wordless": True}
        if all(file.kind is FileKind.VOICE for file in content.files):  # only people can listen
            return Heard("\n".join(names), details=details, say="files_received", to_people=True)
        return Heard("\n".join(names), FILE_SENT, details | {"press": FILE_SENT}, for_engine=True)

    # ---- buttons and numbered choices ----

    async def _usable(
        self, session: AsyncSession, row: Inbox, identity: Account, press_id: str
    ) -> Press | None:
        """A button that was given to this account and may be pressed now.

        The web chat's were tried and used at the door.
        """
        press = await session.get(Press, press_id)
        if press is None or row.channel == WEB_CHAT:
            return press
        given_to = await session.scalar(select(Message.identity_id).where(Message.id == press.message_id))
        alive = press.used_at is None and press.expires_at > self._clock.now()
        return press if alive and given_to == identity.id else None

    async def _pressed(self, session: AsyncSession, row: Inbox, press: Press) -> Heard:
        """A question is answered once: the message's other buttons are used up with this one."""
        if row.channel != WEB_CHAT:
            await _use_up(session, press, self._clock)
        meaning = {"intent": press.intent, "entities": press.entities}
        return Heard(press.title, meaning, {"press_id": press.id, "press": meaning}, for_engine=True)

    async def _chosen(
        self, session: AsyncSession, row: Inbox, identity: Account, conversation: Conversation, text: str
    ) -> Press | None:
        """The button that a typed number means, if the last buttons here had to be written as a list."""
        digits = text.strip(" .)")
        channel = self._channels.get(row.channel, row.account)
        if channel is None or not (digits.isascii() and digits.isdigit() and len(digits) <= 2):
            return None
        latest = (
            select(Message.buttons)
            .where(Message.conversation_id == conversation.id, Message.author != Author.CUSTOMER)
            .where(Message.identity_id == identity.id, Message.seq.is_not(None))
            .order_by(Message.seq.desc())
            .limit(LAST)
        )
        buttons = next((each for each in await session.scalars(latest) if each), [])
        if not 0 < int(digits) <= len(buttons):
            return None
        if not numbered(channel.capabilities, [button["title"] for button in buttons]):
            return None
        return await self._usable(session, row, identity, buttons[int(digits) - 1]["id"])

    async def _rated(
        self, session: AsyncSession, identity: Account, conversation: Conversation, text: str
    ) -> Press | None:
        """The star that a typed «5» means, if to rate the help is the last thing that was asked here."""
        digit = text.strip(" .)!")
        if digit not in RATINGS:
            return None
        last = (
            select(Message.id)
            .where(Message.conversation_id == conversation.id, Message.author != Author.CUSTOMER)
            .where(Message.identity_id == identity.id, Message.seq.is_not(None))
            .order_by(Message.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        stars = select(Press).where(Press.message_id == last, Press.intent == RATING, Press.used_at.is_(None))
        alive = (await session.scalars(stars.where(Press.expires_at > self._clock.now()))).all()
        found = next((press for press in alive if press.entities.get("rating") == digit), None)
        if found is not None:
            await _use_up(session, found, self._clock)
        return found

    # ---- who they are, and what they want ----

    async def _contact(self, session: AsyncSession, content: SharedContact, identity: Account) -> Heard:
        if not content.own:
            return Heard(content.phone, for_engine=True)  # as good as typed
        customer = await link_by_phone(session, self._identities, identity.id, content.phone)
        if customer is None:
            return Heard(content.phone, say="contact_unknown")
        return Heard(content.phone, say="contact_known", values={"name": customer.given_name})

    async def _stop(self, session: AsyncSession, identity: Account, channel: str) -> None:
        if identity.customer_id is None:
            return  # nobody we could send an offer to
        await self._consents.record(
            session,
            identity.customer_id,
            Purpose.MARKETING,
            channel,
            Decision.WITHDRAWN,
            text_version=STOP_VERSION,
            source=channel,
        )

    async def _edited(
        self, session: AsyncSession, content: Edited, identity: Account, conversation: Conversation
    ) -> Heard:
        """The log keeps both. The newest message is answered anew; an older one was answered long ago."""
        recent = (
            select(Message.id, Message.details)
            .where(Message.conversation_id == conversation.id, Message.author == Author.CUSTOMER)
            .where(Message.identity_id == identity.id)
            .order_by(Message.seq.desc())
            .limit(EDITABLE)
        )
        known = [
            (id_, ((details or {}).get("origin") or {}).get("ref"))
            for id_, details in await session.execute(recent)
        ]
        place = next((n for n, (_, ref) in enumerate(known) if ref == content.ref), None)
        if place is None:
            return Heard()
        if place == 0:
            return Heard(content.text, details={"edits": known[0][0]}, for_engine=True)
        text = self._texts("logged.edited", conversation.language, text=content.text)
        return Heard(text, details={"edits": known[place][0]})


async def _use_up(session: AsyncSession, press: Press, clock: Clock) -> None:
    used = update(Press).where(Press.message_id == press.message_id, Press.used_at.is_(None))
    await session.execute(used.values(used_at=clock.now()).execution_options(synchronize_session=False))
