"""What a customer may demand about their data, carried out or set going."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.media.store import Content, MediaStore, record
from crm_bridge import privacy
from crm_bridge.company.privacy import PrivacyRules
from crm_bridge.models import (
    Customer,
    Decision,
    Document,
    DocumentKind,
    Purpose,
    TicketKind,
    TicketPriority,
)
from crm_bridge.operations.cases import CaseDraft, Cases
from crm_bridge.operations.messages import MessageOperations
from crm_bridge.operations.once import Result
from crm_bridge.operations.running import Operations
from crm_bridge.privacy import Stores

OPTIONAL = (Purpose.MARKETING, Purpose.PROFILING)  # what rests on consent and not on the contract


@dataclass(frozen=True, slots=True)
class Told:
    """What the case of a request says to staff."""

    subject: str
    text: str


class PrivacyOperations:
    """Access, erasure, and withdrawal of consent."""

    def __init__(
        self,
        operations: Operations,
        stores: Callable[[], Stores],
        media: MediaStore,
        cases: Cases,
        messages: MessageOperations,
        rules: PrivacyRules,
    ) -> None:
        """`stores`: gives all of them; it may take a while and runs in a thread of its own."""
        self._operations = operations
        self._stores = stores
        self._media = media
        self._cases = cases
        self._messages = messages
        self._rules = rules

    async def export(self, key: str, customer_id: int, name: str) -> Result:
        """Everything that is held about the customer, as files: text for people, JSON for machines.

        Args:
            name: of the files, without an ending; also the title of the documents.

        Returns:
            `{"files": [{"key", "name", "type"}, …]}`
        """
        stores = await asyncio.to_thread(self._stores)
        held = await privacy.export(self._operations.db, self._operations.clock, stores, customer_id)
        contents = {
            f"{name}.txt": await self._media.save(held.as_text().encode()),
            f"{name}.json": await self._media.save(held.as_json().encode()),
        }

        async def work(session: AsyncSession) -> Result:
            return await self._keep(session, customer_id, name, contents)

        return await self._operations.run(key, "export_data", customer_id, work)

    async def _keep(
        self, session: AsyncSession, customer_id: int, title: str, contents: dict[str, Content]
    ) -> Result:
        now = self._operations.clock.now()
        files = []
        for name, content in contents.items():
            await record(session, content, now)
            session.add(
                Document(
                    customer_id=customer_id,
                    kind=DocumentKind.OTHER,
                    title=title,
                    storage_key=content.sha256,
                    media_type=content.type,
                    size_bytes=content.size,
                    issued_at=now,
                )
            )
            files.append({"key": content.sha256, "name": name, "type": content.type})
        await session.flush()
        return {"files": files}

    async def request_erasure(self, key: str, customer_id: int, conversation_id: str, told: Told) -> Result:
        """Set the erasure going: nothing is sent to them any more, and staff erase until the law's deadline.

        Returns:
            The case, as `Cases.add` gives it.
        """

        async def work(session: AsyncSession) -> Result:
            quiet = update(Customer).where(Customer.id == customer_id)
            await session.execute(quiet.values(do_not_disturb=True))
            await self._messages.record(session, customer_id, OPTIONAL, None, Decision.WITHDRAWN)
            due = self._operations.clock.now() + timedelta(days=self._rules.erase_within_days)
            draft = CaseDraft(
                TicketKind.REQUEST,
                told.subject,
                told.text,
                TicketPriority.HIGH,
                due,
                conversation_id=conversation_id,
            )
            return await self._cases.add(session, customer_id, draft)

        return await self._operations.run(key, "request_erasure", customer_id, work)

    async def withdraw(self, key: str, customer_id: int) -> Result:
        """Take back every consent: no marketing and no profiling from now on."""

        async def work(session: AsyncSession) -> Result:
            return await self._messages.record(session, customer_id, OPTIONAL, None, Decision.WITHDRAWN)

        return await self._operations.run(key, "withdraw_consent", customer_id, work)
