"""Everything about a customer that one turn of a dialogue may need, read in two statements.

The parts that a customer has several of (contacts, open orders, cards …) come in one union of small selects,
each on an index by customer. What is over and done stands in the timeline.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    String,
    TextualSelect,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
    type_coerce,
)

from core.clock import Clock
from core.db import Database, UtcDateTime
from crm_bridge.completeness import Completeness, completeness
from crm_bridge.loyalty import Points, Standing, standing
from crm_bridge.models import (
    CLOSED,
    Appointment,
    AppointmentState,
    Asset,
    ConsentRecord,
    ContactKind,
    ContactPoint,
    Customer,
    Decision,
    Identity,
    LoyaltyAccount,
    LoyaltyEntry,
    Order,
    Purpose,
    Refund,
    RefundState,
    SavedMethod,
    Subscription,
    SubscriptionState,
    Ticket,
    TicketState,
)
from crm_bridge.sql import as_text, union_as_text

OPEN_LIMIT = 20  # of one kind; who has more is not helped by a longer list


class Part(StrEnum):
    """What a profile has several of."""

    ACCOUNT = "account"
    CARD = "card"
    CONSENT = "consent"
    CONTACT = "contact"
    IDENTITY = "identity"
    ORDER = "order"
    POINTS = "points"
    REFUND = "refund"
    SUBSCRIPTION = "subscription"
    THING = "thing"
    TICKET = "ticket"
    VISIT = "visit"


@dataclass(frozen=True, slots=True)
class ContactOnProfile:
    """A phone or an e-mail of the customer."""

    kind: ContactKind
    value: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is going on or is owned."""

    id: int
    title: str  # a number, a subject, a name
    state: str
    at: datetime | None  # the date that matters: promised, due, ends, begins


@dataclass(frozen=True, slots=True)
class Profile:
    """A customer as one turn needs them."""

    id: int
    external_ref: str | None
    given_name: str
    patronymic: str | None
    family_name: str
    language: str
    time_zone: str
    city: str | None
    segment: str | None
    vip: bool
    preferred_channel: str | None
    preferred_hours: tuple[int, int] | None  # of the customer's own day
    do_not_disturb: bool
    since: datetime
    contacts: tuple[ContactOnProfile, ...]
    channels: tuple[str, ...]  # where this customer has an account
    orders: tuple[Item, ...]  # open ones; at: when promised
    tickets: tuple[Item, ...]  # unsolved ones; at: when due
    refunds: tuple[Item, ...]  # not paid yet; at: when promised
    subscriptions: tuple[Item, ...]  # that run; at: paid until
    visits: tuple[Item, ...]  # to come; at: when they begin
    cards: tuple[Item, ...]  # title: the last four digits; at: when a card ends
    things: tuple[Item, ...]  # owned; at: when the warranty ends
    tier: str | None  # of the loyalty programme
    points: Standing
    decisions: dict[tuple[Purpose, str | None], Decision]  # the newest of each
    completeness: Completeness


class UnknownCustomer(LookupError):
    """There is no customer of that id."""


class Profiles:
    """Reads profiles."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def read(self, customer_id: int) -> Profile:
        """The whole profile. A customer who was merged is the one they were merged into.

        Raises:
            UnknownCustomer
        """
        async with self._db.read() as session:
            person = (await session.execute(_person(), {"customer": customer_id})).one_or_none()
            if person is None:
                raise UnknownCustomer(customer_id)
            values = {"customer": person.id, "now": self._clock.now()}
            parts = (await session.execute(_parts(), values)).all()
        return _profile(person, _by_kind(parts), self._clock.now())


def _by_kind(rows: Iterable[Any]) -> dict[Part, list[Any]]:
    found: dict[Part, list[Any]] = {part: [] for part in Part}
    for row in rows:
        found[Part(row.part)].append(row)
    return found


def _profile(person: Any, parts: dict[Part, list[Any]], now: datetime) -> Profile:
    contacts = tuple(
        ContactOnProfile(ContactKind(row.state), row.title, row.at is not None) for row in parts[Part.CONTACT]
    )
    channels = tuple(sorted({row.title for row in parts[Part.IDENTITY]}))
    decisions = _decisions(parts[Part.CONSENT])
    hours = (person.preferred_from, person.preferred_until)
    return Profile(
        id=person.id,
        external_ref=person.external_ref,
        given_name=person.given_name,
        patronymic=person.patronymic,
        family_name=person.family_name,
        language=person.language,
        time_zone=person.time_zone,
        city=person.city,
        segment=person.segment,
        vip=person.vip,
        preferred_channel=person.preferred_channel,
        preferred_hours=None if None in hours else hours,
        do_not_disturb=person.do_not_disturb,
        since=person.created_at,
        contacts=contacts,
        channels=channels,
        orders=_items(parts[Part.ORDER]),
        tickets=_items(parts[Part.TICKET]),
        refunds=_items(parts[Part.REFUND]),
        subscriptions=_items(parts[Part.SUBSCRIPTION]),
        visits=_items(parts[Part.VISIT]),
        cards=_items(parts[Part.CARD]),
        things=_items(parts[Part.THING]),
        tier=next((row.title for row in parts[Part.ACCOUNT] if row.title), None),
        points=standing((Points(row.number, row.at, row.until) for row in parts[Part.POINTS]), now),
        decisions=decisions,
        completeness=completeness(
            named=bool(person.given_name and person.family_name),
            city=bool(person.city),
            phone=any(contact.kind is ContactKind.PHONE for contact in contacts),
            email=any(contact.kind is ContactKind.EMAIL for contact in contacts),
            verified=any(contact.verified for contact in contacts),
            channel=bool(channels),
            preference=bool(person.preferred_channel),
            advertising=any(purpose is Purpose.MARKETING for purpose, _ in decisions),
        ),
    )


def _items(rows: list[Any]) -> tuple[Item, ...]:
    return tuple(Item(row.id, row.title, row.state, row.at) for row in rows)


def _decisions(rows: list[Any]) -> dict[tuple[Purpose, str | None], Decision]:
    """The newest of each; rows may come in any order."""
    oldest_first = sorted(rows, key=lambda row: (row.at, row.id))
    return {(Purpose(row.title), row.detail): Decision(row.state) for row in oldest_first}


@cache
def _person() -> TextualSelect:
    meant = select(func.coalesce(Customer.merged_into_id, Customer.id)).where(
        Customer.id == bindparam("customer", type_=BigInteger)
    )
    return as_text(select(*Customer.__table__.c).where(Customer.id == meant.scalar_subquery()))


_nothing = null()
_empty: Any = literal_column("''")
_zero: Any = literal_column("0", BigInteger)


def _part(
    part: Part,
    table: Any,
    *,
    title: Any,
    state: Any = _empty,
    detail: Any = _nothing,
    at: Any = _nothing,
    until: Any = _nothing,
    number: Any = _zero,
    only: Any = None,
    limit: int | None = OPEN_LIMIT,
) -> Select[Any]:
    columns: list[Any] = [
        literal_column(f"'{part.value}'", String).label("part"),
        table.id,
        type_coerce(title, String).label("title"),
        type_coerce(state, String).label("state"),
        type_coerce(detail, String).label("detail"),
        (_typed_null("at") if at is _nothing else at.label("at")),
        (_typed_null("until") if until is _nothing else until.label("until")),
        number.label("number"),
    ]
    query = select(*columns).where(table.customer_id == bindparam("customer", type_=BigInteger))
    if only is not None:
        query = query.where(only)
    return query if limit is None else query.order_by(table.id.desc()).limit(literal_column(str(limit)))


def _typed_null(name: str) -> Any:
    """PostgreSQL must know that a column without a value is a time; SQLite keeps times as text."""
    now = bindparam("now", type_=UtcDateTime)
    return func.nullif(now, now, type_=UtcDateTime()).label(name)


def _is(column: Any, *words: StrEnum) -> Any:
    return column.in_([literal_column(f"'{word.value}'") for word in words])


def _is_not(column: Any, words: Iterable[StrEnum]) -> Any:
    return and_(*(column != literal_column(f"'{word.value}'") for word in sorted(words)))


@cache
def _parts() -> TextualSelect:
    later = bindparam("now", type_=UtcDateTime)
    unsolved = _is_not(Ticket.state, (TicketState.SOLVED, TicketState.CLOSED))
    arms = (
        _part(
            Part.CONTACT,
            ContactPoint,
            title=ContactPoint.value,
            state=ContactPoint.kind,
            at=ContactPoint.verified_at,
        ),
        _part(Part.IDENTITY, Identity, title=Identity.channel),
        _part(
            Part.ORDER,
            Order,
            title=Order.number,
            state=Order.state,
            at=Order.promised_at,
            only=_is_not(Order.state, CLOSED),
        ),
        _part(Part.TICKET, Ticket, title=Ticket.subject, state=Ticket.state, at=Ticket.due_at, only=unsolved),
        _part(
            Part.REFUND,
            Refund,
            title=func.coalesce(Refund.reason, _empty),
            state=Refund.state,
            at=Refund.promised_at,
            only=_is(Refund.state, RefundState.REQUESTED, RefundState.APPROVED),
        ),
        _part(
            Part.SUBSCRIPTION,
            Subscription,
            title=Subscription.title,
            state=Subscription.state,
            at=Subscription.paid_until,
            only=_is_not(Subscription.state, (SubscriptionState.ENDED,)),
        ),
        _part(
            Part.VISIT,
            Appointment,
            title=Appointment.service,
            state=case(
                (Appointment.confirmed_at.is_not(None), literal_column("'confirmed'")),
                else_=Appointment.state,
            ),
            at=Appointment.starts_at,
            only=and_(_is(Appointment.state, AppointmentState.BOOKED), Appointment.starts_at > later),
        ),
        _part(
            Part.CARD,
            SavedMethod,
            title=func.coalesce(SavedMethod.last_four, _empty),
            state=SavedMethod.method,
            at=SavedMethod.expires_at,
            only=SavedMethod.removed_at.is_(None),
        ),
        _part(
            Part.THING,
            Asset,
            title=Asset.title,
            state=literal_column("'owned'"),
            at=Asset.warranty_until,
        ),
        _part(Part.ACCOUNT, LoyaltyAccount, title=LoyaltyAccount.tier, at=LoyaltyAccount.opened_at),
        _part(
            Part.POINTS,
            LoyaltyEntry,
            title=_empty,
            at=LoyaltyEntry.at,
            until=LoyaltyEntry.expires_at,
            number=LoyaltyEntry.points,
            limit=None,
        ),
        _part(
            Part.CONSENT,
            ConsentRecord,
            title=ConsentRecord.purpose,
            state=ConsentRecord.decision,
            detail=ConsentRecord.channel,
            at=ConsentRecord.at,
            limit=None,
        ),
    )
    return union_as_text(arms)
