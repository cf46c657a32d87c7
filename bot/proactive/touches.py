"""Whose data changed: a log that the database itself writes, whoever changes a row.

Triggers note whose row it was, or which order's; so imports, other processes and plain SQL are seen as well.
A reader takes what it sees and deletes exactly that when it is done: what is written meanwhile, or committed
later under an earlier number, is left for the next.

The triggers are made by the first run that misses one, not by a migration: SQLite drops those of a table that
a migration rebuilds. Then nobody knows what was missed, and everything is looked at again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.signals.base import Range
from bot.proactive.tables import Mark, Touch
from core import logs
from core.db import Base, Database, on_sqlite
from crm_bridge import models as crm

log = logs.get("proactive")

MOST = 200_000  # of a range at once; where more was touched, everything is looked at
DELETED = 5000  # rows in one statement
LOCK = 7_203_115  # of PostgreSQL, while triggers are made: any number that is ours

# What predictors read: the table, its column, and the column of the log.
_WATCHED: tuple[tuple[type[Base], str, str], ...] = (
    (crm.Customer, "id", "customer_id"),
    *(
        (model, "customer_id", "customer_id")
        for model in (
            crm.Order,
            crm.Subscription,
            crm.SavedMethod,
            crm.Asset,
            crm.Appointment,
            crm.Ticket,
            crm.LoyaltyEntry,
            crm.Refund,
            crm.Review,
            crm.Watch,
        )
    ),
    (crm.OrderItem, "order_id", "order_id"),
    (crm.Payment, "order_id", "order_id"),
    (crm.Shipment, "order_id", "order_id"),
    (crm.Checkpoint, "shipment_id", "shipment_id"),
)
_EVENTS = ("insert", "update", "delete")


@dataclass(frozen=True, slots=True)
class Touched:
    """Whose data changed, and the rows of the log that say so."""

    customers: Sequence[int]
    rows: Collection[int]
    too_many: bool = False  # then these are not all


async def watch(db: Database) -> bool:
    """See to it that changes are noted; whether some may have been missed, so that all marks are void."""
    async with db.read() as session:
        if await _missing(session) == 0:
            return False
    async with db.write() as session:
        if not on_sqlite(session):  # two processes may begin at once
            await session.execute(select(func.pg_advisory_xact_lock(LOCK)))
        for statement in _statements(sqlite=on_sqlite(session)):
            await session.execute(text(statement))
        await session.execute(delete(Mark))
    log.info("changes are noted from now on")
    return True


async def forget(db: Database) -> None:
    """Nothing is predicted at present: do not pile up notes. The next run looks at everything."""
    async with db.write() as session:
        await session.execute(delete(Mark))
        await session.execute(delete(Touch))


async def touched(session: AsyncSession, customers: Range) -> Touched:
    """Whose data changed since it was looked at, within a range; read before anything else is."""
    direct, whose = Touch.customer_id, func.coalesce(Touch.order_id, crm.Shipment.order_id)
    query = (
        select(Touch.id, func.coalesce(direct, crm.Order.customer_id))
        .outerjoin(crm.Shipment, crm.Shipment.id == Touch.shipment_id)
        .outerjoin(crm.Order, crm.Order.id == whose)
    )
    found = func.coalesce(direct, crm.Order.customer_id)
    # An order that is gone was noted with its customer when it went: such rows say nothing more.
    query = query.where(customers(found) | found.is_(None)).limit(MOST + 1)
    rows = (await session.execute(query)).all()
    ids = sorted({whose for _, whose in rows if whose is not None})
    return Touched(ids, [row[0] for row in rows], len(rows) > MOST)


async def dealt_with(session: AsyncSession, seen: Touched) -> None:
    """Delete what was read, and nothing else."""
    rows = list(seen.rows)
    for start in range(0, len(rows), DELETED):
        await session.execute(delete(Touch).where(Touch.id.in_(rows[start : start + DELETED])))


def _names() -> set[str]:
    return {_name(model, event) for model, _, _ in _WATCHED for event in _EVENTS}


def _name(model: type[Base], event: str) -> str:
    return f"proactive_touch_{model.__tablename__}_{event}"


async def _missing(session: AsyncSession) -> int:
    if on_sqlite(session):
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND pg_table_is_visible(c.oid)"
        )
    there = set(await session.scalars(text(query)))
    return len(_names() - there)


def _statements(*, sqlite: bool) -> list[str]:
    if sqlite:
        return [_sqlite(*watched, event) for watched in _WATCHED for event in _EVENTS]
    function = (
        "CREATE OR REPLACE FUNCTION proactive_touch() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN EXECUTE TG_ARGV[0]; RETURN NULL; END $$"
    )
    return [function, *(_postgresql(*watched, event) for watched in _WATCHED for event in _EVENTS)]


def _sqlite(model: type[Base], column: str, logged: str, event: str) -> str:
    """A row at a time; it names no other table, which a migration might be rebuilding."""
    sides = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}[event]
    chosen = " UNION ".join(f"SELECT {side}.{column}" for side in sides)
    return (
        f"CREATE TRIGGER IF NOT EXISTS {_name(model, event)} AFTER {event.upper()} ON {model.__tablename__}"
        f" BEGIN INSERT INTO {Touch.__tablename__} ({logged}) {chosen}; END"
    )


def _postgresql(model: type[Base], column: str, logged: str, event: str) -> str:
    """A statement at a time: an import of a thousand orders is one insertion."""
    tables = {
        "insert": {"NEW": "came"}, "update": {"OLD": "went", "NEW": "came"}, "delete": {"OLD": "went"},
    }[event]  # fmt: skip
    each = [f"SELECT DISTINCT {column} FROM {name}" for name in tables.values()]  # noqa: S608
    chosen = " UNION ".join(each)
    referencing = " ".join(f"{side} TABLE AS {name}" for side, name in tables.items())
    insert = f"INSERT INTO {Touch.__tablename__} ({logged}) {chosen}"
    return (
        f"CREATE OR REPLACE TRIGGER {_name(model, event)} AFTER {event.upper()} ON {model.__tablename__}"
        f" REFERENCING {referencing} FOR EACH STATEMENT EXECUTE FUNCTION proactive_touch('{insert}')"
    )
