"""A small company for the tests: who buys, who writes, what was ordered."""

from datetime import datetime, timedelta
from typing import Any

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import (
    ContactKind,
    ContactPoint,
    Conversation,
    Customer,
    DeliveryMethod,
    Identity,
    Order,
    OrderState,
)


class Company:
    """Puts rows where a story needs them."""

    def __init__(self, db: Database, clock: ManualClock) -> None:
        self.db = db
        self.clock = clock
        self._chats = 0

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def customer(
        self,
        given: str = "Мария",
        family: str = "Соколова",
        *,
        phone: str | None = None,
        email: str | None = None,
        external_ref: str | None = None,
        language: str = "ru",
    ) -> int:
        async with self.db.write() as session:
            person = Customer(
                external_ref=external_ref,
                given_name=given,
                family_name=family,
                language=language,
                time_zone="Asia/Yekaterinburg",
                created_at=self.now,
            )
            session.add(person)
            await session.flush()
            for kind, value in ((ContactKind.PHONE, phone), (ContactKind.EMAIL, email)):
                if value:
                    session.add(
                        ContactPoint(customer_id=person.id, kind=kind, value=value, created_at=self.now)
                    )
        return person.id

    async def chat(self, customer_id: int | None = None, language: str = "ru") -> str:
        """A new visitor opens the chat."""
        self._chats += 1
        async with self.db.write() as session:
            visitor = Identity(
                channel="web",
                account="shop",
                external_id=f"visitor-{self._chats}",
                customer_id=customer_id,
                created_at=self.now,
            )
            session.add(visitor)
            await session.flush()
            conversation = Conversation(
                id=f"chat-{self._chats}",
                identity_id=visitor.id,
                channel="web",
                account="shop",
                language=language,
                created_at=self.now,
                updated_at=self.now,
            )
            session.add(conversation)
        return conversation.id

    async def order(self, customer_id: int, number: str, **given: Any) -> int:
        row: dict[str, Any] = {
            "state": OrderState.SHIPPED,
            "total_minor": 149900,
            "currency": "RUB",
            "delivery_method": DeliveryMethod.COURIER,
            "delivery_city": "Казань",
            "placed_at": self.now - timedelta(days=3),
            "promised_at": self.now + timedelta(days=1),
        }
        async with self.db.write() as session:
            order = Order(customer_id=customer_id, number=number, **row | given)
            session.add(order)
        return order.id
