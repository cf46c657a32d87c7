"""A customer of whom everything is known that can be known."""

from datetime import timedelta
from typing import Any

from core.db import Base
from crm_bridge.models import (
    Appointment,
    AppointmentState,
    Asset,
    Author,
    Checkpoint,
    CheckpointKind,
    ConsentRecord,
    Decision,
    Direction,
    Document,
    DocumentKind,
    Interaction,
    InteractionKind,
    LoyaltyAccount,
    LoyaltyEntry,
    LoyaltyReason,
    Message,
    MessageState,
    OrderItem,
    Payment,
    PaymentMethod,
    PaymentState,
    Period,
    Purpose,
    Refund,
    RefundState,
    Review,
    SavedMethod,
    Shipment,
    Subscription,
    SubscriptionState,
    Ticket,
    TicketKind,
    TicketState,
)
from tests.crm_bridge.people import Company

DAY = timedelta(days=1)


async def add(company: Company, *rows: Base) -> None:
    async with company.db.write() as session:
        session.add_all(rows)


async def live(company: Company, customer: int, mark: str = "x") -> str:
    """Give a customer one row in every table; `mark` is in every text. Gives the conversation's id."""
    now = company.now
    order = await company.order(
        customer, f"{mark}-1", delivery_place=f"street {mark}", placed_at=now - 9 * DAY
    )
    chat = await company.chat(customer)
    account = LoyaltyAccount(customer_id=customer, number=f"L-{mark}", tier="gold", opened_at=now - 90 * DAY)
    parcel = Shipment(order_id=order, carrier="C", tracking_number=f"TR{mark}", created_at=now - 8 * DAY)
    await add(company, account, parcel)
    mine: dict[str, Any] = {"customer_id": customer}
    await add(
        company,
        OrderItem(order_id=order, title=f"kettle {mark}", quantity=1, price_minor=149900),
        Payment(
            order_id=order,
            method=PaymentMethod.CARD,
            last_four="4242",
            state=PaymentState.PAID,
            amount_minor=149900,
            currency="RUB",
            created_at=now - 9 * DAY,
        ),
        Checkpoint(shipment_id=parcel.id, kind=CheckpointKind.ACCEPTED, place=mark, at=now - 8 * DAY),
        Refund(
            **mine,
            order_id=order,
            state=RefundState.APPROVED,
            amount_minor=100,
            currency="RUB",
            reason=f"broken {mark}",
            requested_at=now - 7 * DAY,
            promised_at=now + 3 * DAY,
        ),
        SavedMethod(
            **mine,
            method=PaymentMethod.CARD,
            last_four="4242",
            expires_at=now + 20 * DAY,
            created_at=now - 80 * DAY,
        ),
        Subscription(
            **mine,
            title=f"coffee {mark}",
            state=SubscriptionState.ACTIVE,
            price_minor=59000,
            currency="RUB",
            period=Period.MONTH,
            renews=True,
            started_at=now - 60 * DAY,
            paid_until=now + 5 * DAY,
        ),
        LoyaltyEntry(
            **mine,
            account_id=account.id,
            points=300,
            reason=LoyaltyReason.EARNED,
            order_id=order,
            at=now - 6 * DAY,
            expires_at=now + 30 * DAY,
        ),
        Asset(
            **mine,
            order_id=order,
            title=f"machine {mark}",
            serial_number=f"SN{mark}",
            bought_at=now - 50 * DAY,
            warranty_until=now + 300 * DAY,
        ),
        Appointment(
            **mine,
            service="repair",
            place=f"shop {mark}",
            state=AppointmentState.BOOKED,
            note=f"ring {mark}",
            starts_at=now + 2 * DAY,
            ends_at=now + 2 * DAY,
            created_at=now - DAY,
        ),
        Ticket(
            **mine,
            number=f"T-{mark}",
            kind=TicketKind.COMPLAINT,
            state=TicketState.OPEN,
            subject=f"noise {mark}",
            text=f"it rattles {mark}",
            conversation_id=chat,
            opened_at=now - 2 * DAY,
            due_at=now + DAY,
            updated_at=now - DAY,
        ),
        Review(**mine, subject="kettle", stars=2, text=f"loud {mark}", source="shop", at=now - 4 * DAY),
        Document(
            **mine,
            order_id=order,
            kind=DocumentKind.RECEIPT,
            title=f"receipt {mark}",
            storage_key=f"receipts/{mark}.pdf",
            media_type="application/pdf",
            size_bytes=1,
            issued_at=now - 9 * DAY,
        ),
        Interaction(
            **mine,
            kind=InteractionKind.CALL,
            direction=Direction.IN,
            subject=f"call {mark}",
            text=f"they asked {mark}",
            source="telephony",
            seconds=61,
            at=now - 3 * DAY,
        ),
        ConsentRecord(
            **mine,
            purpose=Purpose.MARKETING,
            channel="email",
            decision=Decision.GRANTED,
            text_version="1",
            source="form",
            at=now - 70 * DAY,
            created_at=now - 70 * DAY,
        ),
        Message(
            id=f"m-{mark}",
            conversation_id=chat,
            seq=1,
            author=Author.CUSTOMER,
            text=f"where is it {mark}",
            buttons=[],
            state=MessageState.RECEIVED,
            created_at=now - timedelta(minutes=5),
        ),
    )
    return chat
