"""A studio with customers who wrote something."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.gateway.tables import Inbox as Arrived
from bot.studio.collecting import Collector, drawn
from bot.studio.inbox import Inbox
from bot.web.staff.accounts import Staff
from bot.web.staff.roles import Role
from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import Author, Conversation, Customer, Identity, Message, MessageState, Proof

VERA = Staff(7, "vera", "Вера", frozenset({Role.ADMINISTRATOR}), "ru", second_factor=False)
ANNA = Staff(8, "anna", "Анна", frozenset({Role.AGENT}), "ru", second_factor=False)


@dataclass
class Town:
    """Customers who write, as the gateway stores it."""

    db: Database
    clock: ManualClock
    inbox: Inbox
    collector: Collector
    talks: dict[str, str] = field(default_factory=dict)

    async def says(
        self,
        text: str,
        *,
        who: str = "guest",
        intent: str = "out_of_scope",
        ranking: tuple[tuple[str, float], ...] = (("track_order", 0.4),),
        done: bool = True,
        **details: Any,
    ) -> str:
        """One message of a customer that the assistant answered; the message's id."""
        async with self.db.write() as session:
            talk = self.talks.get(who) or await self._talk(session, who)
            free = (await session.scalar(select(func.max(Arrived.id))) or 0) + 1
            while drawn(f"m{free}"):  # the random draw has a test of its own
                free += 1
            session.add(
                Arrived(
                    id=free, channel="webchat", account="main", event_id=f"e{free}", sender=who, content={},
                    received_at=self.clock.now(), processed_at=self.clock.now() if done else None,
                )
            )  # fmt: skip
            nlu = {
                "intent": {"name": intent, "confidence": 0.9},
                "ranking": [{"name": name, "confidence": share} for name, share in ranking],
                "language": "ru",
            }
            session.add(
                Message(
                    id=f"m{free}", conversation_id=talk, seq=free, author=Author.CUSTOMER, text=text,
                    details={"nlu": nlu} | details if done else details, state=MessageState.RECEIVED,
                    created_at=self.clock.now(),
                )
            )  # fmt: skip
            return f"m{free}"

    async def _talk(self, session: Any, who: str) -> str:
        customer = Customer(
            given_name="Марина", family_name="Лебедева", language="ru", time_zone="Europe/Moscow",
            created_at=self.clock.now(),
        )  # fmt: skip
        session.add(customer)
        await session.flush()
        identity = Identity(
            channel="webchat", account="main", external_id=who, customer_id=customer.id,
            created_at=self.clock.now(), method=Proof.SIGNED_USER, verified_at=self.clock.now(),
        )  # fmt: skip
        session.add(identity)
        await session.flush()
        talk = Conversation(
            id=f"talk-{who}", identity_id=identity.id, channel="webchat", account="main", language="ru",
            created_at=self.clock.now(), updated_at=self.clock.now(),
        )  # fmt: skip
        session.add(talk)
        await session.flush()
        self.talks[who] = talk.id
        return talk.id


@pytest.fixture
def town(db: Database, clock: ManualClock) -> Town:
    return Town(db, clock, Inbox(clock), Collector(db, clock))
