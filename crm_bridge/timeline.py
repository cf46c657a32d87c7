"""One timeline over everything that happened between a customer and the company, newest first.

Nothing is stored twice: the timeline is a union of selects over the tables where things happen, each limited
to one page and answered by an index on (customer, time, id). So a page costs as much for the first customer
as for the millionth, whoever wrote the rows, and a merge, an unmerge or an erasure needs no second step. A
maintained table would have to be filled by every writer, the gateway's hot path and the synchronisation
included, and be rewritten whenever an identity turns out to belong to somebody.

What belongs to a customer only through something else (a payment through its order, a message through its
conversation and identity) costs a look at all such rows of this customer, in covering indexes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    TextualSelect,
    bindparam,
    cast,
    literal_column,
    null,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from core.db import Database, UtcDateTime
from crm_bridge.models import (
    Appointment,
    Asset,
    Checkpoint,
    ConsentRecord,
    Conversation,
    Document,
    Identity,
    Interaction,
    LoyaltyEntry,
    Message,
    Order,
    Payment,
    Refund,
    Review,
    Shipment,
    Subscription,
    Ticket,
)
from crm_bridge.money import Money
from crm_bridge.sql import union_as_text

PAGE_LIMIT = 200


class EventKind(StrEnum):
    """What a timeline tells of."""

    APPOINTMENT = "appointment"
    ASSET = "asset"
    CONSENT = "consent"
    DOCUMENT = "document"
    INTERACTION = "interaction"
    LOYALTY = "loyalty"
    MESSAGE = "message"
    ORDER = "order"
    PAYMENT = "payment"
    REFUND = "refund"
    REVIEW = "review"
    SHIPMENT = "shipment"
    SUBSCRIPTION = "subscription"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a timeline. The order is: time, newest first; kind; id, largest first."""

    at: datetime
    kind: EventKind
    id: int | str

    def __str__(self) -> str:
        """As a page hands it out; `Position.read` takes it back."""
        return f"{self.at.isoformat()}~{self.kind}~{self.id}"

    @classmethod
    def read(cls, text: str) -> "Position":
        """Take back what `str` gave.

        Raises:
            ValueError: it is something else.
        """
        at, kind, id_ = text.split("~", 2)
        when, what = datetime.fromisoformat(at), EventKind(kind)
        if when.tzinfo is None:
            raise ValueError("a position without a time zone")
        return cls(when, what, id_ if what is EventKind.MESSAGE else int(id_))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    kind: EventKind
    id: int | str  # of the row in the table of this kind; a text for messages
    at: datetime
    title: str  # what it is about: a number, a subject, what was said
    state: str  # where it stands, in the words of its table
    detail: str | None  # a second fact: a place, a channel, a file
    amount: Money | None
    number: int | None  # points, stars, or seconds

    @property
    def position(self) -> Position:
        return Position(self.at, self.kind, self.id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, and where the next page begins; None after the last one."""

    events: tuple[Event, ...]
    next: Position | None


class Timelines:
    """Reads timelines."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(
        self,
        customer_id: int,
        *,
        kinds: Iterable[EventKind] | None = None,
        after: Position | None = None,
        limit: int = 50,
    ) -> Page:
        """Up to `limit` events after a position.

        Args:
            kinds: only these; None means all.
            limit: at most `PAGE_LIMIT`.
        """
        async with self._db.read() as session:
            return await page(session, customer_id, kinds=kinds, after=after, limit=limit)


async def page(
    session: AsyncSession,
    customer_id: int,
    *,
    kinds: Iterable[EventKind] | None = None,
    after: Position | None = None,
    limit: int = 50,
) -> Page:
    """`Timelines.page` within the caller's session."""
    limit = max(1, min(limit, PAGE_LIMIT))
    wanted = tuple(sorted(set(EventKind if kinds is None else kinds)))
    if not wanted:
        return Page((), None)
    values: dict[str, Any] = {"customer": customer_id, "page": limit + 1}
    if after is not None:
        values |= {"at": after.at, "id": after.id}
    rows = (await session.execute(_query(wanted, after and after.kind), values)).all()
    events = tuple(_event(row) for row in rows[:limit])
    return Page(events, events[-1].position if len(rows) > limit else None)


@cache
def _query(kinds: tuple[EventKind, ...], after: EventKind | None) -> TextualSelect:
    """The union of the arms, composed once."""
    arms = [_ARMS[kind](kind, after) for kind in kinds]
    return union_as_text(arms, "ORDER BY at DESC, kind, number_id DESC, text_id DESC LIMIT :page")


def _event(row: Any) -> Event:
    kind = EventKind(row.kind)
    return Event(
        kind=kind,
        id=row.text_id if kind is EventKind.MESSAGE else row.number_id,
        at=row.at,
        title=row.title,
        state=row.state,
        detail=row.detail,
        amount=None if row.currency is None else Money(row.minor, row.currency),
        number=row.number,
    )


Arm = Callable[[EventKind, EventKind | None], Select[Any]]
_nothing = null()
_empty: Any = literal_column("''")
_customer = bindparam("customer", type_=BigInteger)


def _arm(
    at: InstrumentedAttribute[datetime],
    title: Any,
    state: Any,
    detail: Any = _nothing,
    *,
    amount: tuple[Any, Any] = (_nothing, _nothing),
    number: Any = _nothing,
    whose: Callable[[Select[Any]], Select[Any]] | None = None,
) -> Arm:
    """A select over one table. `whose` says how its rows belong to a customer, when not by `customer_id`."""
    table = at.class_
    is_text = table is Message

    def build(kind: EventKind, after: EventKind | None) -> Select[Any]:
        query = select(
            literal_column(f"'{kind.value}'", String).label("kind"),
            (literal_column("0", BigInteger) if is_text else table.id).label("number_id"),
            (table.id if is_text else type_coerce(_empty, String)).label("text_id"),
            at.label("at"),
            type_coerce(title, String).label("title"),
            type_coerce(state, String).label("state"),
            type_coerce(detail, String).label("detail"),
            cast(amount[0], BigInteger).label("minor"),
            type_coerce(amount[1], String).label("currency"),
            cast(number, BigInteger).label("number"),
        )
        mine = whose(query) if whose else query.where(table.customer_id == _customer)
        if after is not None:
            mine = mine.where(_beyond(kind, at, table.id, after))
        return mine.order_by(at.desc(), table.id.desc()).limit(bindparam("page", type_=Integer))

    return build


def _beyond(kind: EventKind, at: Any, id_: Any, after: EventKind) -> ColumnElement[bool]:
    """What comes after the position `:at`, `after`, `:id`, in the order that `Position` describes."""
    then = bindparam("at", type_=UtcDateTime)
    if kind == after:
        return tuple_(at, id_) < tuple_(then, bindparam("id", type_=id_.type))
    return at < then if kind < after else at <= then  # type: ignore[no-any-return]


def _by_order(query: Select[Any]) -> Select[Any]:
    return query.join(Order, Payment.order_id == Order.id).where(Order.customer_id == _customer)


def _by_parcel(query: Select[Any]) -> Select[Any]:
    joined = query.join(Shipment, Checkpoint.shipment_id == Shipment.id).join(Order)
    return joined.where(Order.customer_id == _customer)


def _by_identity(query: Select[Any]) -> Select[Any]:
    joined = query.join(Conversation, Message.conversation_id == Conversation.id).join(Identity)
    return joined.where(Identity.customer_id == _customer)


_ARMS: dict[EventKind, Arm] = {
    EventKind.APPOINTMENT: _arm(
        Appointment.starts_at, Appointment.service, Appointment.state, Appointment.place
    ),
    EventKind.ASSET: _arm(Asset.bought_at, Asset.title, literal_column("'bought'"), Asset.serial_number),
    EventKind.CONSENT: _arm(
        ConsentRecord.at, ConsentRecord.purpose, ConsentRecord.decision, ConsentRecord.channel
    ),
    EventKind.DOCUMENT: _arm(Document.issued_at, Document.title, Document.kind, Document.storage_key),
    EventKind.INTERACTION: _arm(
        Interaction.at,
        Interaction.subject,
        Interaction.kind,
        Interaction.direction,
        number=Interaction.seconds,
    ),
    EventKind.LOYALTY: _arm(LoyaltyEntry.at, _empty, LoyaltyEntry.reason, number=LoyaltyEntry.points),
    EventKind.MESSAGE: _arm(
        Message.created_at, Message.text, Message.author, Conversation.channel, whose=_by_identity
    ),
    EventKind.ORDER: _arm(
        Order.placed_at,
        Order.number,
        Order.state,
        Order.delivery_city,
        amount=(Order.total_minor, Order.currency),
    ),
    EventKind.PAYMENT: _arm(
        Payment.created_at,
        Order.number,
        Payment.state,
        Payment.method,
        amount=(Payment.amount_minor, Payment.currency),
        whose=_by_order,
    ),
    EventKind.REFUND: _arm(
        Refund.requested_at, Refund.reason, Refund.state, amount=(Refund.amount_minor, Refund.currency)
    ),
    EventKind.REVIEW: _arm(
        Review.at, Review.subject, literal_column("'published'"), Review.text, number=Review.stars
    ),
    EventKind.SHIPMENT: _arm(
        Checkpoint.at, Order.number, Checkpoint.kind, Checkpoint.place, whose=_by_parcel
    ),
    EventKind.SUBSCRIPTION: _arm(
        Subscription.started_at,
        Subscription.title,
        Subscription.state,
        amount=(Subscription.price_minor, Subscription.currency),
    ),
    EventKind.TICKET: _arm(Ticket.opened_at, Ticket.subject, Ticket.state, Ticket.number),
}
