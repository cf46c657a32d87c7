"""Plays a conversation through gateway, engine and action server, and compares it with what is expected."""

import re
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import FormData
from sqlalchemy import select, text

from bot.gateway.tables import Inbox
from crm_bridge.identity import user_hash
from crm_bridge.models import Conversation, Identity, Message, Owner
from tests.conversations.stage import SITE_SECRET, Stage, World
from tests.conversations.stories import ANSWER, FILE, PRESS, Event, Story, Turn
from tests.product.customer import Customer

FAILED = {"ru": "неполадка на нашей стороне", "en": "problem is on our side"}
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(16)
DEEDS = (  # tables of what is done for customers; the rest is talk and transport
    "appointment", "asset", "consent_record", "contact_frequency", "customer", "document", "loyalty_account",
    "loyalty_entry", "order_item", "orders", "payment", "payment_method", "rating", "refund",
    "returned_item", "review", "shipment", "slot", "subscription", "ticket", "ticket_file", "watch",
)  # fmt: skip
LEFT_OPEN = re.compile(r"[{}]|\bNone\b|\butter_|\bnan\b")
RUSSIAN, ENGLISH = re.compile("[а-яё]", re.IGNORECASE), re.compile("[a-z]", re.IGNORECASE)


class Complaint(AssertionError):
    """What was not as expected, with all that was said until then."""


@dataclass
class Player:
    """One performance of a story."""

    stage: Stage
    world: World
    story: Story
    transcript: list[str] = field(default_factory=list)  # what was said, for whoever looks at a failure
    stood: dict[str, list[Any]] = field(default_factory=dict)  # the tables of deeds before the conversation

    async def play(self) -> None:
        """Say all of it.

        Raises:
            Complaint: something was not as expected.
        """
        setting = self.story.metadata
        self.world.clock.advance(setting.pause)
        self.stood = await self._deeds()
        customer = await self._arrive()
        language: str = setting.language
        for number, turn in enumerate(self.story.turns(), start=1):
            language = setting.switches.get(number, language)
            if event := setting.before.get(number):
                await self._happens(event)
            await self._turn(customer, turn, language)
        self.world.is_down = False
        otherwise = self.world.answered_otherwise
        self._check(not otherwise, f"asked again, it answers otherwise: {', '.join(otherwise)}")
        await self._afterwards(customer)

    async def _arrive(self) -> Customer:
        setting = self.story.metadata
        session: dict[str, str] = {"language": setting.language}
        if setting.customer:
            known = user_hash(SITE_SECRET.encode(), setting.customer)
            session |= {"user_id": setting.customer, "user_hash": known}
        return await self.stage.arrive(self.world, **session)

    async def _happens(self, event: Event) -> None:
        if event.pause:
            self.world.clock.advance(event.pause)
        if event.database:
            self.world.is_down = event.database == "down"
        if event.sql:
            await self._nothing_done()
            async with self.world.db.write() as session:
                await session.execute(text(event.sql))
            self.stood = await self._deeds()

    async def _turn(self, customer: Customer, turn: Turn, language: str) -> None:
        was_ours = await self._owner(customer) is Owner.BOT
        said, client_id = await self._say(customer, turn)
        for frame in said:
            self.transcript.append(f"  {frame}")
        heard = "\n".join(said)
        if not was_ours:
            self._check(not heard, "people own the conversation, and she spoke")
            return
        self._check(bool(heard), "she said nothing")
        titles = [button["title"] for button in customer.buttons]
        self._check(len(set(titles)) == len(titles), f"a button stands there twice: {titles}")
        self._check(not LEFT_OPEN.search(heard), "a placeholder is left")
        self._check(_language_of(heard) == language, f"that is not {language}")
        failed = any(words in heard for words in FAILED.values())
        self._check(not failed or self.world.is_down, "an action failed")
        for reply in turn.replies:
            self._check(_stands_in(reply, heard), f"she did not say «{reply}»")
        for words in self.story.metadata.never:
            self._check(words not in heard, f"she said «{words}»")
        await self._compare_understanding(turn, client_id)

    async def _say(self, customer: Customer, turn: Turn) -> tuple[list[str], str]:
        words = turn.text.replace("{code}", await customer.code() if "{code}" in turn.text else "")
        self.transcript.append(f"> {words}")
        if words.startswith(PRESS):
            title = words.removeprefix(PRESS).strip()
            fitting = [one for one in customer.buttons if title in one["title"]]
            self._check(len({one["title"] for one in fitting}) == 1, f"there is no button «{title}»")
            client_id = await customer.post({"type": "press", "press_id": fitting[0]["id"]})
        elif words.startswith(FILE):
            client_id = await self._attach(customer, *words.removeprefix(FILE).strip().partition(" ")[::2])
        else:
            client_id = await customer.post({"type": "text", "text": words})
        try:
            heard = await customer.hears(client_id)
        except TimeoutError:
            self._check(False, "no answer: the engine or an action failed")
            raise
        titles = "\n".join(f"[{button['title']}]" for button in customer.buttons)
        return [line for line in (heard, titles if heard else "") if line], client_id

    async def _attach(self, customer: Customer, name: str, words: str) -> str:
        """Send a picture as the page does. Its content is its name: the same name is the same picture."""
        client_id, form = secrets.token_hex(8), FormData(quote_fields=False)
        form.add_field("text", words)
        form.add_field("file", PICTURE + name.encode(), filename=name)
        headers = {"Authorization": f"Bearer {customer.visitor}"}
        address = f"{customer.base}/chat/v1/files?client_id={client_id}"
        async with customer.http.post(address, data=form, headers=headers) as response:
            self._check(response.status == HTTPStatus.OK, f"the file was refused: {await response.text()}")
        return client_id

    async def _compare_understanding(self, turn: Turn, client_id: str) -> None:
        """The intent that the classifier found and the actions that ran, as they stand in the log."""
        async with self.world.db.read() as session:
            inbox_id = await session.scalar(select(Inbox.id).where(Inbox.event_id.endswith(f":{client_id}")))
            details = await session.scalar(select(Message.details).where(Message.id == f"m{inbox_id}")) or {}
        intent = ((details.get("nlu") or {}).get("intent") or {}).get("name")
        ran: list[str] = details.get("actions") or []
        self.transcript[-1] += f"\n  ({intent}: {', '.join(ran)})"
        if turn.intent and turn.intent != ANSWER:
            self._check(intent == turn.intent, f"understood as {intent}, not as {turn.intent}")
        rest = iter(ran)
        self._check(all(action in rest for action in turn.actions), f"ran {ran}, not {turn.actions}")

    async def _owner(self, customer: Customer) -> Owner:
        query = select(Conversation.owner).where(Conversation.id == customer.conversation_id)
        async with self.world.db.read() as session:
            return (await session.execute(query)).scalar_one()

    async def _afterwards(self, customer: Customer) -> None:
        setting = self.story.metadata
        owner = await self._owner(customer)
        self._check(owner.value == setting.owner, f"the conversation is with {owner.value}")
        await self._nothing_done()
        async with self.world.db.read() as session:
            identity = select(Conversation.identity_id).where(Conversation.id == customer.conversation_id)
            me = await session.scalar(
                select(Identity.customer_id).where(Identity.id == identity.scalar_subquery())
            )
            values = {"conversation": customer.conversation_id, "me": me}
            for query, expected in setting.afterwards.items():
                used = {name: value for name, value in values.items() if f":{name}" in query}
                rows = (await session.execute(text(query), used)).all()
                found: Any = [list(row) for row in rows]
                if not isinstance(expected, list):
                    found = found[0][0] if found else None
                self._check(found == expected, f"{query}\n  gives {found!r}, not {expected!r}")

    async def _nothing_done(self) -> None:
        """A story that does not say what stands in the database afterwards leaves it as it was."""
        if self.story.metadata.afterwards:
            return
        now = await self._deeds()
        touched = [table for table in DEEDS if now[table] != self.stood[table]]
        self._check(not touched, f"it changed {', '.join(touched)}, and the story does not say so")

    async def _deeds(self) -> dict[str, list[Any]]:
        async with self.world.db.read() as session:
            rows = {table: (await session.execute(text(f"SELECT * FROM {table}"))).all() for table in DEEDS}
        return {table: sorted(map(str, found)) for table, found in rows.items()}

    def _check(self, holds: bool, complaint: str) -> None:
        if not holds:
            said = "\n".join(self.transcript)
            raise Complaint(f"{self.story.name}: {complaint}\n\n{said}")


def _stands_in(expected: str, heard: str) -> bool:
    """Whether all pieces between «…» stand in the text, in their order."""
    at, plain = 0, _plain(heard)
    for piece in expected.split("…"):
        words = _plain(piece)
        found = plain.find(words, at)
        if found < 0:
            return False
        at = found + len(words)
    return True


def _plain(words: str) -> str:
    return " ".join(words.replace("\u00a0", " ").replace("\u202f", " ").split())


def _language_of(words: str) -> str:
    """By the letters; names of goods and places may be in the other language."""
    return "ru" if len(RUSSIAN.findall(words)) > len(ENGLISH.findall(words)) else "en"
