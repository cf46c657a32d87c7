"""The lists of the desk: who waits, whom I answer, who has the word, what comes back later, everything."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.desk.tables import Mention, Note
from bot.gateway.handoffs import UPSET, Handoff, Place, overdue
from bot.web.staff.tables import StaffAccount
from crm_bridge.models import Conversation, ConversationStatus, Customer, Identity, Message, Owner

PAGE = 50  # dialogues shown at once; more come at a click
OWN = 1000  # dialogues of one person that are looked at
COUNTED = 100  # counting ends here
EXCERPT = 140  # characters of the last line
RECENT = timedelta(days=30)  # how far back «all» goes: older ones are found by searching


class View(StrEnum):
    """A list of dialogues."""

    QUEUE = "queue"  # nobody has taken it
    MINE = "mine"  # mine, and those I am asked to take
    CUSTOMER = "customer"  # it is the customer's turn
    SNOOZED = "snoozed"
    MENTIONS = "mentions"  # a colleague calls me
    ALL = "all"  # whatever is open, the bot's too


PERSONAL = frozenset({View.MINE, View.MENTIONS})  # lists that differ from person to person
PLACES = {View.QUEUE: Place.WAITING, View.CUSTOMER: Place.CUSTOMER, View.SNOOZED: Place.SNOOZED}


class Only(StrEnum):
    """Those that stand out."""

    URGENT = "urgent"
    VIP = "vip"
    UPSET = "upset"
    LATE = "late"  # a promise is broken


@dataclass(frozen=True, slots=True)
class Filter:
    """What is left out of a list. Empty: nothing."""

    channel: str = ""
    language: str = ""
    team: str = ""
    topic: str = ""
    only: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filter":
        """As it stands in the address of the page; unknown words filter nothing."""
        given = {field.name: query.get(field.name, "")[:60] for field in fields(cls)}
        given["only"] = given["only"] if given["only"] in set(Only) else ""
        return cls(**given)

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def query(self, view: View) -> str:
        """For the address of the page."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return urlencode({"view": view.value} | {name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class Row:
    """A dialogue in a list."""

    id: str
    name: str | None  # None: a guest
    channel: str
    language: str
    owner: Owner
    open: bool
    place: Place | None  # None: people were never asked for
    agent_id: int | None
    agent: str | None
    offered_to: int | None
    team: str | None
    topic: str | None
    vip: bool
    urgent: bool
    upset: bool
    missed: bool
    resolve_by: datetime | None  # once it is near, or past
    warned: bool  # a promise is about to be broken, or is
    due_at: datetime | None
    snoozed_until: datetime | None
    waits_since: datetime | None
    last_line: str
    last_author: str | None
    updated_at: datetime
    rank_at: datetime | None
    handed_at: datetime | None  # the last change of what people owe
    mentioned: frozenset[int] = frozenset()  # colleagues who are called and have not looked

    def rank(self, view: View) -> float:
        """Its place in a list; the smallest stands first."""
        if view in (View.ALL, View.MENTIONS) or self.rank_at is None:
            return -self.updated_at.timestamp()
        return self.rank_at.timestamp()


async def listed(
    session: AsyncSession,
    view: View,
    staff_id: int,
    now: datetime,
    chosen: Filter | None = None,
    after: tuple[datetime, str] | None = None,
) -> list[Row]:
    """A page of a list, most pressing first; `after`: what `position` gave for the last one shown."""
    query = _rows().where(*_filtered(chosen or Filter(), now))
    if view in PERSONAL:
        own = await _own(session, view, staff_id)
        if not own:
            return []
        query = query.where(Conversation.id.in_(own))
    else:
        query = query.where(*_in_view(view, now))
    if view in (View.ALL, View.MENTIONS):
        order = Conversation.updated_at, Conversation.id
        if after:
            query = query.where(tuple_(*order) < tuple_(*after))
        query = query.order_by(order[0].desc(), order[1].desc())
    else:
        ranked = Handoff.rank_at, Handoff.conversation_id
        if after:
            query = query.where(tuple_(*ranked) > tuple_(*after))
        query = query.order_by(*ranked)
    return [_row(found) for found in await session.execute(query.limit(PAGE))]


def position(row: Row, view: View) -> tuple[datetime, str]:
    """Where the next page begins."""
    by_rank = view not in (View.ALL, View.MENTIONS) and row.rank_at
    return (row.rank_at if by_rank and row.rank_at else row.updated_at), row.id


async def rows_of(session: AsyncSession, ids: Collection[str]) -> list[Row]:
    """The same rows, for dialogues that changed."""
    mentioned: dict[str, set[int]] = {}
    for conversation_id, account_id in await session.execute(_CALLED, {"ids": list(ids)}):
        mentioned.setdefault(conversation_id, set()).add(account_id)
    found = await session.execute(_ROWS_OF, {"ids": list(ids)})
    return [_row(one, frozenset(mentioned.get(one.id, ()))) for one in found]


async def counted(session: AsyncSession, staff_ids: Collection[int]) -> dict[int, dict[View, int]]:
    """How long everybody's lists are; counting ends at a hundred. «All» is not counted."""
    shared = {}
    for view, place in PLACES.items():
        some = select(Handoff.conversation_id).where(Handoff.place == place).limit(COUNTED).subquery()
        shared[view] = await session.scalar(select(func.count()).select_from(some)) or 0
    found = {id_: shared | {View.MINE: 0, View.MENTIONS: 0} for id_ in staff_ids}
    for view, query in (
        (View.MINE, _count(Handoff.agent_id, staff_ids, (Place.ANSWER, Place.CUSTOMER))),
        (View.MINE, _count(Handoff.offered_to, staff_ids, (Place.WAITING,))),
        (
            View.MENTIONS,
            select(Mention.account_id, func.count())
            .where(Mention.account_id.in_(staff_ids), Mention.seen_at.is_(None))
            .group_by(Mention.account_id),
        ),
    ):
        for id_, count in await session.execute(query):
            found[id_][view] += count
    return found


def _count(
    whose: InstrumentedAttribute[int | None], staff_ids: Collection[int], places: Collection[Place]
) -> "Select[*tuple[Any, ...]]":
    query = select(whose, func.count()).where(whose.in_(staff_ids), Handoff.place.in_(places))
    return query.group_by(whose)


def belongs(row: Row, view: View, staff_id: int, chosen: Filter, now: datetime) -> bool:
    """Whether a dialogue is in a list: the same as `listed`, for pages that are open."""
    in_view = {
        View.QUEUE: row.place is Place.WAITING,
        View.MINE: (row.agent_id == staff_id and row.place in (Place.ANSWER, Place.CUSTOMER))
        or (row.offered_to == staff_id and row.place is Place.WAITING),
        View.CUSTOMER: row.place is Place.CUSTOMER,
        View.SNOOZED: row.place is Place.SNOOZED,
        View.MENTIONS: staff_id in row.mentioned,
        View.ALL: row.open,
    }[view]
    return (
        in_view
        and chosen.channel in ("", row.channel)
        and chosen.language in ("", row.language)
        and chosen.team in ("", row.team)
        and chosen.topic in ("", row.topic)
        and (not chosen.only or _stands_out(row, Only(chosen.only), now))
    )


def _stands_out(row: Row, only: Only, now: datetime) -> bool:
    return {
        Only.URGENT: row.urgent,
        Only.VIP: row.vip,
        Only.UPSET: row.upset,
        Only.LATE: any(at is not None and at < now for at in (row.due_at, row.resolve_by)),
    }[only]


async def _own(session: AsyncSession, view: View, staff_id: int) -> list[str]:
    """What is in somebody's own list. Read first: given a subquery, or an empty list, SQLite would go through
    everything in the list's order."""
    if view is View.MENTIONS:
        called = (
            select(Note.conversation_id)
            .join(Mention, Mention.note_id == Note.id)
            .where(Mention.account_id == staff_id, Mention.seen_at.is_(None))
        )
        return list(await session.scalars(called.limit(OWN)))
    owned = select(Handoff.conversation_id).where(
        Handoff.agent_id == staff_id, Handoff.place.in_((Place.ANSWER, Place.CUSTOMER))
    )
    asked = select(Handoff.conversation_id).where(
        Handoff.offered_to == staff_id, Handoff.place == Place.WAITING
    )
    return list(await session.scalars(union_all(owned, asked).limit(OWN)))


def _in_view(view: View, now: datetime) -> Sequence[ColumnElement[bool]]:
    if view is View.ALL:
        return Conversation.status != ConversationStatus.RESOLVED, Conversation.updated_at > now - RECENT
    return (Handoff.place == PLACES[view],)


def _filtered(chosen: Filter, now: datetime) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if chosen.channel:
        wanted.append(Conversation.channel == chosen.channel)
    if chosen.language:
        wanted.append(Conversation.language == chosen.language)
    if chosen.team:
        wanted.append(Handoff.team == chosen.team)
    if chosen.topic:
        wanted.append(Handoff.topic == chosen.topic)
    if chosen.only:
        wanted.append(
            {
                Only.URGENT: Handoff.urgent.is_(True),
                Only.VIP: or_(Handoff.vip.is_(True), Customer.vip.is_(True)),
                Only.UPSET: Handoff.sentiment <= UPSET,
                Only.LATE: overdue(now),
            }[Only(chosen.only)]
        )
    return wanted


def _rows() -> "Select[*tuple[Any, ...]]":
    """Only what a row shows: the conversation's memory alone is larger than the rest of the page."""
    return (
        select(
            Conversation.id,
            Conversation.channel,
            Conversation.language,
            Conversation.owner,
            Conversation.status,
            Conversation.agent_id,
            Conversation.updated_at,
            Customer.given_name,
            Customer.family_name,
            Customer.vip,
            Handoff.place,
            Handoff.offered_to,
            Handoff.team,
            Handoff.topic,
            Handoff.urgent,
            Handoff.missed,
            Handoff.sentiment,
            Handoff.warned_at,
            Handoff.due_at,
            Handoff.resolve_by,
            Handoff.resolve_warned_at,
            Handoff.snoozed_until,
            Handoff.asked_at,
            Handoff.rank_at,
            Handoff.updated_at.label("handed_at"),
            StaffAccount.name.label("agent"),
            Message.text,
            Message.author,
        )
        .select_from(Conversation)
        .outerjoin(Handoff, Handoff.conversation_id == Conversation.id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .outerjoin(Customer, Customer.id == Identity.customer_id)
        .outerjoin(StaffAccount, StaffAccount.id == Conversation.agent_id)
        .outerjoin(
            Message,
            and_(Message.conversation_id == Conversation.id, Message.seq == Conversation.last_seq),
        )
    )


def _row(found: Any, mentioned: frozenset[int] = frozenset()) -> Row:
    line = " ".join((found.text or "").split())
    on_desk = found.place is not None and found.place is not Place.DONE
    return Row(
        id=found.id,
        name=None if found.given_name is None else f"{found.given_name} {found.family_name}",
        channel=found.channel,
        language=found.language,
        owner=found.owner,
        open=found.status is not ConversationStatus.RESOLVED,
        place=found.place,
        agent_id=found.agent_id,
        agent=found.agent,
        offered_to=found.offered_to,
        team=found.team,
        topic=found.topic,
        vip=bool(found.vip),
        urgent=bool(on_desk and found.urgent),
        upset=bool(on_desk and found.sentiment is not None and found.sentiment <= UPSET),
        missed=bool(on_desk and found.missed),
        resolve_by=found.resolve_by if on_desk and found.resolve_warned_at else None,
        warned=bool(on_desk and (found.warned_at or found.resolve_warned_at)),
        due_at=found.due_at if on_desk else None,
        snoozed_until=found.snoozed_until,
        waits_since=found.asked_at if on_desk else None,
        last_line=line if len(line) <= EXCERPT else f"{line[:EXCERPT]}…",
        last_author=found.author,
        updated_at=found.updated_at,
        rank_at=found.rank_at,
        handed_at=found.handed_at,
        mentioned=mentioned,
    )


# Built once: open pages ask for them many times a second.
_IDS: BindParameter[list[str]] = bindparam("ids", expanding=True)
_ROWS_OF = _rows().where(Conversation.id.in_(_IDS))
_CALLED = (
    select(Note.conversation_id, Mention.account_id)
    .join(Mention, Mention.note_id == Note.id)
    .where(Note.conversation_id.in_(_IDS), Mention.seen_at.is_(None))
)
