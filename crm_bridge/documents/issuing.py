"""Issues papers: one of a kind an order, drawn when it is first asked for."""

import asyncio
import importlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.media.store import Content, MediaStore, record
from crm_bridge.company.requisites import Requisites
from crm_bridge.documents.paper import Line, Paid, Paper, paper_number
from crm_bridge.models import Customer, Document, DocumentKind, Order, Payment, PaymentState
from crm_bridge.money import Money
from crm_bridge.operations.once import Result
from crm_bridge.operations.running import Operations

PDF = "application/pdf"


class NothingPaid(Exception):
    """There is no receipt for an order that nobody paid."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A paper that is not stored yet."""

    order_id: int
    paper: Paper


class Documents:
    """Receipts and invoices of customers' orders."""

    def __init__(self, operations: Operations, store: MediaStore, seller: Requisites) -> None:
        self._operations = operations
        self._store = store
        self._seller = seller

    async def issue(self, key: str, customer_id: int, order_number: str, kind: DocumentKind) -> Result:
        """The paper of an order as a file, made if there is none yet.

        It is in the language of the customer's profile, since the goods are.

        Returns:
            `{"key": in the media store, "name", "type", "number", "paid": bool}`

        Raises:
            NothingPaid: a receipt for an order without a payment.
            LookupError: it is not this customer's order.
        """
        draft = await self._draft(customer_id, order_number, kind)
        data = await asyncio.to_thread(_draw, draft.paper)  # it takes a tenth of a second
        content = await self._store.save(data)

        async def work(session: AsyncSession) -> Result:
            return await self._keep(session, customer_id, draft, content)

        return await self._operations.run(key, "issue_document", customer_id, work)

    async def _draft(self, customer_id: int, order_number: str, kind: DocumentKind) -> _Draft:
        query = (
            select(Order, Customer)
            .join(Customer, Order.customer_id == Customer.id)
            .where(Order.customer_id == customer_id, Order.number == order_number)
            .options(selectinload(Order.items), selectinload(Order.payments))
        )
        async with self._operations.db.read() as session:
            found = (await session.execute(query)).one_or_none()
            if found is None:
                raise LookupError(order_number)
            order, customer = found
            earlier = await _stored(session, order.id, kind)
        issued_at = earlier.issued_at if earlier else self._operations.clock.now()
        return _Draft(order.id, self._paper(order, customer, kind, issued_at))

    def _paper(self, order: Order, customer: Customer, kind: DocumentKind, issued_at: datetime) -> Paper:
        money = [payment for payment in order.payments if payment.state is PaymentState.PAID]
        if kind is DocumentKind.RECEIPT and not money:
            raise NothingPaid(order.number)
        due = issued_at + timedelta(days=self._seller.pay_within_days)
        names = (customer.family_name, customer.given_name, customer.patronymic)
        buyer = " ".join(name for name in names if name) if customer.language == "ru" else customer.name
        return Paper(
            kind=kind,
            number=paper_number(kind, order.number, customer.language),
            language=customer.language,
            time_zone=customer.time_zone,
            issued_at=issued_at,
            order_number=order.number,
            ordered_at=order.placed_at,
            buyer=buyer,
            lines=tuple(
                Line(item.title, item.quantity, Money(item.price_minor, order.currency))
                for item in order.items
            ),
            total=Money(order.total_minor, order.currency),
            paid=tuple(map(_paid, money)),
            pay_until=None if money or kind is DocumentKind.RECEIPT else due,
            seller=self._seller,
        )

    async def _keep(self, session: AsyncSession, customer_id: int, draft: _Draft, content: Content) -> Result:
        """Store the row, or bring the one that is there up to date: its file may be gone, or older."""
        paper, now = draft.paper, self._operations.clock.now()
        await session.execute(select(Order.id).where(Order.id == draft.order_id).with_for_update())
        row = await _stored(session, draft.order_id, paper.kind)
        if row is None:
            row = Document(
                customer_id=customer_id, order_id=draft.order_id, kind=paper.kind, issued_at=paper.issued_at
            )
            session.add(row)
        row.number, row.title = paper.number, _drawing().title(paper)
        row.storage_key, row.media_type, row.size_bytes = content.sha256, PDF, content.size
        await record(session, content, now)
        return {
            "key": content.sha256,
            "name": _drawing().file_name(paper),
            "type": PDF,
            "number": paper.number,
            "paid": bool(paper.paid),
        }


async def _stored(session: AsyncSession, order_id: int, kind: DocumentKind) -> Document | None:
    query = select(Document).where(Document.order_id == order_id, Document.kind == kind)
    return (await session.scalars(query.order_by(Document.id).limit(1))).first()


def _paid(payment: Payment) -> Paid:
    return Paid(payment.method, payment.last_four, payment.created_at)


def _drawing() -> ModuleType:
    """The PDF library takes 17 MB: it is loaded when the first document is asked for."""
    return importlib.import_module("crm_bridge.documents.drawing")


def _draw(paper: Paper) -> bytes:
    drawn: bytes = _drawing().draw(paper)
    return drawn
