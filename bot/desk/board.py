"""The supervisors' board: who waits and how long, who is there, which promises were kept today."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, func, select
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
    places = {
        place: (count, first)
        for place, count, first in await session.execute(
            select(Handoff.place, func.count(), func.min(Handoff.asked_at))
            .where(Handoff.place.in_(OPEN))  # and not «all but»: that would read every one that is done
            .group_by(Handoff.place)
        )
    }
    late = await session.scalar(select(func.count()).select_from(Handoff).where(overdue(now)))
    teams = await session.execute(
        select(Handoff.team, func.count()).where(Handoff.place == Place.WAITING).group_by(Handoff.team)
    )
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
    waiting, longest = places.get(Place.WAITING, (0, None))
    return Board(
        waiting=waiting,
        longest=longest,
        overdue=late or 0,
        answering=sum(places.get(place, (0, None))[0] for place in (Place.ANSWER, Place.CUSTOMER)),
        snoozed=places.get(Place.SNOOZED, (0, None))[0],
        by_team=tuple((team, count) for team, count in teams),
        online=sum(one.online and not one.away for one in people),
        people=people,
        kept=[await _kept(session, kind, midnight, now) for kind in PromiseKind],
        rating=None if mean is None else float(mean),
        ratings=ratings,
        pressing=sorted(rows, key=lambda row: row.rank_at or row.updated_at),
    )


def _broken(kind: PromiseKind, since: datetime, now: datetime) -> "Select[int]":
    """How many of a kind were to be kept today by now, and are not."""
    count = select(func.count()).select_from(Handoff)
    if kind is PromiseKind.RESOLUTION:
        return count.where(Handoff.place.in_(OPEN), Handoff.resolve_by >= since, Handoff.resolve_by < now)
    first = kind is PromiseKind.FIRST_ANSWER
    answered = Handoff.first_answer_at.is_(None) if first else Handoff.first_answer_at.is_not(None)
    return count.where(Handoff.place.in_(OWED), Handoff.due_at >= since, Handoff.due_at < now, answered)


async def _kept(session: AsyncSession, kind: PromiseKind, since: datetime, now: datetime) -> Kept:
    in_time = case((Promise.kept_at <= Promise.due_at, 1), else_=0)
    query = select(Promise.made_at, Promise.kept_at, in_time).where(
        Promise.kind == kind, Promise.kept_at >= since
    )
    found = (await session.execute(query)).all()
    seconds = [(kept - made).total_seconds() for made, kept, _ in found]
    broken = await session.scalar(_broken(kind, since, now)) or 0
    return Kept(
        kind=kind,
        all=len(found) + broken,
        open=broken,
        in_time=sum(good for *_, good in found),
        seconds=sum(seconds) / len(seconds) if seconds else None,
    )
