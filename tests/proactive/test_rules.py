"""An administrator writes a rule; what is wrong is said with line and field."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.proactive.book import RuleBook, WrongStep
from bot.proactive.compose import EXAMPLE, Reader, compose, preview
from bot.proactive.console import rounds_of
from bot.proactive.rules import FOLDER, BadRule, known_intents, parse_limits, parse_rule, rule_files
from bot.proactive.signals import KINDS
from bot.proactive.signals.base import Range, Signal
from bot.proactive.tables import RuleRow, RuleState
from bot.proactive.working import ROUND, SCORE, SEND
from core.jobs import Job, RetryAfter
from core.jobs.embedded import JobRow
from tests.proactive.conftest import Shop

LATE = (FOLDER / "late_delivery.yml").read_text(encoding="utf-8")


def mistakes(text: str) -> list[tuple[int, str]]:
    with pytest.raises(BadRule) as bad:
        parse_rule(text, known_intents())
    assert all(mistake.what for mistake in bad.value.mistakes)
    return [(mistake.line, mistake.field) for mistake in bad.value.mistakes]


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("threshold: 0.6", "threshold: 6", 4, "threshold"),
        ("horizon: P4D", "horizon: 4", 5, "horizon"),
        ("predictor: late_delivery", "predictor: magic", 3, "predictor"),
        ("purpose: service", "purpose: spam", 7, "purpose"),
        ("priority: 10", "prioritie: 10", 8, "prioritie"),
        ("№ {order}", "№ {ordr}", 12, "text.ru"),
        ("intent: track_order", "intent: fly", 19, "buttons.0.intent"),
        ("holdout: 0.1", "must_send: true", 9, "must_send"),
        ("values: [order, promised]", "values: [ordr]", 23, "templates.whatsapp"),
        ("№ {order}", "№ {order", 12, "text.ru"),
        ("№ {order}", "№ {order.__class__}", 12, "text.ru"),
        ("№ {order}", "№ {order!r:>9}", 12, "text.ru"),
        ("purpose: service", "threshold: 0.9", 7, "threshold"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_field(old: str, new: str, line: int, field: str) -> None:
    found = mistakes(LATE.replace(old, new, 1))
    assert (line, field) in found


@pytest.mark.parametrize(
    ("name", "subject", "words", "known"),
    [
        ("late_delivery", "order:1002", {"order": "1002"}, {"order_id": "1002"}),
        ("appointment_soon", "appointment:7:2026-11-21T10", {}, {"value": "7"}),
        ("maintenance_due", "asset:3:2026-01-10", {}, {"value": "asset:3"}),
        ("warranty_ending", "warranty:3", {}, {"value": "asset:3"}),
        ("subscription_ending", "subscription:5:end:2026-11-25", {}, {"value": "status:5"}),
        ("restock_due", "bought:3", {"title": "Кофе"}, {"product": "Кофе"}),
    ],
)
def test_a_button_knows_what_the_message_is_about(
    name: str, subject: str, words: dict[str, str], known: dict[str, str]
) -> None:
    rule = parse_rule((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    about = Signal(
        rule.predictor, 1, subject, datetime(2026, 11, 20, tzinfo=UTC), 1, "", {**EXAMPLE, "order": ""}
    )
    said = compose(
        rule, replace(about, words={**about.words, **words}), Reader("Мария", "ru", "Europe/Moscow"), "vk"
    )
    assert [button.entities for button in said.line.buttons[:-1]] == [known] * len(rule.buttons)


def test_what_is_not_yaml_has_a_line_too() -> None:
    assert mistakes("name: x\ntitle: { ru: [")[0][0] >= 2
    assert mistakes("- a")[0] == (1, "")


def test_limits_are_checked_likewise() -> None:
    with pytest.raises(BadRule) as bad:
        parse_limits("quiet: { from: 21, until: 30 }\ncaps: { day: 1, week: 3, month: 6 }")
    assert (bad.value.mistakes[0].line, bad.value.mistakes[0].field) == (1, "quiet.until")


def test_every_predictor_has_a_rule_that_reads_well_in_both_languages() -> None:
    used = set()
    for path in rule_files():
        rule = parse_rule(path.read_text(encoding="utf-8"), known_intents())
        used.add(rule.predictor)
        for language in ("ru", "en"):
            said = preview(rule, language, "webchat")
            assert "{" not in said.line.text
            assert said.line.buttons[-1].intent == "notifications_opt_out"
    assert used == set(KINDS)


async def test_a_rule_goes_live_only_by_way_of_a_simulation(shop: Shop) -> None:
    async with shop.db.write() as session:
        assert len(await shop.book.read_files(session)) == len(rule_files())
        assert await shop.book.read_files(session) == []
        with pytest.raises(WrongStep):
            await shop.book.move(session, "late_delivery", RuleState.LIVE, "vera")
        await shop.book.move(session, "late_delivery", RuleState.SIMULATED, "vera")
        await shop.book.move(session, "late_delivery", RuleState.LIVE, "vera")
        assert [rule.name for rule in await shop.book.live(session)] == ["late_delivery"]
        await shop.book.write(session, LATE.replace("0.6", "0.7"), "vera")
        assert await shop.book.live(session) == []


async def test_a_file_that_changed_is_a_draft_again(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "late_delivery.yml").write_text(LATE)
    book = RuleBook(shop.clock, folder)
    async with shop.db.write() as session:
        await book.read_files(session)
        await book.move(session, "late_delivery", RuleState.SIMULATED, "vera")
        (folder / "late_delivery.yml").write_text(LATE.replace("0.6", "0.8"))
        assert await book.read_files(session) == ["late_delivery"]
        row = await session.scalar(select(RuleRow))
        assert row is not None
        assert row.state is RuleState.DRAFT
        assert "0.8" in row.text


async def test_rounds_give_out_ranges_and_sending_comes_back_while_there_is_more(shop: Shop) -> None:
    customers = [await shop.customer() for _ in range(7)]
    for number, customer_id in enumerate(customers):
        await shop.order(customer_id, f"5{number}")
    await shop.live("late_delivery", holdout="0", spread="PT20M")
    ran: list[Range] = []

    async def run(arguments: Sequence[str]) -> None:
        part = Range(int(arguments[0]), int(arguments[1]))
        ran.append(part)
        await shop.predicting().run(part)

    rounds = rounds_of(shop.gateway, shop.book, run)
    rounds._customers = 3
    with pytest.raises(RetryAfter):
        await rounds.round(job(ROUND))
    for row in await shop.all(JobRow):
        if row.kind == SCORE:
            await rounds.score(job(SCORE, **row.payload))
    assert len(ran) == 3
    assert len(await shop.decisions()) == 7
    with pytest.raises(RetryAfter) as later:
        await rounds.send(job(SEND))
    assert later.value.delay <= timedelta(minutes=1)
    shop.clock.advance(timedelta(minutes=25))
    await rounds.send(job(SEND))
    assert sum([len(await shop.lines(customer_id)) for customer_id in customers]) == 7


def job(kind: str, **payload: int) -> Job:
    return Job(1, kind, payload, None, 1, 0)


async def test_a_range_is_worked_through_in_a_process_of_its_own(shop: Shop, tmp_path: Path) -> None:
    """The process starts, finds the database by the settings, decides, and ends."""
    maria = await shop.customer()
    now = datetime.now(UTC)
    await shop.order(maria, promised_at=now - timedelta(hours=3), placed_at=now - timedelta(days=4))
    await shop.live("late_delivery", holdout="0")
    env = os.environ | {
        "ZABOTA_VAR": str(tmp_path),
        "ZABOTA_MODELS": str(tmp_path / "models"),
        "ZABOTA_DATABASE_URL": shop.db.url.render_as_string(hide_password=False),
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.proactive", "0", str(maria), env=env
    )
    assert await child.wait() == 0
    [decision] = await shop.decisions()
    assert decision.rule == "late_delivery"
