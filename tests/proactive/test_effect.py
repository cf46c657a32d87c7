"""What came of it is told truly: a known effect is found, and none where there is none."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import update

from bot.proactive.drawing import calibration
from bot.proactive.quality import qualities
from bot.proactive.statistics import Estimate, difference, share
from bot.proactive.tables import DecisionRow, OutcomeRow, RuleRow, RuleState, SignalRow, Verdict
from crm_bridge.models import (
    ConsentRecord,
    Decision,
    Interaction,
    InteractionKind,
    OrderState,
    Purpose,
)
from crm_bridge.models.interaction import Direction
from tests.proactive.conftest import Shop

COMPANIES = 500


def companies(treated_rate: float, holdout_rate: float) -> list[Estimate]:
    """Estimates in so many companies of 2000 messages and 220 held out."""
    rng, found = random.Random(20261120), []
    for _ in range(COMPANIES):
        yes = sum(rng.random() < treated_rate for _ in range(2000))
        kept = sum(rng.random() < holdout_rate for _ in range(220))
        made = difference(kept, 220, yes, 2000)
        assert made is not None
        found.append(made)
    return found


def test_a_true_effect_is_within_the_interval_in_93_of_100_companies() -> None:
    for treated, kept in ((0.10, 0.25), (0.02, 0.06), (0.30, 0.40)):
        hits = sum(each.low <= kept - treated <= each.high for each in companies(treated, kept))
        assert hits / COMPANIES >= 0.93, (treated, kept, hits)


def test_no_effect_is_found_where_there_is_none() -> None:
    for rate in (0.03, 0.10, 0.30):
        alarms = sum(each.certain for each in companies(rate, rate))
        assert alarms / COMPANIES <= 0.07, (rate, alarms)


def test_a_share_of_few_is_uncertain() -> None:
    one = share(1, 3)
    assert one is not None
    assert one.low < 0.1
    assert one.high > 0.7
    assert share(0, 0) is None


async def said(shop: Shop, customer_id: int, *, treated: bool, number: int) -> None:
    at = shop.now - timedelta(days=10)
    signal = await shop.add(
        SignalRow(
            kind="late_delivery", subject=f"order:{number}", expected_at=at, customer_id=customer_id,
            probability=0.9, reason={"code": "overdue", "order": str(number)}, model="rule", found_at=at,
        )
    )  # fmt: skip
    await shop.add(
        DecisionRow(
            rule="late_delivery", signal_id=signal.id, customer_id=customer_id, subject=signal.subject,
            verdict=Verdict.SEND if treated else Verdict.HOLDOUT, why="sent", inputs={}, decided_at=at,
            sent_at=at if treated else None,
        )
    )  # fmt: skip


async def called(shop: Shop, customer_id: int, days_ago: int = 8) -> None:
    await shop.add(
        Interaction(
            customer_id=customer_id, kind=InteractionKind.CALL, direction=Direction.IN, subject="s",
            source="telephony", at=shop.now - timedelta(days=days_ago),
        )
    )  # fmt: skip


async def test_contacts_avoided_are_those_the_held_out_needed_and_the_others_did_not(shop: Shop) -> None:
    await shop.live("late_delivery")
    for number in range(40):
        customer_id = await shop.customer(chat=False)
        treated = number < 30
        await said(shop, customer_id, treated=treated, number=number)
        if number in (0, 1, 2) or number >= 35:  # 3 of 30, 5 of 10
            await called(shop, customer_id)
        await called(shop, customer_id, days_ago=1)  # long after it counts
    assert await shop.evaluation().measure() == 40
    assert await shop.evaluation().measure() == 0
    [found] = [each for each in await shop.evaluation().effects() if each.rule == "late_delivery"]
    assert found.avoided is not None
    assert (found.measured, found.measured_holdout) == (30, 10)
    assert round(found.avoided.value) == 40
    assert found.avoided.certain
    assert not found.annoys


async def test_a_rule_that_annoys_more_than_it_helps_is_paused_and_says_why(shop: Shop) -> None:
    await shop.live("late_delivery")
    for number in range(80):
        customer_id = await shop.customer(chat=False)
        await said(shop, customer_id, treated=number < 60, number=number)
        if number < 15:  # every fourth says: no more
            await shop.add(
                ConsentRecord(
                    customer_id=customer_id, purpose=Purpose.SERVICE, decision=Decision.WITHDRAWN,
                    text_version="v", source="chat", at=shop.now - timedelta(days=9), created_at=shop.now,
                )
            )  # fmt: skip
    evaluation = shop.evaluation()
    await evaluation.measure()
    assert await evaluation.pause_what_annoys() == ["late_delivery"]
    async with shop.db.read() as session:
        row = await session.get_one(RuleRow, "late_delivery")
        [last, *_] = await shop.book.changes(session, "late_delivery")
    assert row.state is RuleState.PAUSED
    assert last.by == "zabota"
    assert "25,0" in last.why
    assert await evaluation.pause_what_annoys() == []


async def test_an_unlucky_handful_pauses_nothing(shop: Shop) -> None:
    await shop.live("late_delivery")
    for number in range(10):
        customer_id = await shop.customer(chat=False)
        await said(shop, customer_id, treated=number < 8, number=number)
    await shop.evaluation().measure()
    async with shop.db.write() as session:
        await session.execute(update(OutcomeRow).values(opted_out=True))
    assert await shop.evaluation().pause_what_annoys() == []


async def delivered(shop: Shop, number: int, probability: float, *, late: bool, foretold: bool) -> None:
    """A parcel of ten days ago, told of or not, and how it went."""
    customer_id = await shop.customer(chat=False)
    promised = shop.now - timedelta(days=9)
    await shop.order(
        customer_id, str(number), state=OrderState.DELIVERED, promised_at=promised,
        delivered_at=promised + timedelta(days=1 if late else -1),
    )  # fmt: skip
    if not foretold:
        return
    at = shop.now - timedelta(days=10)
    signal = await shop.add(
        SignalRow(
            kind="late_delivery", subject=f"order:{number}", expected_at=promised, customer_id=customer_id,
            probability=probability, reason={"code": "slow_route", "order": str(number)}, model="v1",
            found_at=at,
        )
    )  # fmt: skip
    await shop.add(
        DecisionRow(
            rule="late_delivery", signal_id=signal.id, customer_id=customer_id, subject=signal.subject,
            verdict=Verdict.SEND, why="sent", inputs={}, decided_at=at, sent_at=at,
        )
    )  # fmt: skip


async def test_predictions_are_held_against_what_came_of_them(shop: Shop) -> None:
    await shop.live("late_delivery")
    for number in range(20):  # of 65 %, 13 in 20; of 95 %, all of 10; and 7 came late untold
        await delivered(shop, number, 0.65, late=number < 13, foretold=True)
    for number in range(20, 30):
        await delivered(shop, number, 0.95, late=True, foretold=True)
    for number in range(30, 40):
        await delivered(shop, number, 0, late=number < 37, foretold=False)
    await shop.evaluation().measure()
    async with shop.db.read() as session:
        [found] = await qualities(session)
    assert (found.kind, found.cases) == ("late_delivery", 30)
    assert found.precision.value == pytest.approx(23 / 30)
    assert found.recall is not None
    assert found.recall.value == pytest.approx(23 / 30)
    assert [(round(each.predicted, 2), each.happened.value, each.cases) for each in found.bins] == [
        (0.65, 0.65, 20), (0.95, 1.0, 10),
    ]  # fmt: skip
    low, high = calibration(found)
    assert (low.x, low.y) == (130, 70)  # on the diagonal
    assert high.radius < low.radius
    assert low.high < low.y < low.low
