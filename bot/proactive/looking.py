"""One round over customers: everybody on a new day or in a changed world, else those about whom something may
be new.

Between two rounds of one day, with the same rules and models, a signal can be new for two reasons. Somebody's
data changed: the log of touches knows (`touches.py`), and every predictor is asked about these customers. Or
time passed: predictors are asked for what entered its window since (`Question.since`). Habits move by days,
and so do the figures over all customers; so the first round of a day (UTC) looks at everybody.

Besides, decisions that wait come back at their moment, and so does what was found and not decided when a
process died. `tests/proactive/test_incremental.py` holds it to the full round.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from bot.proactive.deciding import Counted, World, run_changed, run_range
from bot.proactive.rules import Rule
from bot.proactive.signals.base import Range, midnight
from bot.proactive.tables import Mark
from bot.proactive.touches import Touched, dealt_with, touched, watch
from core.db import Database
from crm_bridge.models import Customer
from crm_bridge.sql import insert_if_absent

PART = 50_000  # customers that are looked at together: what bounds the memory
MUCH = PART // 5  # of them changed: then it is as well to look at everybody


def shape_of(rules: Sequence[Rule], live_since: datetime | None, models: Path, now: datetime) -> str:
    """A mark of all that makes everybody be looked at again: the rules, the trained models, the day.

    Args:
        live_since: when the newest of the rules began to work.
    """
    texts = sorted(rule.model_dump_json() for rule in rules)
    trained = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(models.glob("*.json"))]
    whole = json.dumps([texts, str(live_since), trained, midnight(now).isoformat()])
    return hashlib.sha256(whole.encode()).hexdigest()


async def parts(db: Database, customers: Range, size: int = PART) -> list[Range]:
    """The customers there are, in parts that are the same at every run."""
    query = select(func.min(Customer.id), func.max(Customer.id)).where(customers(Customer.id))
    async with db.read() as session:
        first, last = (await session.execute(query)).one()
    if last is None:
        return []
    return [Range(start, start + size) for start in range((first - 1) // size * size, last, size)]


async def look(db: Database, world: World, customers: Range, shape: str, now: datetime) -> Counted:
    """Find and decide what is new among the customers of a range."""
    await watch(db)
    every, whole = await parts(db, customers), Counted()
    since = await _marks(db, shape, now)
    known = [part for part in every if part in since]
    changed = Touched((), ())
    if known:
        span = Range(known[0].after, known[-1].until)
        async with db.read() as session:
            changed = await touched(session, span)
        known = [] if changed.too_many else _calm(known, changed)
    for part in every:
        if part not in known:
            whole.merge(await _everybody(db, world, part, shape, now))
    if known:
        span, ids = Range(known[0].after, known[-1].until), set(known)
        mine = [id_ for id_ in changed.customers if _part(id_) in ids]
        earliest = min(since[part] for part in known)
        whole.merge(await run_changed(db, world, span, mine, earliest, now))
        await _done(db, known, changed, shape, now)
    return whole


def _calm(known: list[Range], changed: Touched) -> list[Range]:
    """Parts in which not too many changed."""
    counted = Counter(_part(id_) for id_ in changed.customers)
    return [part for part in known if counted[part] <= MUCH]


def _part(customer_id: int) -> Range:
    after = (customer_id - 1) // PART * PART
    return Range(after, after + PART)


async def _everybody(db: Database, world: World, part: Range, shape: str, now: datetime) -> Counted:
    async with db.read() as session:
        seen = await touched(session, part)
    counted = await run_range(db, world, part, now)
    await _done(db, [part], seen, shape, now)
    return counted


async def _marks(db: Database, shape: str, now: datetime) -> dict[Range, datetime]:
    """When parts were looked at last, in this very world."""
    query = select(Mark).where(Mark.world == shape, Mark.looked_at <= now)
    async with db.read() as session:
        return {Range(row.after, row.until): row.looked_at for row in await session.scalars(query)}


async def _done(db: Database, looked: Sequence[Range], seen: Touched, shape: str, now: datetime) -> None:
    async with db.write() as session:
        await dealt_with(session, seen)
        for part in looked:
            values = {"after": part.after, "until": part.until, "world": shape, "looked_at": now}
            if not await insert_if_absent(session, Mark, values):
                row = await session.get_one(Mark, part.after)
                row.until, row.world, row.looked_at = part.until, shape, now
