"""What a customer ordered and where it is."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, select
from sqlalchemy.orm import selectinload
from sqlalchemy.sql import Select

from core.db import Database
from crm_bridge.models import (
    CLOSED,
    DELAYS,
    CheckpointKind,
    DeliveryMethod,
    Order,
    OrderState,
    Payment,
    PaymentMethod,
    PaymentState,
    Shipment,
)
from crm_bridge.money import Money

_DECORATION = re.compile(r"[№#\s_‐-―−\u200b-\u200f\ufeff-]+")


def order_number(text: str) -> str:
    """An order number as it is stored: «№ zb-1001» is ZB1001."""
    return unicodedata.normalize("NFKC", _DECORATION.sub("", text)).upper()


@dataclass(frozen=True, slots=True)
class ItemView:
    """One line of an order."""

    id: int
    title: str
    quantity: int
    price: Money  # of one piece


@dataclass(frozen=True, slots=True)
class CheckpointView:
    """One thing that happened to a parcel."""

    kind: CheckpointKind
    place: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ShipmentView:
    """A parcel; checkpoints newest first."""

    carrier: str
    tracking_number: str
    checkpoints: tuple[CheckpointView, ...]


@dataclass(frozen=True, slots=True)
class PaymentView:
    """The last payment of an order."""

    method: PaymentMethod
    last_four: str | None
    state: PaymentState


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as a customer may see it."""

    id: int
    number: str
    state: OrderState
    placed_at: datetime
    promised_at: datetime | None  # what we said at the purchase
    expected_at: datetime | None  # what the carrier says now
    delivered_at: datetime | None
    keep_until: datetime | None  # how long the pick-up point keeps it
    items: tuple[ItemView, ...]
    total: Money
    delivery_method: DeliveryMethod
    delivery_city: str
    delivery_place: str | None
    shipment: ShipmentView | None
    payment: PaymentView | None

    @property
    def is_open(self) -> bool:
        return self.state not in CLOSED

    @property
    def arrived_at(self) -> datetime | None:
        """When the customer had it, or could fetch it."""
        if self.delivered_at is not None or self.state is not OrderState.READY_FOR_PICKUP:
            return self.delivered_at
        return self._last(frozenset({CheckpointKind.READY_FOR_PICKUP}))

    def lateness(self, now: datetime) -> timedelta:
        """By how much the promise is or is going to be broken; zero when it is kept."""
        if self.promised_at is None or self.state in {OrderState.CANCELLED, OrderState.RETURNED}:
            return timedelta()
        arrival = self.arrived_at
        if arrival is None and self.state is OrderState.READY_FOR_PICKUP:
            return timedelta()
        if arrival is None:
            arrival = max(now, self.expected_at or now)
        return max(arrival - self.promised_at, timedelta())

    @property
    def delay_cause(self) -> CheckpointKind | None:
        """The newest trouble on the way, be the order late or not; None when there was none."""
        checkpoints = self.shipment.checkpoints if self.shipment else ()
        return next((point.kind for point in checkpoints if point.kind in DELAYS), None)

    def _last(self, kinds: frozenset[CheckpointKind]) -> datetime | None:
        checkpoints = self.shipment.checkpoints if self.shipment else ()
        return next((point.at for point in checkpoints if point.kind in kinds), None)


class Orders:
    """Orders, always of one customer: there is no way to ask for an order without saying whose."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, customer_id: int, number: str) -> OrderView | None:
        """The customer's own order of that number, however they wrote it."""
        query = _with_parts(customer_id).where(Order.number == order_number(number))
        async with self._db.read() as session:
            order = (await session.execute(query)).scalar_one_or_none()
        return None if order is None else _view(order)

    async def of_customer(self, customer_id: int, limit: int = 20) -> list[OrderView]:
        """The customer's orders: open ones first, then the newest."""
        closed = case((Order.state.in_(CLOSED), 1), else_=0)
        query = _with_parts(customer_id).order_by(closed, Order.placed_at.desc(), Order.id.desc())
        async with self._db.read() as session:
            return [_view(order) for order in await session.scalars(query.limit(limit))]


def _with_parts(customer_id: int) -> Select[Order]:
    return (
        select(Order)
        .where(Order.customer_id == customer_id)
        .options(
            selectinload(Order.items),
            selectinload(Order.payments),
            selectinload(Order.shipments).selectinload(Shipment.checkpoints),
        )
    )


def _view(order: Order) -> OrderView:
    return OrderView(
        id=order.id,
        number=order.number,
        state=order.state,
        placed_at=order.placed_at,
        promised_at=order.promised_at,
        expected_at=order.expected_at,
        delivered_at=order.delivered_at,
        keep_until=order.keep_until,
        items=tuple(
            ItemView(item.id, item.title, item.quantity, Money(item.price_minor, order.currency))
            for item in order.items
        ),
        total=Money(order.total_minor, order.currency),
        delivery_method=order.delivery_method,
        delivery_city=order.delivery_city,
        delivery_place=order.delivery_place,
        shipment=_shipment(order.shipments[-1]) if order.shipments else None,
        payment=_payment(order.payments[-1]) if order.payments else None,
    )


def _shipment(shipment: Shipment) -> ShipmentView:
    points = tuple(CheckpointView(point.kind, point.place, point.at) for point in shipment.checkpoints)
    return ShipmentView(shipment.carrier, shipment.tracking_number, points)


def _payment(payment: Payment) -> PaymentView:
    return PaymentView(payment.method, payment.last_four, payment.state)
