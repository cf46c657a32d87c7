"""Whether the effect that the product reports is the true one: whole simulated companies with a known truth.

Each has customers of its own temper, parcels that are late, and a share that is kept back by lot. The product
predicts, decides and measures by its own code over a database; in between, the customers call, with chances
that only the simulation knows. A message lowers the chances, or (in a second hundred of companies) does
nothing at all. What the outbox does is left out: a message counts as sent at the moment it was decided for.
"""

import asyncio
import random
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from bot.proactive.book import RuleBook
from bot.proactive.effect import Evaluation
from bot.proactive.rules import read_limits, rule_files
from bot.proactive.service import Predicting
from bot.proactive.signals.base import Range
from bot.proactive.statistics import Estimate
from bot.proactive.tables import DecisionRow, RuleState, Verdict
from core.clock import ManualClock
from core.db import Database
from core.migrations import upgrade
from crm_bridge.models import (
    Customer,
    DeliveryMethod,
    Direction,
    Identity,
    Interaction,
    InteractionKind,
    Order,
    OrderState,
    Proof,
    Shipment,
)

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)  # noon in Moscow
DAY = timedelta(days=1)
RULE, WITHIN = "late_delivery", 7 * DAY
CUSTOMERS = 300
ROWS = 200  # in one statement


@dataclass(frozen=True, slots=True)
class Found:
    """What the product said of one company, beside the truth; contacts avoided in 100 messages."""

    truth: float
    estimate: Estimate

    @property
    def right(self) -> bool:
        return self.estimate.low <= self.truth <= self.estimate.high


def companies(count: int, *, works: bool, first_seed: int = 1000) -> list[Found]:
    """So many companies.

    Args:
        works: whether messages spare anybody a call.
    """
    with tempfile.TemporaryDirectory(prefix="zabota-effect-") as folder:
        empty = Path(folder) / "empty.db"
        upgrade(f"sqlite+aiosqlite:///{empty}")
        return [
            asyncio.run(_company(empty, Path(folder), first_seed + number, works=works))
            for number in range(count)
        ]


async def _company(empty: Path, folder: Path, seed: int, *, works: bool) -> Found:
    path = folder / f"{seed}.db"
    shutil.copy(empty, path)
    db, clock, chance = Database(f"sqlite+aiosqlite:///{path}"), ManualClock(NOW), random.Random(seed)
    try:
        return await _Company(db, clock, folder, chance).lives(works=works)
    finally:
        await db.close()
        path.unlink()


@dataclass(slots=True)
class _Company:
    db: Database
    clock: ManualClock
    folder: Path
    chance: random.Random

    async def lives(self, *, works: bool) -> Found:
        book = RuleBook(self.clock)
        await self._opens(book)
        calls = self._tempers(works=works)
        predicting = Predicting(
            self.db, self.clock, book, read_limits(), lambda *_: True, (), self.folder / "no-models"
        )
        await predicting.run(Range())
        treated = await self._told()
        await self._a_week_passes(calls, treated)
        self.clock.advance(WITHIN + DAY)
        evaluation = Evaluation(self.db, self.clock, book)
        await evaluation.measure()
        [effect] = await evaluation.effects()
        if effect.avoided is None:
            raise RuntimeError("nobody was compared with anybody")
        spared = [unwarned - warned for unwarned, warned in calls.values()]
        return Found(100 * sum(spared) / len(spared), effect.avoided)

    async def _opens(self, book: RuleBook) -> None:
        chance, now = self.chance, self.clock.now()
        text = next(path for path in rule_files() if path.stem == RULE).read_text(encoding="utf-8")
        text = text.replace("holdout: 0.1", f"holdout: {chance.choice([0.2, 0.3, 0.5])}")
        async with self.db.write() as session:
            await book.write(session, text, "bench")
            for state in (RuleState.SIMULATED, RuleState.LIVE):
                await book.move(session, RULE, state, "bench")
        ids, since = range(1, CUSTOMERS + 1), now - 300 * DAY
        await self._insert(
            Customer,
            [
                {
                    "id": id_, "given_name": "Мария", "family_name": "Соколова", "language": "ru",
                    "time_zone": "Europe/Moscow", "created_at": since,
                }
                for id_ in ids
            ],
        )  # fmt: skip
        await self._insert(
            Identity,
            [
                {
                    "channel": "webchat", "account": "main", "external_id": f"v{id_}", "customer_id": id_,
                    "method": Proof.SIGNED_USER, "created_at": since, "language": "ru",
                }
                for id_ in ids
            ],
        )  # fmt: skip
        await self._insert(
            Order,
            [
                {
                    "id": id_, "customer_id": id_, "number": f"N{id_}", "state": OrderState.SHIPPED,
                    "total_minor": 100, "currency": "RUB", "delivery_method": DeliveryMethod.COURIER,
                    "delivery_city": "Казань", "placed_at": now - 6 * DAY,
                    "promised_at": now - timedelta(hours=chance.uniform(1, 40)),
                }
                for id_ in ids
            ],
        )  # fmt: skip
        shipments = [
            {"order_id": id_, "carrier": "СДЭК", "tracking_number": f"T{id_}", "created_at": now - 5 * DAY}
            for id_ in ids
        ]
        await self._insert(Shipment, shipments)

    def _tempers(self, *, works: bool) -> dict[int, tuple[float, float]]:
        """Each customer's chance to call when not warned, and when warned."""
        chance, found = self.chance, {}
        anxious, soothed = chance.uniform(0.1, 0.5), chance.uniform(0.2, 0.8) if works else 0.0
        for id_ in range(1, CUSTOMERS + 1):
            own = chance.betavariate(4 * anxious, 4 * (1 - anxious))
            found[id_] = own, own * (1 - soothed * chance.uniform(0.5, 1.0))
        return found

    async def _told(self) -> set[int]:
        """Everything that was decided to be sent was sent; to whom."""
        async with self.db.write() as session:
            sent = (
                update(DecisionRow)
                .where(DecisionRow.verdict == Verdict.SEND)
                .values(sent_at=DecisionRow.until)
                .returning(DecisionRow.customer_id)
            )
            return set(await session.scalars(sent))

    async def _a_week_passes(self, calls: dict[int, tuple[float, float]], treated: set[int]) -> None:
        chance, rows = self.chance, []
        for id_, (unwarned, warned) in calls.items():
            moments = []
            if chance.random() < (warned if id_ in treated else unwarned):
                moments.append(self.clock.now() + timedelta(hours=chance.uniform(2, 24 * 6.9)))
            if chance.random() < 0.2:  # about something else, before and long after
                moments += [self.clock.now() - DAY, self.clock.now() + WITHIN + DAY / 2]
            rows += [
                {
                    "customer_id": id_,
                    "kind": InteractionKind.CALL,
                    "direction": Direction.IN,
                    "subject": "s",
                    "source": "telephony",
                    "at": moment,
                }
                for moment in moments
            ]
        await self._insert(Interaction, rows)

    async def _insert(self, model: Any, rows: list[dict[str, Any]]) -> None:
        async with self.db.write() as session:
            for start in range(0, len(rows), ROWS):
                await session.execute(insert(model), rows[start : start + ROWS])
