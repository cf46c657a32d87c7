"""The supervisors' board: who waits and how long, who is there, which promises were kept today."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.lists import PAGE, Row, rows_of
from bot.desk.presence import Colleague, colleagues
from bot.gateway.handoffs import OPEN, OWED, Handoff, Place, Promise, PromiseKind, overdue
from crm_bridge.models import Rating


@dataclass(frozen=True, slots=True)
class Kept:
    """Promises of a kind that were kept today, or broken today and not kept yet."""

    kind: PromiseKind
    all: int
    open: int  # of them, broken and not kept yet
    in_time: int
    seconds: float | None  # the mean time until they were kept

    @property
    def share(self) -> int | None:
        """Per cent that were kept in time."""
        return None if not self.all else round(100 * self.in_time / self.all)


@dataclass(frozen=True, slots=True)
class Board:
    """How the service stands now."""

    waiting: int
    longest: datetime | None  # since when the first of those who wait has waited
    overdue: int
    answering: int  # dialogues with somebody
    snoozed: int
    by_team: tuple[tuple[str | None, int], ...]  # how many wait
    online: int
    people: list[Colleague]
    kept: list[Kept]
    rating: float | None  # mean of today
    ratings: int
    pressing: list[Row]  # who waits, most pressing first


async def board(session: AsyncSession, now: datetime, time_zone: str) -> Board:
    """Read it. Today begins at midnight of the company's time zone."""
    zone = ZoneInfo(time_zone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(now.tzinfo)
    standing = (await session.execute(_standing(midnight, now))).all()
    people = await colleagues(session, now)
    ids = await session.scalars(
        select(Handoff.conversation_id)
        .where(Handoff.place == Place.WAITING)
        .order_by(Handoff.rank_at)
        .limit(PAGE)
    )
    rows = await rows_of(session, list(ids))
    mean, ratings = (
        await session.execute(select(func.avg(Rating.score), func.count()).where(Rating.at >= midnight))
    ).one()
    by_place = Counter[Place]()
    for one in standing:
        by_place[one.place] += one.dialogues
    waits = [one for one in standing if one.place is Place.WAITING]
    return Board(
        waiting=by_place[Place.WAITING],
        longest=min((one.first for one in waits if one.first), default=None),
        overdue=sum(one.late for one in standing),
        answering=by_place[Place.ANSWER] + by_place[Place.CUSTOMER],
        snoozed=by_place[Place.SNOOZED],
        by_team=tuple((one.team, one.dialogues) for one in waits),
        online=sum(one.online and not one.away for one in people),
        people=people,
        kept=[
            await _kept(session, kind, midnight, sum(getattr(one, kind.value) for one in standing))
            for kind in PromiseKind
        ],
        rating=None if mean is None else float(mean),
        ratings=ratings,
        pressing=sorted(rows, key=lambda row: row.rank_at or row.updated_at),
    )


def _standing(since: datetime, now: datetime) -> "Select[*tuple[Any, ...]]":
    """What is open, in one look: by place and team how many, the first, how many late, which broken today."""
    broken = [func.sum(case((_broken(kind, since, now), 1), else_=0)).label(kind) for kind in PromiseKind]
    return (
        select(
            Handoff.place,
            Handoff.team,
            func.count().label("dialogues"),
            func.min(Handoff.asked_at).label("first"),
            func.sum(case((overdue(now), 1), else_=0)).label("late"),
            *broken,
        )
        .where(Handoff.place.in_(OPEN))  # and not «all but»: that would read every one that is done
        .group_by(Handoff.place, Handoff.team)
        .order_by(Handoff.place, Handoff.team)
    )


def _broken(kind: PromiseKind, since: datetime, now: datetime) -> ColumnElement[bool]:
    """Of a kind, what was to be kept today by now, and is not."""
    if kind is PromiseKind.RESOLUTION:
        return and_(Handoff.place.in_(OPEN), Handoff.resolve_by >= since, Handoff.resolve_by < now)
    first = kind is PromiseKind.FIRST_ANSWER
    answered = Handoff.first_answer_at.is_(None) if first else Handoff.first_answer_at.is_not(None)
    return and_(Handoff.place.in_(OWED), Handoff.due_at >= since, Handoff.due_at < now, answered)


async def _kept(session: AsyncSession, kind: PromiseKind, since: datetime, broken: int) -> Kept:
    in_time = case((Promise.kept_at <= Promise.due_at, 1), else_=0)
    query = select(Promise.made_at, Promise.kept_at, in_time).where(
        Promise.kind == kind, Promise.kept_at >= since
    )
    found = (await session.execute(query)).all()
    seconds = [(kept - made).total_seconds() for made, kept, _ in found]
    return Kept(
        kind=kind,
        all=len(found) + broken,
        open=broken,
        in_time=sum(good for *_, good in found),
        seconds=sum(seconds) / len(seconds) if seconds else None,
    )
