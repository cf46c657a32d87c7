"""A parcel is late, and its customer hears it from us before they have to ask."""

import asyncio
import hashlib
import hmac
from datetime import timedelta

from sqlalchemy import event, update

from bot.gateway.sending import EXPIRED
from bot.gateway.tables import LineState, Outbox
from bot.proactive.explaining import why
from bot.proactive.send import QUIET_FOR, Sent
from bot.proactive.tables import DecisionRow, RuleState, Verdict
from crm_bridge.models import (
    ConsentRecord,
    Conversation,
    Decision,
    Identity,
    Order,
    OrderState,
    Owner,
    Proof,
    Purpose,
)
from tests.gateway.conftest import ScriptedEngine
from tests.proactive.conftest import Shop


async def test_she_reads_it_in_the_chat_presses_and_the_dialogue_knows_the_order(
    shop: Shop, engine: ScriptedEngine
) -> None:
    maria = await shop.customer(external_ref="u1", chat=False)
    signed = hmac.new(b"site", b"u1", hashlib.sha256).hexdigest()
    tab = await shop.running.visit(user_id="u1", user_hash=signed)
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0")
    counted = await shop.decide()
    assert counted.decided == {"send": 1}
    shop.clock.advance(timedelta(minutes=20))
    await shop.sender().send_due()
    told = await tab.hear()
    assert "заказ № 1002" in told["text"]
    assert "19 ноября" in told["text"]
    [address] = [button for button in told["buttons"] if "адрес" in button["title"]]
    await tab.press(address["id"])
    await tab.hear()
    assert engine.asked[-1]["press"] == {
        "intent": "change_delivery_address", "entities": {"order_id": "1002"},
    }  # fmt: skip
    async with shop.db.read() as session:
        [explained] = await why(session, maria, "ru")
    assert explained.why == "сообщение отправлено"
    assert explained.reason == "обещали к 19 ноября, а заказ ещё в пути"
    assert explained.inputs["time_zone"] == "Europe/Moscow"


async def test_however_often_it_runs_she_is_told_once(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0")
    for _ in range(4):
        await shop.decide()
        await shop.sender().send_due()
        shop.clock.advance(timedelta(hours=6))
    assert len(await shop.lines(maria)) == 1
    assert len(await shop.decisions()) == 1


async def test_two_workers_at_once_decide_once_and_say_it_once(shop: Shop) -> None:
    customers = [await shop.customer() for _ in range(8)]
    for number, customer_id in enumerate(customers):
        await shop.order(customer_id, f"20{number}")
    await shop.live("late_delivery", holdout="0")
    await asyncio.gather(*(shop.decide() for _ in range(3)))
    assert len(await shop.decisions()) == 8
    shop.clock.advance(timedelta(minutes=20))
    await asyncio.gather(*(shop.sender().send_due() for _ in range(3)))
    for customer_id in customers:
        assert len(await shop.lines(customer_id)) == 1


async def test_a_worker_killed_between_any_two_steps_costs_nothing(shop: Shop) -> None:
    """The process dies at every statement in turn; the next one goes on, and she is told once."""
    maria = await shop.customer()
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0", spread="PT0S")
    for step in range(1, 120):
        dies = _Dying(step)
        dies.listen(shop)
        try:
            await shop.decide()
            await shop.sender().send_due()
        except _Killed:
            continue
        finally:
            dies.stop(shop)
        break
    else:
        raise AssertionError("it never came to an end")
    assert step > 20
    assert len(await shop.lines(maria)) == 1
    assert [row.verdict for row in await shop.decisions()] == [Verdict.SEND]


class _Killed(Exception):
    """The process was killed."""


class _Dying:
    """Dies at the n-th statement of this test; the gateway's own workers live on."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.who = asyncio.current_task()

    def __call__(self, *_: object) -> None:
        if asyncio.current_task() is not self.who:
            return
        self.left -= 1
        if self.left == 0:
            raise _Killed

    def listen(self, shop: Shop) -> None:
        event.listen(shop.db.engine.sync_engine, "before_cursor_execute", self)

    def stop(self, shop: Shop) -> None:
        event.remove(shop.db.engine.sync_engine, "before_cursor_execute", self)


async def test_it_arrived_before_the_message_went_out(shop: Shop) -> None:
    maria = await shop.customer()
    order = await shop.order(maria)
    await shop.live("late_delivery", holdout="0")
    await shop.decide()
    async with shop.db.write() as session:
        arrived = update(Order).where(Order.id == order.id)
        await session.execute(arrived.values(state=OrderState.DELIVERED, delivered_at=shop.now))
    shop.clock.advance(timedelta(minutes=20))
    assert await shop.sender().send_due() == {Sent.NOT_AT_ALL: 1}
    [decision] = await shop.decisions()
    assert (decision.verdict, decision.why) == (Verdict.SUPPRESSED, "problem_gone")
    assert await shop.lines(maria) == []


async def test_what_could_not_go_out_by_day_does_not_go_out_by_night(shop: Shop) -> None:
    maria = await shop.customer(time_zone="Asia/Vladivostok")  # 19:00 there
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0", spread="PT0S")
    await shop.decide()
    await shop.sender().send_due()
    [line] = await shop.all(Outbox)
    assert line.expires_at == shop.now + timedelta(hours=2)  # 21:00
    assert await shop.sender().look_again() == 0
    async with shop.db.write() as session:  # the provider was away until then
        never = {"state": LineState.FAILED, "failure": EXPIRED}
        await session.execute(update(Outbox).values(never))
    shop.clock.advance(timedelta(hours=2))
    assert await shop.sender().look_again() == 1
    assert (await shop.decisions())[0].why == "not_out"
    assert (await shop.decide()).decided == {"wait:quiet_hours": 1}
    shop.clock.advance(timedelta(hours=12))
    await shop.decide()
    await shop.sender().send_due()
    assert len(await shop.all(Outbox)) == 2
    assert await shop.sender().look_again() == 0


async def test_she_said_stop_between_the_decision_and_the_sending(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0")
    await shop.decide()
    shop.clock.advance(timedelta(minutes=10))
    await shop.add(
        ConsentRecord(
            customer_id=maria, purpose=Purpose.SERVICE, decision=Decision.WITHDRAWN, text_version="v",
            source="chat", at=shop.now, created_at=shop.now,
        )
    )  # fmt: skip
    shop.clock.advance(timedelta(minutes=10))
    await shop.sender().send_due()
    assert await shop.lines(maria) == []
    assert (await shop.decisions())[0].why == "no_consent"


async def test_who_could_not_be_reached_is_told_once_they_can(shop: Shop) -> None:
    maria = await shop.customer(chat=False)
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0", spread="PT0S")
    assert (await shop.decide()).decided == {"suppressed:no_address": 1}
    assert (await shop.decide()).decided == {}
    await shop.add(
        Identity(
            channel="webchat", account="main", external_id="late visitor", customer_id=maria,
            method=Proof.SIGNED_USER, verified_at=shop.now, created_at=shop.now,
        )
    )  # fmt: skip
    assert (await shop.decide()).decided == {"send": 1}
    await shop.sender().send_due()
    assert len(await shop.lines(maria)) == 1


async def test_a_person_is_talking_with_her_so_the_service_waits(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0")
    await shop.decide()
    async with shop.db.write() as session:
        visitor = (await _identities(shop))[0]
        talk = await shop.gateway.conversations.current(session, visitor, "webchat", "main", "ru")
        talk.owner = Owner.AGENT
        epoch = talk.epoch
    shop.clock.advance(timedelta(minutes=20))
    assert await shop.sender().send_due() == {Sent.LATER: 1}
    assert (await shop.decisions())[0].why == "person_owns"
    async with shop.db.write() as session:
        await session.execute(update(Conversation).values(owner=Owner.BOT, epoch=epoch + 1))
    shop.clock.advance(timedelta(minutes=40))
    await shop.decide()
    shop.clock.advance(timedelta(minutes=20))
    await shop.sender().send_due()
    assert len(await shop.lines(maria)) == 1


async def test_nobody_is_interrupted_while_writing(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0")
    await shop.decide()
    shop.clock.advance(timedelta(minutes=20))
    async with shop.db.write() as session:
        visitor = (await _identities(shop))[0]
        conversations = shop.gateway.conversations
        talk = await conversations.current(session, visitor, "webchat", "main", "ru")
        await conversations.write_down(session, talk.id, "m1", "сколько?", shop.clock.now(), {})
    assert await shop.sender().send_due() == {Sent.LATER: 1}
    assert (await shop.decisions())[0].why == "in_dialogue"
    shop.clock.advance(QUIET_FOR)
    await shop.decide()
    shop.clock.advance(timedelta(minutes=20))
    await shop.sender().send_due()
    [hers, ours] = await shop.lines(maria)
    assert hers == "сколько?"
    assert "№ 1002" in ours


async def _identities(shop: Shop) -> list[int]:
    return [row.id for row in await shop.all(Identity)]


async def test_at_night_it_waits_until_nine_of_her_own_clock(shop: Shop) -> None:
    maria = await shop.customer(time_zone="Asia/Vladivostok")  # 19:00 there
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0")
    shop.clock.advance(timedelta(hours=3))  # 22:00
    assert (await shop.decide()).decided == {"wait:quiet_hours": 1}
    [decision] = await shop.decisions()
    assert decision.until is not None
    assert decision.until.isoformat() == "2026-11-20T23:00:00+00:00"
    shop.clock.advance(timedelta(hours=11, minutes=10))
    await shop.decide()
    shop.clock.advance(timedelta(minutes=20))
    await shop.sender().send_due()
    assert len(await shop.lines(maria)) == 1
    assert (await shop.decisions())[0].looks >= 2


async def test_two_problems_one_message_a_day_the_more_urgent_one_first(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.order(maria, "1", promised_at=shop.now - timedelta(hours=5))
    await shop.order(maria, "2", promised_at=shop.now - timedelta(hours=9))
    await shop.live("late_delivery", holdout="0")
    assert (await shop.decide()).decided == {"send": 1, "wait:cap": 1}
    shop.clock.advance(timedelta(minutes=20))
    await shop.sender().send_due()
    assert ["№ 2" in line for line in await shop.lines(maria)] == [True]


async def test_a_rule_that_was_paused_sends_nothing_more(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.order(maria)
    await shop.live("late_delivery", holdout="0")
    await shop.decide()
    async with shop.db.write() as session:
        await shop.book.move(session, "late_delivery", RuleState.PAUSED, "vera", "слишком много")
        [last, *_] = await shop.book.changes(session, "late_delivery")
        assert (last.before, last.after, last.by) == (RuleState.LIVE, RuleState.PAUSED, "vera")
    shop.clock.advance(timedelta(minutes=20))
    await shop.sender().send_due()
    assert await shop.lines(maria) == []
    assert (await shop.all(DecisionRow))[0].why == "rule_off"


async def test_the_held_out_are_left_in_peace_and_counted(shop: Shop) -> None:
    customers = [await shop.customer() for _ in range(30)]
    for number, customer_id in enumerate(customers):
        await shop.order(customer_id, f"30{number}")
    await shop.live("late_delivery", holdout="0.5")
    decided = (await shop.decide()).decided
    kept = decided["holdout:holdout"]
    assert 5 <= kept <= 25
    assert decided["send"] == 30 - kept
    shop.clock.advance(timedelta(minutes=20))
    await shop.sender().send_due()
    assert sum([len(await shop.lines(customer_id)) for customer_id in customers]) == 30 - kept
