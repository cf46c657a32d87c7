"""Figures of the running product: start, memory, time of a turn, beside the goals. `make bench`."""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from core.settings import ROOT
from tests.product.customer import Customer
from tests.product.running import Product, running_product, trained_models

console = Console()
CONVERSATIONS = 5
TURNS = 105
WINDOW = 4  # turns before and after the 5th and the 100th: twice the whole mix
ASKED = ("где мой заказ 1001?", "спасибо", "а что вы умеете?", "привет")  # in turn; actions included


@dataclass(frozen=True)
class Figure:
    """One measured value beside its goal."""

    name: str
    value: float
    unit: str
    goal: str
    met: bool | None
    spread: str = ""


async def measure() -> list[Figure]:
    """Start the product three times; in the last run, talk."""
    models = trained_models()
    starts: list[float] = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            async with running_product(Path(folder), models) as product:
                starts.append(product.started_in)
    with tempfile.TemporaryDirectory() as folder:
        async with running_product(Path(folder), models, messages_per_minute="100000") as product:
            starts.append(product.started_in)
            idle = _memory(product)
            turns = [await _conversation(product) for _ in range(CONVERSATIONS)]
            used = _memory(product)
    return [_start(starts), *_memories(idle, used), *_times(turns)]


async def _conversation(product: Product) -> list[float]:
    """Seconds from writing to the last line of the answer, turn by turn, for a verified customer."""
    customer = await product.customer()
    await customer.says("где мой заказ 1001?")
    await customer.proves("maria.sokolova@example.com")
    return [await _turn(customer, ASKED[number % len(ASKED)]) for number in range(TURNS)]


async def _turn(customer: Customer, text: str) -> float:
    began = time.perf_counter()
    client_id = await customer.sends(text)
    while not any(frame.get("client_id") == client_id for frame in customer.heard.values()):
        await customer._read()
    own = next(frame["id"] for frame in customer.heard.values() if frame.get("client_id") == client_id)
    while f"{own}.0" not in customer.heard:
        await customer._read()
    took = time.perf_counter() - began
    await customer.hears(client_id)
    return took


def _memory(product: Product) -> dict[str, float]:
    """Resident set size in MB, by process. Pages that processes share are counted in each of them."""
    processes = [product.supervisor, *product.supervisor.children()]
    return {_name(process): process.memory_info().rss / 2**20 for process in processes}


def _name(process: psutil.Process) -> str:
    command = process.cmdline()
    return command[command.index("-m") + 1]


def _start(starts: list[float]) -> Figure:
    spread = f"{min(starts):.1f} to {max(starts):.1f} in {len(starts)} runs"
    return Figure("warm start until everything answers", statistics.median(starts), "s", "-", None, spread)


def _memories(idle: dict[str, float], used: dict[str, float]) -> list[Figure]:
    total = sum(used.values())
    parts = ", ".join(f"{name} {size:.0f}" for name, size in used.items())
    return [
        Figure("memory of all processes at start", sum(idle.values()), "MB", "-", None),
        Figure("memory after the conversations", total, "MB", "< 500", total < 500, parts),
    ]


def _times(turns: list[list[float]]) -> list[Figure]:
    every = sorted(1000 * took for conversation in turns for took in conversation)
    median, p99 = statistics.median(every), every[int(len(every) * 0.99)]
    early, late = _around(turns, 5), _around(turns, 100)
    return [
        Figure("web-chat turn, median", median, "ms", "< 60", median < 60, f"{len(every)} turns"),
        Figure("web-chat turn, p99", p99, "ms", "-", None, f"max {every[-1]:.0f}"),
        Figure("turn around the 5th, median", early, "ms", "-", None),
        Figure("turn around the 100th, median", late, "ms", "-", None),
        Figure("ratio 100th : 5th", late / early, "", "< 1.3", late / early < 1.3),
    ]


def _around(turns: list[list[float]], number: int) -> float:
    """Median of the turns near one number: the same mix of questions at each place."""
    nearby = [
        1000 * took
        for conversation in turns
        for took in conversation[max(0, number - WINDOW) : number + WINDOW]
    ]
    return statistics.median(nearby)


def show(figures: list[Figure]) -> None:
    table = Table("figure", "measured", "goal", "spread")
    for figure in figures:
        mark = {True: " ✓", False: " ✗", None: ""}[figure.met]
        table.add_row(figure.name, f"{figure.value:.2f} {figure.unit}{mark}", figure.goal, figure.spread)
    console.print(table)


def main() -> None:
    figures = asyncio.run(measure())
    show(figures)
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    (results / "foundation.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=1))
    sys.exit(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    main()
