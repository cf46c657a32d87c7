"""A receipt or an invoice: one of a kind an order, a real PDF, whatever comes twice or at once."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.db import Database
from core.media import MediaStore
from core.media.tables import Media
from crm_bridge.company import Company as Rules
from crm_bridge.documents import Documents, Line, Paper
from crm_bridge.documents.drawing import draw
from crm_bridge.documents.issuing import NothingPaid
from crm_bridge.documents.paper import Paid, paper_number
from crm_bridge.models import Document, DocumentKind, Order, OrderItem, Payment, PaymentMethod, PaymentState
from crm_bridge.money import Money
from crm_bridge.operations.running import Operations
from tests.conftest import NOON
from tests.crm_bridge.people import Company

RECEIPT, INVOICE = DocumentKind.RECEIPT, DocumentKind.INVOICE


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore("", tmp_path / "media")


@pytest.fixture
def papers(operations: Operations, store: MediaStore, rules: Rules) -> Documents:
    return Documents(operations, store, rules.requisites)


async def bought(shop: Company, db: Database, number: str, *states: PaymentState) -> int:
    """A customer with one order and its payments; gives the customer."""
    maria = await shop.customer()
    order_id = await shop.order(maria, number)
    async with db.write() as session:
        session.add(OrderItem(order_id=order_id, title="Чайник «Ладога»", quantity=1, price_minor=149900))
        for state in states:
            session.add(
                Payment(
                    order_id=order_id,
                    method=PaymentMethod.CARD,
                    last_four="4417",
                    state=state,
                    amount_minor=149900,
                    currency="RUB",
                    created_at=NOON,
                )
            )
    return maria


async def rows(db: Database) -> list[Document]:
    async with db.read() as session:
        return list(await session.scalars(select(Document).order_by(Document.id)))


async def test_a_paper_is_stored_once_however_often_it_is_asked_for(
    shop: Company, db: Database, papers: Documents, store: MediaStore
) -> None:
    maria = await bought(shop, db, "1001", PaymentState.PAID)
    first = await papers.issue("a", maria, "1001", RECEIPT)
    assert await papers.issue("a", maria, "1001", RECEIPT) == first
    shop.clock.advance(timedelta(days=2))
    assert await papers.issue("b", maria, "1001", RECEIPT) == first
    await papers.issue("c", maria, "1001", INVOICE)
    kept = await rows(db)
    assert [(one.kind, one.number) for one in kept] == [(RECEIPT, "Ч-1001"), (INVOICE, "С-1001")]
    assert (await store.read(first["key"])).data.startswith(b"%PDF")
    async with db.read() as session:
        assert await session.get(Media, first["key"]) is not None


async def test_two_at_once_get_one_paper(shop: Company, db: Database, papers: Documents) -> None:
    maria = await bought(shop, db, "1001", PaymentState.PAID)
    one, other = await asyncio.gather(*(papers.issue(key, maria, "1001", RECEIPT) for key in "ab"))
    assert one == other
    assert len(await rows(db)) == 1


async def test_a_paper_without_its_file_is_drawn_again(
    shop: Company, db: Database, papers: Documents, store: MediaStore
) -> None:
    maria = await bought(shop, db, "1001", PaymentState.PAID)
    issued = await papers.issue("a", maria, "1001", RECEIPT)
    await store.delete(issued["key"])
    again = await papers.issue("b", maria, "1001", RECEIPT)
    assert (await store.read(again["key"])).size > 0
    assert len(await rows(db)) == 1


async def test_there_is_no_receipt_without_money_and_none_of_somebody_else(
    shop: Company, db: Database, papers: Documents
) -> None:
    maria = await bought(shop, db, "1001", PaymentState.FAILED)
    with pytest.raises(NothingPaid):
        await papers.issue("a", maria, "1001", RECEIPT)
    stranger = await shop.customer("Пётр", "Волков")
    with pytest.raises(LookupError):
        await papers.issue("b", stranger, "1001", INVOICE)
    assert await rows(db) == []


async def test_an_invoice_says_until_when_it_is_paid(shop: Company, db: Database, papers: Documents) -> None:
    maria = await bought(shop, db, "1001", PaymentState.PENDING)
    open_one = await papers.issue("a", maria, "1001", INVOICE)
    assert not open_one["paid"]
    async with db.write() as session:
        order = (await session.scalars(select(Order).where(Order.number == "1001"))).one()
        payments = await session.scalars(select(Payment).where(Payment.order_id == order.id))
        payments.one().state = PaymentState.PAID
    paid = await papers.issue("b", maria, "1001", INVOICE)
    assert paid["paid"]
    assert paid["key"] != open_one["key"]


def paper(language: str, lines: tuple[Line, ...], rules: Rules) -> Paper:
    return Paper(
        kind=RECEIPT,
        number=paper_number(RECEIPT, "1001", language),
        language=language,
        time_zone="Asia/Vladivostok",
        issued_at=NOON,
        order_number="1001",
        ordered_at=NOON,
        buyer="<b>Мария</b> & Co",
        lines=lines,
        total=Money(sum(line.total.minor for line in lines) + 29900, "RUB"),
        paid=(Paid(PaymentMethod.SBP, None, NOON + timedelta(hours=12)),),
        pay_until=None,
        seller=rules.requisites,
    )


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_same_paper_gives_the_same_bytes_and_long_ones_have_pages(language: str, rules: Rules) -> None:
    short = paper(language, (Line("Чайник", 2, Money(149900, "RUB")),), rules)
    assert draw(short) == draw(short)
    long = paper(language, tuple(Line(f"Товар {n}", 1, Money(100, "RUB")) for n in range(60)), rules)
    assert pages(draw(short)) == 1
    assert pages(draw(long)) == 3
    assert short.difference == Money(29900, "RUB")
    assert short.local(short.issued_at).hour == 19  # noon in Moscow


def pages(data: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", data))
