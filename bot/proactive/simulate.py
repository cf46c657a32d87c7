"""Time travel: the same predictors and decisions over past data, with a moving clock. Nothing is sent.

The company's rows are copied into a scratch database, where a view stands in the place of every table and
shows it as it was at the moment of the clock. So no predictor knows that it is being simulated, and none can
see the future. What the tables do not remember (an earlier price, a date that was moved) is as it is today.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, event, insert, select, text

from bot.proactive.cases import Case
from bot.proactive.deciding import Counted, World, decide_all, questions
from bot.proactive.facts import History, facts_of
from bot.proactive.policy import Allows
from bot.proactive.rules import Limits, Rule
from bot.proactive.signals.all import predictors
from bot.proactive.signals.background import background
from bot.proactive.signals.base import Range
from bot.proactive.tables import Incident, Verdict
from core.db import Base, Database
from crm_bridge import models as crm

STEP = timedelta(hours=3)
LEARNED_EVERY = timedelta(days=7)  # figures over all customers are computed anew
COPIED = 2000  # rows at once
SHOWN = 500  # messages that a result lists

NOW = "(SELECT now FROM simulated_clock)"
# Table → what is hidden, and what a column was then. `{now}` is the moment of the clock.
_SEEN: dict[type[Base], tuple[str, dict[str, str]]] = {
    crm.Customer: ("created_at <= {now}", {}),
    crm.Identity: ("created_at <= {now}", {}),
    crm.ContactPoint: ("created_at <= {now}", {}),
    crm.ConsentRecord: ("at <= {now}", {}),
    crm.Order: (
        "placed_at <= {now}",
        {
            "state": "CASE WHEN delivered_at > {now} THEN 'in_delivery' ELSE state END",
            "expected_at": "CASE WHEN delivered_at IS NULL THEN expected_at END",
            "delivered_at": "CASE WHEN delivered_at <= {now} THEN delivered_at END",
        },
    ),
    crm.OrderItem: ("1", {}),
    crm.Shipment: ("created_at <= {now}", {}),
    crm.Checkpoint: ("at <= {now}", {}),
    crm.Payment: ("created_at <= {now}", {}),
    crm.SavedMethod: (
        "created_at <= {now}",
        {"removed_at": "CASE WHEN removed_at <= {now} THEN removed_at END"},
    ),
    crm.Subscription: (
        "started_at <= {now}",
        {
            "state": "CASE WHEN cancelled_at > {now} THEN 'active' ELSE state END",
            "cancelled_at": "CASE WHEN cancelled_at <= {now} THEN cancelled_at END",
        },
    ),
    crm.Asset: ("bought_at <= {now}", {}),
    crm.Appointment: (
        "created_at <= {now}",
        {"state": "CASE WHEN starts_at > {now} AND state != 'cancelled' THEN 'booked' ELSE state END"},
    ),
    crm.LoyaltyEntry: ("at <= {now}", {}),
    crm.Refund: (
        "requested_at <= {now}",
        {"state": "CASE WHEN paid_at > {now} THEN 'approved' ELSE state END"},
    ),
    crm.Ticket: (
        "opened_at <= {now}",
        {"state": "CASE WHEN solved_at > {now} THEN 'open' ELSE state END"},
    ),
    crm.Review: ("at <= {now}", {}),
    crm.Watch: ("created_at <= {now}", {}),
    crm.Message: ("created_at <= {now} AND author = 'customer'", {}),
    crm.ContactFrequency: ("changed_at <= {now}", {}),
    Incident: ("created_at <= {now}", {}),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A message that would have gone out."""

    at: str
    customer_id: int
    rule: str
    subject: str
    reason: str
    channel: str
    words: Mapping[str, Any]  # for the reason


@dataclass(slots=True)
class Simulated:
    """What a set of rules would have done."""

    since: str
    until: str
    rules: list[str]
    signals: int = 0
    messages: int = 0
    by_rule: dict[str, dict[str, int]] = field(default_factory=dict)  # rule → verdict and reason → cases
    per_hour: dict[str, int] = field(default_factory=dict)  # UTC hour of the day → messages
    busiest: int = 0  # messages in the busiest hour of all
    told: list[Told] = field(default_factory=list)  # the first of them

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Progress = Callable[[float], None]


async def simulate(
    db: Database,
    rules: Sequence[Rule],
    limits: Limits,
    allows: Allows,
    channels: Collection[str],
    models: Path,
    since: datetime,
    until: datetime,
    *,
    step: timedelta = STEP,
    progress: Progress = lambda share: None,
) -> Simulated:
    """Replay the time between two moments.

    Args:
        step: between two runs; a decision can be late by so much.
    """
    result = Simulated(since.isoformat(), until.isoformat(), [rule.name for rule in rules])
    with tempfile.TemporaryDirectory(prefix="zabota-simulation-") as folder:
        scratch = Database(f"sqlite+aiosqlite:///{Path(folder) / 'scratch.db'}")
        event.listen(scratch.engine.sync_engine, "connect", _let_parents_be_missing)
        try:
            await _copy(db, scratch)
            run = _Run(scratch, rules, limits, allows, frozenset(channels), models, result)
            now = since
            while now < until:
                await run.step(now)
                progress((now - since) / (until - since))
                now += step
        finally:
            await scratch.close()
    result.busiest = max(run.hours.values(), default=0)
    for hour, count in run.hours.items():
        name = f"{datetime.fromisoformat(hour):%H}"
        result.per_hour[name] = result.per_hour.get(name, 0) + count
    return result


@dataclass(slots=True)
class _Run:
    """A simulation under way; its memory stands in the place of the tables."""

    db: Database
    rules: Sequence[Rule]
    limits: Limits
    allows: Allows
    channels: frozenset[str]
    models: Path
    result: Simulated
    history: History = field(default_factory=History)
    done: set[tuple[str, tuple[str, str, datetime]]] = field(default_factory=set)  # rule and signal
    waiting: dict[tuple[str, tuple[str, str, datetime]], datetime] = field(default_factory=dict)
    reasons: dict[tuple[str, tuple[str, str, datetime]], str] = field(default_factory=dict)
    hours: Counter[str] = field(default_factory=Counter)
    world: World | None = None
    learned_at: datetime | None = None

    async def step(self, now: datetime) -> None:
        async with self.db.write() as session:
            moment = now.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
            await session.execute(text("UPDATE simulated_clock SET now = :now"), {"now": moment})
        if self.world is None or self.learned_at is None or now - self.learned_at >= LEARNED_EVERY:
            known = await background(self.db, now, keep=False)
            trained = predictors(known, self.models)
            self.world = World(self.rules, self.limits, self.allows, self.channels, trained)
            self.learned_at = now
        cases = await self._cases(self.world, now)
        ids = {case.signal.customer_id for case in cases}
        async with self.db.read() as session:
            facts = await facts_of(session, ids, now, self.channels, self.history)
        for case, made in decide_all(self.world, cases, facts, self.history, now, Counted()):
            self._note(case, made.verdict, made.why, made.until, made.channel or "")

    async def _cases(self, world: World, now: datetime) -> list[Case]:
        cases = []
        async with self.db.read() as session:
            for kind, asked in questions(self.rules, Range(), now):
                found = await world.predictors[kind].signals(session, asked)
                for signal in found:
                    for rule in self.rules:
                        key = (rule.name, signal.key)
                        if rule.predictor != kind or key in self.done or self.waiting.get(key, now) > now:
                            continue
                        if key not in self.reasons:
                            self.result.signals += 1
                            self.reasons[key] = signal.reason
                        cases.append(Case(rule, signal, 0))
        return cases

    def _note(self, case: Case, verdict: Verdict, why: str, until: datetime | None, channel: str) -> None:
        key = (case.rule.name, case.signal.key)
        if verdict is Verdict.WAIT and until is not None:
            self.waiting[key] = until
            return
        self.waiting.pop(key, None)
        self.done.add(key)
        name = "send" if verdict is Verdict.SEND else why
        counts = self.result.by_rule.setdefault(case.rule.name, {})
        counts[name] = counts.get(name, 0) + 1
        if verdict is Verdict.SEND and until is not None:
            self.result.messages += 1
            self.hours[until.replace(minute=0, second=0, microsecond=0).isoformat()] += 1
            if len(self.result.told) < SHOWN:
                signal = case.signal
                self.result.told.append(
                    Told(
                        until.isoformat(), signal.customer_id, case.rule.name, signal.subject, signal.reason,
                        channel, signal.words,
                    )
                )  # fmt: skip


def compare(one: Simulated, other: Simulated) -> list[tuple[str, int, int]]:
    """Messages of each rule in two simulations."""
    names = sorted({*one.by_rule, *other.by_rule})
    return [
        (name, one.by_rule.get(name, {}).get("send", 0), other.by_rule.get(name, {}).get("send", 0))
        for name in names
    ]


async def _copy(db: Database, scratch: Database) -> None:
    tables = [_table(model) for model in _SEEN]
    async with scratch.engine.begin() as connection:
        await connection.run_sync(
            lambda sync: Base.metadata.create_all(sync, tables=tables, checkfirst=False)
        )
    for table in tables:
        await _copy_table(db, scratch, table)
    async with scratch.write() as session:
        await session.execute(text("CREATE TABLE simulated_clock (now TEXT)"))
        await session.execute(text("INSERT INTO simulated_clock VALUES ('')"))
        for model, (seen, then) in _SEEN.items():
            table = _table(model)
            columns = ", ".join(
                f"{then[column.name]} AS {column.name}" if column.name in then else f'"{column.name}"'
                for column in table.columns
            )
            await session.execute(text(f"ALTER TABLE {table.name} RENAME TO all_{table.name}"))
            view = f"CREATE VIEW {table.name} AS SELECT {columns} FROM all_{table.name} WHERE {seen}"  # noqa: S608
            await session.execute(text(view.replace("{now}", NOW)))


async def _copy_table(db: Database, scratch: Database, table: Table) -> None:
    """In pieces, so that the memory stays flat."""
    [key] = table.primary_key.columns
    last: Any = None
    while True:
        query = select(table).order_by(key).limit(COPIED)
        async with db.read() as session:
            asked = query if last is None else query.where(key > last)
            rows = [dict(row._mapping) for row in await session.execute(asked)]
        if not rows:
            return
        last = rows[-1][key.name]
        async with scratch.engine.begin() as connection:
            await connection.execute(insert(table), rows)


def _let_parents_be_missing(connection: Any, _record: Any) -> None:
    """Not every table is copied. The pragma does nothing inside of a transaction, so it is set here."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    cursor.close()


def _table(model: type[Base]) -> Table:
    table: Table = model.__table__  # type: ignore[assignment]
    return table
