"""Counts how every model's turns go, beside the turns and never in them. The guard judges by this."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.tables import Inbox as Arrived
from bot.studio.guard import PLACES, Figures, place_of, total
from bot.studio.tables import Mark, Tally
from core.clock import Clock
from core.db import Database
from crm_bridge.models import Message
from crm_bridge.sql import insert_if_absent

BATCH = 500  # messages of one transaction
PATIENCE = timedelta(minutes=1)  # for a message that is being answered
KEPT = timedelta(days=30)
_NAME = "tallies"
_OUTSIDE = "out_of_scope"
_FAILED = "apologised"  # what became of an inbox row whose turn failed for good


class Tallies:
    """Fills `studio_tally`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def look(self, live: str | None) -> int:
        """Count the turns since the last look; how many messages were looked at.

        Args:
            live: the model that a turn without any answer is counted against.
        """
        async with self._db.read() as session:
            mark = await session.scalar(select(Mark.inbox_id).where(Mark.name == _NAME)) or 0
            if await session.scalar(select(Arrived.id).where(Arrived.id > mark).limit(1)) is None:
                return 0
        async with self._db.write() as session:
            await insert_if_absent(session, Mark, {"name": _NAME, "inbox_id": 0})
            kept = await session.get_one(Mark, _NAME, with_for_update=True)
            rows = await settled(session, kept.inbox_id, BATCH, self._clock.now())
            if not rows:
                return 0
            counted = _counted(rows, await details_of(session, [id_ for id_, _, _ in rows]), live)
            for (model, at), figures in counted.items():
                await _add(session, model, at, figures)
            await session.execute(delete(Tally).where(Tally.at < self._clock.now() - KEPT))
            kept.inbox_id = rows[-1][0]
            return len(rows)


async def figures_of(
    session: AsyncSession, model: str, since: datetime, until: datetime | None = None
) -> Figures:
    """How a model did in a time, to ten minutes."""
    query = select(Tally).where(Tally.model == model, Tally.at >= _begin(since))
    if until is not None:
        query = query.where(Tally.at < until)
    return total(_figures(row) for row in await session.scalars(query))


async def settled(
    session: AsyncSession, after: int, limit: int, now: datetime
) -> list[tuple[int, str | None, datetime]]:
    """Inbox rows after a mark, up to the first that is still being answered: id, what became of it, when it
    came. A row that takes longer than a minute holds nobody up.
    """
    query = select(Arrived.id, Arrived.processed_at, Arrived.outcome, Arrived.received_at)
    found = []
    rows = await session.execute(query.where(Arrived.id > after).order_by(Arrived.id).limit(limit))
    for id_, done, outcome, came in rows:
        if done is None and came > now - PATIENCE:
            break
        found.append((id_, outcome, came))
    return found


async def details_of(session: AsyncSession, rows: Sequence[int]) -> dict[str, dict[str, Any]]:
    """What is noted about the messages of these rows, by the message's id."""
    ids = [f"m{row}" for row in rows]
    found = await session.execute(select(Message.id, Message.details).where(Message.id.in_(ids)))
    return {id_: details or {} for id_, details in found}


def _counted(
    rows: Sequence[tuple[int, str | None, datetime]], details: dict[str, dict[str, Any]], live: str | None
) -> dict[tuple[str, datetime], Figures]:
    counted: dict[tuple[str, datetime], Figures] = defaultdict(Figures)
    for id_, outcome, came in rows:
        about, at = details.get(f"m{id_}", {}), _begin(came)
        if outcome == _FAILED and live is not None:
            counted[live, at] += Figures(turns=1, errors=1)
        by = about.get("model") or {}
        if not by.get("file"):
            continue
        counted[by["file"], at] += _one(about, by)
        if by.get("failed"):
            counted[by["failed"], at] += Figures(turns=1, errors=1)
    return counted


def _one(about: dict[str, Any], by: dict[str, Any]) -> Figures:
    is_text = not about.get("press")
    intent = ((about.get("nlu") or {}).get("intent") or {}).get("name")
    times = [0] * PLACES
    times[place_of(by.get("ms", 0))] = 1
    return Figures(
        turns=1,
        texts=int(is_text),
        rejected=int(is_text and intent == _OUTSIDE),
        escalated=int(bool(by.get("handoff"))),
        times=tuple(times),
    )


async def _add(session: AsyncSession, model: str, at: datetime, figures: Figures) -> None:
    query = select(Tally).where(Tally.model == model, Tally.at == at)
    row = await session.scalar(query)
    if row is None:
        row = Tally(model=model, at=at)
        session.add(row)
        known = Figures()
    else:
        known = _figures(row)
    whole = known + figures
    row.turns, row.texts, row.rejected = whole.turns, whole.texts, whole.rejected
    row.escalated, row.errors, row.times = whole.escalated, whole.errors, list(whole.times)
    await session.flush()


def _figures(row: Tally) -> Figures:
    return Figures(row.turns, row.texts, row.rejected, row.escalated, row.errors, tuple(row.times))


def _begin(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 10 * 10, second=0, microsecond=0)
