"""How long all predictors and decisions take over many customers, in SQLite and PostgreSQL.

The company is made inside the database by arithmetic on row numbers, so that a million customers are there in
minutes. `python -m bench.proactive_scale 10000 100000` prints one line a size; with `--postgresql` the same
on a server that is started for it. With `--workers`: how two workers share a round (`proactive_workers.py`).

Three rounds of one day: cold; ten minutes later, after 1 % of the customers had a late parcel, news of one or
a charge declined; and ten minutes later again, when nothing happened. Seconds of the clock, and of the
processor: of this process, and of that PostgreSQL's when it runs on this machine.
"""

import argparse
import asyncio
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text

from bench.places import postgres_server
from bench.proactive_workers import shared
from bot.proactive.deciding import Counted, world_of
from bot.proactive.looking import look, shape_of
from bot.proactive.rules import parse_rule, read_limits, rule_files
from bot.proactive.tables import DecisionRow, SignalRow
from bot.proactive.working import ranges
from core.db import Database
from core.migrations import upgrade_async

CARRIERS, GOODS, CITIES = 5, 40, 20
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # noon in Moscow: nobody waits for the morning


async def fill(db: Database, customers: int, now: datetime) -> None:
    """A company of so many: three orders each, and whatever else a shop's customers have."""
    for statement in _statements(db.is_sqlite):
        async with db.write() as session:
            await session.execute(text(statement), _values(db, customers, now))
    async with db.engine.connect() as connection:
        await connection.execute(text("ANALYZE"))
        await connection.commit()


def _values(db: Database, customers: int, now: datetime) -> dict[str, Any]:
    naive = now.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    stamp: Any = naive if db.is_sqlite else now
    return {"n": customers, "now": stamp}


def _statements(sqlite: bool) -> list[str]:
    def days(sql: str) -> str:
        """The moment so many days from now."""
        if sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', julianday(:now) + ({sql}))"
        return f"(CAST(:now AS timestamptz) + ({sql}) * interval '1 day')"

    def each(count: str, name: str = "i") -> str:
        if sqlite:
            start = f"SELECT 1 AS {name} UNION ALL SELECT {name} + 1 FROM numbers WHERE {name} < {count}"
            return f"(WITH RECURSIVE numbers AS ({start}) SELECT {name} FROM numbers) AS g"
        return f"generate_series(1, {count}) AS g({name})"

    true, false = ("1", "0") if sqlite else ("true", "false")
    order = "(i - 1) / 3 + 1"  # whose
    # three orders of a customer, the newest i % 3 = 0; a rhythm of 30 to 69 days; one in fifty is under way
    age = f"((i % 1000) * 7919 % 40 + 30) + ((2 - i % 3) * ((({order}) * 31) % 40 + 30)) - 30"
    open_ = f"(i % 3 = 2 AND ({order}) % 50 = 0)"
    late = "((i * 13) % 100 < (i % 5) * 6)"
    return [
        f"""INSERT INTO customer (id, given_name, family_name, language, time_zone, city, created_at, vip,
            do_not_disturb) SELECT i, 'Имя', 'Фамилия', CASE WHEN i % 5 = 0 THEN 'en' ELSE 'ru' END,
            'Europe/Moscow', 'Город ' || (i % {CITIES}), {days("-700")}, {false}, {false}
            FROM {each(":n")}""",
        f"""INSERT INTO identity (channel, account, external_id, customer_id, method, created_at)
            SELECT 'webchat', 'main', 'v' || i, i, 'signed_user', {days("-600")} FROM {each(":n")}
            WHERE i % 2 = 0""",
        f"""INSERT INTO consent_record (customer_id, purpose, decision, text_version, source, at, created_at)
            SELECT i, p, 'granted', 'v', 'b', {days("-500")}, {days("-500")} FROM {each(":n")},
            (SELECT 'marketing' AS p UNION ALL SELECT 'profiling') AS purposes WHERE i % 3 > 0""",
        f"""INSERT INTO orders (id, customer_id, number, state, total_minor, currency, delivery_method,
            delivery_city, placed_at, promised_at, delivered_at)
            SELECT i, {order}, 'N' || i, CASE WHEN {open_} THEN 'shipped' ELSE 'delivered' END, 100000, 'RUB',
            'courier', 'Город ' || (i % {CITIES}),
            CASE WHEN {open_} THEN {days("-3")} ELSE {days(f"-({age}) - 6")} END,
            CASE WHEN {open_} THEN {days("(i % 6) - 1")} ELSE {days(f"-({age}) - 2")} END,
            CASE WHEN {open_} THEN NULL WHEN {late} THEN {days(f"-({age})")}
            ELSE {days(f"-({age}) - 3")} END
            FROM {each(":n * 3")}""",
        f"""INSERT INTO order_item (order_id, title, quantity, price_minor)
            SELECT i, 'Товар ' || ((({order}) * 7) % {GOODS}), 1, 100000 FROM {each(":n * 3")}""",
        f"""INSERT INTO shipment (order_id, carrier, tracking_number, created_at)
            SELECT i, 'Перевозчик ' || (i % {CARRIERS}), 'T' || i, {days("-3")} FROM {each(":n * 3")}""",
        f"""INSERT INTO payment_method
            (id, customer_id, method, last_four, expires_at, is_default, created_at)
            SELECT i, i * 5, 'card', '4242', {days("(i * 37) % 900")}, {true}, {days("-300")}
            FROM {each(":n / 5")}""",
        f"""INSERT INTO subscription (customer_id, title, state, price_minor, currency, period, renews,
            payment_method_id, started_at, paid_until) SELECT i * 5, 'Кофе', 'active', 100, 'RUB', 'month',
            CASE WHEN i % 4 = 0 THEN {false} ELSE {true} END, i, {days("-200")}, {days("(i * 17) % 30")}
            FROM {each(":n / 5")}""",
        f"""INSERT INTO asset (customer_id, title, bought_at, warranty_until, maintenance_days)
            SELECT i * 4, 'Кофемашина', {days("-((i * 11) % 700)")}, {days("730 - ((i * 11) % 700)")}, 180
            FROM {each(":n / 4")}""",
        f"""INSERT INTO ticket (customer_id, number, kind, state, priority, subject, text, opened_at, due_at,
            updated_at) SELECT i * 20, 'T' || i, 'complaint',
            CASE WHEN i % 10 = 0 THEN 'open' ELSE 'solved' END,
            'high', 's', '', {days("-5")}, {days("-3")}, {days("-1")} FROM {each(":n / 20")}""",
    ]


async def measure(url: str, customers: int) -> dict[str, Any]:
    """Fill an empty database, and run everything over it: cold, and once more."""
    await upgrade_async(url)
    db, now = Database(url), NOW
    rules = [parse_rule(path.read_text(encoding="utf-8")) for path in rule_files()]
    began = time.monotonic()
    await fill(db, customers, now)
    filled = time.monotonic() - began
    models = Path(tempfile.gettempdir()) / "no-models"
    cold, counted = await _run(db, rules, models, now)
    changed = await _change(db, customers, now + timedelta(minutes=5))
    again, found = await _run(db, rules, models, now + timedelta(minutes=10))
    idle, _ = await _run(db, rules, models, now + timedelta(minutes=20))
    async with db.read() as session:
        signals = await session.scalar(select(func.count()).select_from(SignalRow))
        decisions = await session.scalar(select(func.count()).select_from(DecisionRow))
    await db.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "customers": customers, "filled_s": round(filled, 1), "cold": cold, "changed": changed,
        "incremental": again, "idle": idle, "signals": signals, "decisions": decisions,
        "decided": counted.decided, "decided_of_changed": found.decided, "peak_mb": round(peak),
    }  # fmt: skip


async def _change(db: Database, customers: int, at: datetime) -> int:
    """Something happens to each hundredth: a parcel is late, or has news, or a charge is declined."""
    stamp = _values(db, customers, at)["now"]
    newest = (
        "id IN (SELECT max(o.id) FROM orders o WHERE o.customer_id % 200 IN (7, 8) GROUP BY o.customer_id)"
    )
    statements = (
        f"""UPDATE orders SET state = 'shipped', delivered_at = NULL, promised_at = :at
            WHERE customer_id % 3 = 0 AND {newest}""",
        f"""INSERT INTO checkpoint (shipment_id, kind, place, at) SELECT s.id, 'delay_weather', 'Казань', :at
            FROM shipment s JOIN orders o ON o.id = s.order_id WHERE o.customer_id % 3 = 1 AND o.{newest}""",
        f"""INSERT INTO payment (order_id, method, last_four, state, amount_minor, currency, created_at)
            SELECT id, 'card', '4242', 'failed', 100, 'RUB', :at FROM orders
            WHERE customer_id % 3 = 2 AND {newest}""",
    )
    async with db.write() as session:
        for statement in statements:
            await session.execute(text(statement), {"at": stamp})
    return customers // 100


async def _run(db: Database, rules: Any, models: Path, now: datetime) -> tuple[dict[str, float], Counted]:
    """One round as the jobs do it; seconds of the clock and of the processor."""
    began, cpu, served = time.monotonic(), time.process_time(), await _server_seconds(db)
    whole = Counted()
    world = await world_of(db, rules, read_limits(), lambda *_: True, {"webchat"}, models, now)
    shape = shape_of(rules, None, models, now)
    for part in await ranges(db):
        whole.merge(await look(db, world, part, shape, now))
    taken = {
        "seconds": round(time.monotonic() - began, 1),
        "cpu": round(time.process_time() - cpu, 1),
        "cpu_server": round(await _server_seconds(db) - served, 1),
    }
    return taken, whole


async def _server_seconds(db: Database) -> float:
    """Of the processor, by all processes of this PostgreSQL; 0 if it is elsewhere."""
    if db.is_sqlite:
        return 0.0
    async with db.read() as session:
        folder = await session.scalar(text("SHOW data_directory"))
    return _family_seconds(Path(folder) / "postmaster.pid")


def _family_seconds(pid_file: Path) -> float:
    """Of a server and its processes, those that ended included."""
    try:
        server = pid_file.read_text().split()[0]
    except OSError:
        return 0.0
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:  # it has just ended
            continue
        if server in (stat.parent.name, fields[1]):
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def _empty_database(postgresql: bool) -> Iterator[str]:
    if postgresql:
        with postgres_server() as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite+aiosqlite:///{Path(folder) / 'scale.db'}"


async def _shared(url: str, customers: int) -> dict[str, Any]:
    await upgrade_async(url)
    db = Database(url)
    try:
        await fill(db, customers, NOW)
        return {"customers": customers, **await shared(db, url, NOW)}
    finally:
        await db.close()


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("customers", type=int, nargs="+")
    asked.add_argument(
        "--postgresql", action="store_true", help="on a server of its own; SQLite if not given"
    )
    asked.add_argument("--workers", action="store_true", help="how two workers share the ranges of a round")
    given = asked.parse_args()
    for customers in given.customers:
        with _empty_database(given.postgresql) as url:
            run = _shared if given.workers else measure
            found = {
                "database": "PostgreSQL" if given.postgresql else "SQLite",
                **asyncio.run(run(url, customers)),
            }
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
