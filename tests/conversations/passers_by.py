"""Somebody who chats at random: presses what is offered, answers something, asks for something else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from bot.gateway.engine import TurnRequest
from bot.gateway.outbox import Button
from core import yml
from core.settings import ROOT
from crm_bridge.models import (
    ContactPoint,
    Conversation,
    Customer,
    Identity,
    Notice,
    Order,
    Proof,
)
from tests.conversations.stage import World

ASKS_FOR_CODE = re.compile(r"шести цифр|шестизначн|six[- ]digit|six digits", re.IGNORECASE)
ASKS_FOR_CONTACT = re.compile(
    r"телефон или почту|другой телефон|phone number or email|another phone", re.IGNORECASE
)
CODE = re.compile(r"\b\d{6}\b")
ANSWERS = {
    "ru": (
        "да", "нет", "1", "2", "второй", "последний", "завтра", "послезавтра после шести",
        "в понедельник утром", "вчера", "10:00", "Москва", "Казань", "ул. Баумана, 12, кв. 5",
        "Самара, Ленинская 30", "разбился экран", "не подошёл размер", "просто передумала",
        "новый, не открывала", "5", "оценка 2", "5000 рублей", "12345678", "SALE2020", "не знаю", "без фото",
        "пропустить", "не помогло", "помогло, спасибо", "другой заказ", "не надо, передумал", "всё сразу",
        "кофемашина", "пылесос", "?", "фыва олдж", "анна@пример.рф", "new.address@example.com",
        "+7 912 345-67-89", "Иванова Анна Сергеевна", "ИНН 7707083893", "алло", "👍",
    ),
    "en": (
        "yes", "no", "1", "2", "the second one", "last", "tomorrow", "next Friday after six",
        "Monday morning", "yesterday", "10am", "London", "Berlin", "221B Baker Street", "12 Main St, flat 4",
        "the screen is cracked", "wrong size", "changed my mind", "unopened", "5", "2 stars", "50 pounds",
        "12345678", "SALE2020", "dunno", "no photo", "skip", "that did not help", "it helped, thanks",
        "another order", "never mind", "all of it", "coffee machine", "vacuum", "?", "asdf qwer",
        "new.address@example.com", "+44 20 7946 0958", "Anna Smith", "hello??", "👍",
    ),
}  # fmt: skip
PLAYED = tuple(f"demo-{number}" for number in (1001, 1002, 1003, 1004, 1005, 1006, 1010, 1011))


def inquiries() -> dict[str, dict[str, list[str]]]:
    """What customers say, by language and intent: the training examples."""
    found: dict[str, dict[str, list[str]]] = {"ru": {}, "en": {}}
    for language, by_intent in found.items():
        for path in sorted((ROOT / "data/nlu" / language).glob("*.yml")):
            for entry in yml.parse(path.read_text(encoding="utf-8"))["nlu"]:
                if "intent" in entry:
                    lines = entry["examples"].splitlines()
                    by_intent.setdefault(entry["intent"], []).extend(line[2:] for line in lines)
    return found


@dataclass(frozen=True)
class Move:
    """What is said next."""

    text: str = ""
    button: Button | None = None

    @property
    def shown(self) -> str:
        return f"[{self.button.title}]" if self.button else self.text


@dataclass
class PasserBy:
    """One customer, who has no plan."""

    conversation_id: str
    language: str
    chance: Random
    said: dict[str, list[str]]  # inquiries of the language, by intent
    customer_id: int  # whoever it is, proven or not
    orders: list[str]
    contact: str

    def request(self, world: World, message_id: str, after: str | None, move: Move) -> TurnRequest:
        press: dict[str, Any] | None = None
        if move.button:
            press = {"intent": move.button.intent, "entities": move.button.entities}
        return TurnRequest(
            conversation_id=self.conversation_id,
            message_id=message_id,
            after=after,
            language=self.language,
            metadata={"now": world.clock.now().isoformat()},
            text=None if press else move.text,
            press=press,
        )

    async def move(
        self, world: World, offered: Sequence[Button], earlier: Sequence[Button], last: str
    ) -> Move:
        """Something at random, more often something that fits."""
        chance = self.chance.random()
        if chance < 0.02:
            world.clock.advance(timedelta(hours=self.chance.randint(1, 30)))
        if ASKS_FOR_CODE.search(last) and chance < 0.7:
            return Move(await self._code(world))
        if ASKS_FOR_CONTACT.search(last) and chance < 0.7:
            return Move(self.contact)
        calm = [button for button in offered if button.intent != "human_agent" or self.chance.random() < 0.1]
        if calm and chance < 0.65:
            return Move(button=self.chance.choice(calm))
        if last and chance < 0.85:
            return Move(self._answer())
        if earlier and chance < 0.88:
            return Move(button=self.chance.choice(list(earlier)))
        return Move(self._inquiry())

    def _answer(self) -> str:
        return self.chance.choice([*ANSWERS[self.language], *self.orders[:3]])

    def _inquiry(self) -> str:
        intent = self.chance.choice(sorted(self.said))
        if intent == "human_agent" and self.chance.random() < 0.8:
            intent = "track_order"
        text = self.chance.choice(self.said[intent])
        if self.orders and self.chance.random() < 0.2:
            text += f" {self.chance.choice(self.orders)}"
        return text

    async def _code(self, world: World) -> str:
        async with world.db.read() as session:
            query = select(Notice.text).where(Notice.withheld.is_(False)).order_by(Notice.id.desc()).limit(1)
            found = CODE.search(await session.scalar(query) or "")
        return found[0] if found else "123456"


async def somebody(
    world: World, chance: Random, said: dict[str, dict[str, list[str]]], name: str
) -> PasserBy:
    """A customer of the demo company in a new conversation: a stranger so far, or signed in."""
    async with world.db.write() as session:
        known = select(Customer).where(Customer.external_ref == chance.choice(PLAYED))
        anyone = select(Customer).order_by(Customer.id).offset(chance.randrange(600)).limit(1)
        customer = (await session.execute(known if chance.random() < 0.7 else anyone)).scalar_one()
        visitor = Identity(channel="webchat", account="main", external_id=name, created_at=world.clock.now())
        if chance.random() < 0.65:
            visitor.customer_id, visitor.verified_at = customer.id, world.clock.now()
            visitor.method = Proof.SIGNED_USER
        session.add(visitor)
        await session.flush()
        language = chance.choice(("ru", "en")) if chance.random() < 0.2 else customer.language
        session.add(
            Conversation(
                id=name,
                identity_id=visitor.id,
                channel="webchat",
                account="main",
                language=language,
                created_at=world.clock.now(),
                updated_at=world.clock.now(),
            )
        )
        orders = await session.scalars(select(Order.number).where(Order.customer_id == customer.id))
        contacts = select(ContactPoint.value).where(ContactPoint.customer_id == customer.id)
        contact = chance.choice(sorted(await session.scalars(contacts)) or ["nobody@example.com"])
        return PasserBy(name, language, chance, said[language], customer.id, sorted(orders), contact)
