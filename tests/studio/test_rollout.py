"""A model on its way to all customers: shadow, canary, live, and back by itself."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import delete, func, select

from bot.gateway.engine import EngineClient
from bot.registry import KEPT, Registry, UnknownModel
from bot.studio.guard import LEAST_TURNS
from bot.studio.rollout import LARGEST_SHARE, Keeper, NeedsReason, Rollout, under_way
from bot.studio.shell import texts
from bot.studio.tables import Difference, Ending, Promotion, Run, RunState, Trial, TrialStage
from bot.studio.watching import WATCHED, Watch
from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import Message
from tests.studio.conftest import VERA, Town

OLD, NEW = "old.tar.gz", "new.tar.gz"


@dataclass
class FakeEngine:
    """Speaks the engine's protocol of models; classifies by a table."""

    model: str = OLD
    candidate: dict[str, Any] | None = None
    meant: dict[str, str] = field(default_factory=dict)  # by the candidate; the rest is `track_order`
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/webhooks/zabota/health", self._health)
        for name in ("model", "candidate", "parse"):
            app.router.add_post(f"/webhooks/zabota/{name}", getattr(self, f"_{name}"))
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"model": self.model, "candidate": self.candidate})

    async def _model(self, request: web.Request) -> web.Response:
        self.model = Path((await request.json())["file"]).name
        if self.candidate and self.candidate["file"] == self.model:
            self.candidate = None
        self.asked.append(f"live {self.model}")
        return web.json_response({"model": self.model})

    async def _candidate(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.candidate = {"file": Path(asked["file"]).name, "share": asked["share"]} if asked else None
        self.asked.append(f"try {json.dumps(self.candidate)}")
        return web.json_response({"candidate": self.candidate})

    async def _parse(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert asked["candidate"] is True
        if self.down or self.candidate is None:
            return web.json_response({"error": {"code": "no_model"}}, status=503)
        intent = self.meant.get(asked["text"], "track_order")
        return web.json_response({"nlu": {"intent": {"name": intent, "confidence": 0.8}}})


@dataclass
class House:
    """A company with a live model, a new one, and an engine."""

    db: Database
    clock: ManualClock
    town: Town
    registry: Registry
    rollout: Rollout
    keeper: Keeper
    watch: Watch
    engine: FakeEngine

    async def trial(self) -> Trial | None:
        async with self.db.read() as session:
            return await under_way(session)

    async def last(self) -> Trial:
        async with self.db.read() as session:
            found = await session.scalar(select(Trial).order_by(Trial.id.desc()).limit(1))
        assert found is not None
        return found

    async def shadow(self) -> None:
        async with self.db.write() as session:
            await self.rollout.shadow(session, NEW, VERA)
        await self.keeper.look()

    async def canary(self, share: int = 10, reason: str = "так решили на совещании") -> None:
        async with self.db.write() as session:
            await self.rollout.canary(session, NEW, share, VERA, reason)
        await self.keeper.look()

    async def promote(self) -> None:
        async with self.db.write() as session:
            await self.rollout.promote(session, NEW, VERA, "так решили на совещании")
        await self.keeper.look()

    async def turns(
        self, model: str, count: int, *, rejected: int = 0, handed: int = 0, ms: int = 30
    ) -> None:
        """Turns that a model answered, as the gateway notes them."""
        for n in range(count):
            await self.town.says(
                "где мой заказ?", who=f"guest-{n % 7}",
                intent="out_of_scope" if n < rejected else "track_order",
                model={"file": model, "failed": None, "ms": ms, "handoff": n < handed},
            )  # fmt: skip


@pytest.fixture
async def house(db: Database, clock: ManualClock, town: Town, tmp_path: Path) -> AsyncIterator[House]:
    registry = Registry(tmp_path, b"key")
    for n, name in enumerate((OLD, NEW)):
        (tmp_path / name).write_text(name)
        registry.add(tmp_path / name, clock.now(), 1.0, live=n == 0)
    fake = FakeEngine()
    async with TestServer(fake.app()) as server, aiohttp.ClientSession() as http:
        engines = EngineClient(http, [str(server.make_url(""))], b"k", timedelta(seconds=5))
        yield House(
            db, clock, town, registry, Rollout(clock, registry), Keeper(db, clock, registry, engines),
            Watch(db, clock, registry, engines, texts, "ru"), fake,
        )  # fmt: skip


# --- shadow -------------------------------------------------------------------------------------------------


async def test_a_shadow_reads_what_customers_write_and_nothing_else_happens(house: House) -> None:
    await house.town.says("до того", intent="track_order")
    await house.shadow()
    assert house.engine.candidate == {"file": NEW, "share": 0}
    house.engine.meant = {"купите слона": "chitchat", "Марина, мой номер 8 916 234-56-78": "out_of_scope"}
    await house.town.says("где мой заказ?", intent="track_order")
    await house.town.says("купите слона", intent="out_of_scope")
    await house.town.says("Марина, мой номер 8 916 234-56-78", intent="change_contact")
    await house.town.says("Отменить", intent="cancel_order", press={"intent": "cancel_order"})
    async with house.db.read() as session:
        before = [(m.text, m.details, m.state) for m in await session.scalars(select(Message))]
    await house.watch.look()
    async with house.db.read() as session:
        assert [(m.text, m.details, m.state) for m in await session.scalars(select(Message))] == before
        found = list(await session.scalars(select(Difference).order_by(Difference.id)))
    trial = await house.trial()
    assert trial is not None
    seen = trial.scored, trial.agreed, trial.rejected_live, trial.rejected_new
    assert seen == (3, 1, 1, 1)
    assert [(one.live, one.new) for one in found] == [
        ("out_of_scope", "chitchat"),
        ("change_contact", "out_of_scope"),
    ]
    assert found[0].text == "купите слона"
    assert "916" not in found[1].text
    assert "Марина" not in found[1].text


async def test_a_shadow_that_lost_its_engine_goes_on_where_it_was(house: House) -> None:
    await house.shadow()
    await house.town.says("где мой заказ?", intent="track_order")
    house.engine.down = True
    await house.watch.look()
    trial = await house.trial()
    assert trial is not None
    assert trial.scored == 0
    house.engine.down, house.engine.candidate = False, None  # it was started again, with the live model alone
    await house.keeper.look()
    await house.watch.look()
    await house.watch.look()
    trial = await house.trial()
    assert trial is not None
    assert (trial.scored, trial.agreed) == (1, 1)


async def test_what_the_shadow_kept_of_a_message_goes_with_the_message(house: House) -> None:
    await house.shadow()
    said = await house.town.says("купите слона", intent="out_of_scope")
    await house.watch.look()
    async with house.db.write() as session:
        assert await session.scalar(select(func.count()).select_from(Difference)) == 1
        await session.execute(delete(Message).where(Message.id == said))
    async with house.db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Difference)) == 0


# --- canary -------------------------------------------------------------------------------------------------


async def test_a_model_goes_from_shadow_to_canary_to_all_and_is_loaded_once(house: House) -> None:
    await house.shadow()
    await house.canary(10)
    await house.canary(30)
    await house.promote()
    assert await house.keeper.look() == []
    assert house.engine.asked == [
        'try {"file": "new.tar.gz", "share": 0}',
        'try {"file": "new.tar.gz", "share": 10}',
        'try {"file": "new.tar.gz", "share": 30}',
        "live new.tar.gz",
    ]
    async with house.db.read() as session:
        stages = [(t.stage, t.outcome) for t in await session.scalars(select(Trial).order_by(Trial.id))]
    assert stages == [
        (TrialStage.SHADOW, Ending.NEXT),
        (TrialStage.CANARY, Ending.NEXT),
        (TrialStage.CANARY, Ending.NEXT),
        (TrialStage.FULL, None),
    ]


async def test_a_canary_needs_the_gate_or_a_reason_and_a_sensible_share(house: House) -> None:
    with pytest.raises(NeedsReason):
        await house.canary(reason="")
    for share in (0, LARGEST_SHARE + 1):
        with pytest.raises(ValueError, match=str(share)):
            await house.canary(share)
    async with house.db.write() as session:
        facts = {"outcome": "equal"}
        now = house.clock.now()
        session.add(Run(state=RunState.DONE, began_at=now, model=NEW, live=OLD, comparison=facts))
    await house.canary(reason="")
    with pytest.raises(UnknownModel):
        async with house.db.write() as session:
            await house.rollout.shadow(session, OLD, VERA)  # it is live


async def test_a_canary_that_understands_less_is_taken_back_and_the_page_says_why(house: House) -> None:
    await house.canary()
    await house.turns(OLD, 100, rejected=5)
    await house.turns(NEW, LEAST_TURNS - 1, rejected=30)
    await house.watch.look()
    assert await house.trial() is not None  # too few to judge
    await house.turns(NEW, 1)
    await house.watch.look()
    ended = await house.last()
    assert (ended.outcome, ended.stage) == (Ending.RETURNED, TrialStage.CANARY)
    assert ended.reason == (
        "Модель возвращена сама: не понимает 75.0 % сообщений вместо 5.0 % (ответов новой модели: 40)."
    )
    await house.keeper.look()
    assert house.engine.candidate is None
    assert house.registry.live() == house.registry.folder / OLD


@pytest.mark.parametrize(
    ("worse", "figure"),
    [({"handed": 30}, "escalation"), ({"ms": 900}, "slow"), ({"rejected": 30}, "fallback")],
)
async def test_every_figure_counts(house: House, worse: dict[str, int], figure: str) -> None:
    await house.canary()
    await house.turns(OLD, 60)
    await house.turns(NEW, 50, **worse)
    await house.watch.look()
    ended = await house.last()
    assert ended.breach is not None
    assert (ended.outcome, ended.breach["figure"]) == (Ending.RETURNED, figure)


async def test_turns_that_the_candidate_could_not_answer_are_its_errors(house: House) -> None:
    await house.canary()
    await house.turns(OLD, 60)
    for _ in range(LEAST_TURNS):
        model = {"file": OLD, "failed": NEW, "ms": 30, "handoff": False}
        await house.town.says("где мой заказ?", intent="track_order", model=model)
    await house.watch.look()
    ended = await house.last()
    assert (ended.outcome, ended.breach and ended.breach["figure"]) == (Ending.RETURNED, "error")


async def test_an_equal_canary_stays_until_somebody_decides(house: House) -> None:
    await house.canary()
    await house.turns(OLD, 100, rejected=10, handed=10)
    await house.turns(NEW, 60, rejected=7, handed=6)
    await house.watch.look()
    trial = await house.trial()
    assert trial is not None
    async with house.db.write() as session:
        await house.rollout.stop(session, VERA)
    await house.keeper.look()
    assert (await house.last()).outcome is Ending.STOPPED
    assert house.engine.candidate is None


# --- live ---------------------------------------------------------------------------------------------------


async def test_a_live_model_that_does_worse_makes_room_for_the_one_before(house: House) -> None:
    await house.turns(OLD, 200, handed=10)
    await house.watch.look()
    house.clock.advance(timedelta(minutes=30))
    await house.promote()
    assert house.engine.model == NEW
    await house.turns(NEW, 50, handed=30)
    await house.watch.look()
    assert house.registry.live() == house.registry.folder / OLD
    assert await house.keeper.look() != []
    assert house.engine.model == OLD
    ended = await house.last()
    async with house.db.read() as session:
        last = await session.scalar(select(Promotion).order_by(Promotion.id.desc()).limit(1))
    assert last is not None
    assert (ended.outcome, last.model, last.before, last.reason) == (
        Ending.RETURNED, OLD, NEW, ended.reason,
    )  # fmt: skip
    assert ended.reason is not None
    assert "к людям уходит 60.0 % обращений вместо 5.0 %" in ended.reason
    await house.turns(OLD, 50, handed=40)  # nobody takes back what was brought back
    await house.watch.look()
    assert house.registry.live() == house.registry.folder / OLD


async def test_a_live_model_that_does_well_is_watched_for_a_day(house: House) -> None:
    await house.turns(OLD, 100, rejected=5)
    await house.promote()
    await house.turns(NEW, 100, rejected=5)
    await house.watch.look()
    assert await house.trial() is not None
    house.clock.advance(WATCHED + timedelta(minutes=1))
    await house.watch.look()
    assert (await house.last()).outcome is Ending.KEPT
    assert house.registry.live() == house.registry.folder / NEW


async def test_rollback_by_hand_ends_the_watch(house: House) -> None:
    await house.promote()
    async with house.db.write() as session:
        await house.rollout.rollback(session, VERA)
    assert await house.trial() is None
    assert house.registry.live() == house.registry.folder / OLD


async def test_a_trial_whose_ground_is_gone_ends(house: House) -> None:
    await house.canary()
    (house.registry.folder / "third.tar.gz").write_text("third")
    house.registry.add(house.registry.folder / "third.tar.gz", house.clock.now(), 1.0, live=True)
    await house.keeper.look()
    assert house.engine.asked[-2:] == ["live third.tar.gz", "try null"]
    await house.watch.look()
    assert (await house.last()).outcome is Ending.REPLACED


async def test_a_model_on_trial_is_kept_however_many_are_trained_meanwhile(house: House) -> None:
    await house.shadow()
    folder = house.registry.folder
    for n in range(KEPT + 3):
        (folder / f"try{n}.tar.gz").write_text(str(n))
        house.registry.add(folder / f"try{n}.tar.gz", house.clock.now(), 1.0, live=False)
    assert (folder / NEW).exists()
    async with house.db.write() as session:
        await house.rollout.stop(session, VERA)
    (folder / "one-more.tar.gz").write_text("more")
    house.registry.add(folder / "one-more.tar.gz", house.clock.now(), 1.0, live=False)
    assert not (folder / NEW).exists()
