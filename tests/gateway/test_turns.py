"""Nothing is lost, nothing is said twice; the bot is silent while people own the dialogue."""

import asyncio
import random
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.gateway.ownership import EpochPassed
from crm_bridge.models import Author, Conversation, Message, Owner
from tests.gateway.conftest import Running, ScriptedEngine, Tab

HANDOFF = {"text": "Передаю сотруднику", "custom": {"handoff": {"reason": "asked"}}}


async def conversation(running: Running, tab: Tab) -> Conversation:
    async with running.gateway.db.read() as session:
        return await session.get_one(Conversation, tab.conversation_id)


async def take_over(running: Running, tab: Tab) -> int:
    seen = (await conversation(running, tab)).epoch
    async with running.gateway.db.write() as session:
        return await running.gateway.ownership.take(session, tab.conversation_id, seen, agent_id=1)


async def test_an_engine_that_stumbles_is_asked_again(running: Running, engine: ScriptedEngine) -> None:
    engine.failures = [500, 503, 500]
    tab = await running.visit()
    await tab.write("привет")
    assert (await tab.hear())["text"] == "re: привет"


async def test_an_engine_that_forgot_is_given_its_memory(running: Running, engine: ScriptedEngine) -> None:
    tab = await running.visit()
    await tab.write("раз")
    await tab.hear()
    engine.forgotten = True
    await tab.write("два")
    await tab.hear()
    first, second = engine.asked
    assert second["after"] == first["message_id"]
    assert second["memory"] == {"last": first["message_id"]}


async def test_when_the_engine_refuses_for_good_people_take_over_and_the_customer_knows(
    running: Running, engine: ScriptedEngine
) -> None:
    engine.failures = [400]
    tab = await running.visit()
    await tab.write("привет")
    assert "сотрудникам" in (await tab.hear("system"))["text"]
    assert (await conversation(running, tab)).owner is Owner.QUEUE


async def test_a_button_of_two_answers_stands_under_the_last_one(
    running: Running, engine: ScriptedEngine
) -> None:
    person = {"title": "Позвать сотрудника", "payload": "/human_agent"}
    other = {"title": "Другой заказ", "payload": '/track_order{"order_id": "1002"}'}
    third = {"title": "Ещё заказ", "payload": '/track_order{"order_id": "1003"}'}
    engine.script = lambda turn: [
        {"text": "Заказ в пути.", "buttons": [other, person]},
        {"text": "Доставка 349 ₽.", "buttons": [third, person]},
    ]
    tab = await running.visit()
    await tab.write("где заказ и сколько стоит доставка")
    said = [await tab.hear(), await tab.hear()]
    assert [[button["title"] for button in frame["buttons"]] for frame in said] == [
        ["Другой заказ"],
        ["Ещё заказ", "Позвать сотрудника"],
    ]


async def test_a_handoff_is_said_and_then_the_bot_is_silent(running: Running, engine: ScriptedEngine) -> None:
    engine.script = lambda turn: [HANDOFF]
    tab = await running.visit()
    await tab.write("позовите человека")
    assert (await tab.hear())["text"] == "Передаю сотруднику"
    await tab.write("вы тут?")
    await tab.hear("customer")
    assert len(engine.asked) == 1
    kept = await conversation(running, tab)
    assert (kept.owner, kept.epoch, kept.last_seq) == (Owner.QUEUE, 1, 3)


async def test_a_reply_computed_before_a_takeover_is_never_said(
    running: Running, engine: ScriptedEngine
) -> None:
    engine.gate.clear()
    tab = await running.visit()
    await tab.write("привет")
    await engine.reached.wait()
    await take_over(running, tab)
    engine.gate.set()
    await tab.write("алло")  # served after the first: when it is in the log, the first is done
    while (await tab.frame("message"))["text"] != "алло":
        pass
    kept = await conversation(running, tab)
    assert (kept.last_seq, kept.turn_id) == (2, None)


async def test_after_handing_back_the_bot_answers_again(running: Running, engine: ScriptedEngine) -> None:
    tab = await running.visit()
    await tab.write("раз")
    await tab.hear()
    epoch = await take_over(running, tab)
    async with running.gateway.db.write() as session:
        await running.gateway.ownership.hand_back(session, tab.conversation_id, epoch)
    await tab.write("два")
    assert (await tab.hear())["text"] == "re: два"


async def test_two_agents_cannot_take_the_same_dialogue(running: Running) -> None:
    tab = await running.visit()
    seen = (await conversation(running, tab)).epoch

    async def take(agent: int) -> int:
        async with running.gateway.db.write() as session:
            return await running.gateway.ownership.take(session, tab.conversation_id, seen, agent)

    results = await asyncio.gather(*(take(agent) for agent in range(1, 6)), return_exceptions=True)
    assert sum(result == seen + 1 for result in results) == 1
    assert sum(isinstance(result, EpochPassed) for result in results) == 4


async def test_no_bot_line_after_a_takeover_at_any_moment(running: Running, engine: ScriptedEngine) -> None:
    """Takeovers at random moments of the turn: what the customer sees ends with the takeover."""
    chance = random.Random(20261121)
    for _ in range(25):
        tab = await running.visit()
        await tab.write("привет")
        await asyncio.sleep(chance.uniform(0, 0.03))
        await take_over(running, tab)
        async with running.gateway.db.read() as session:
            said = await session.scalars(
                select(Message.seq).where(
                    Message.conversation_id == tab.conversation_id, Message.author == Author.ASSISTANT
                )
            )
            before = {seq for seq in said if seq is not None}
        await tab.write("вы тут?")
        while (await tab.frame("message"))["text"] != "вы тут?":
            pass
        async with running.gateway.db.read() as session:
            lines = await session.execute(
                select(Message.seq, Message.state).where(
                    Message.conversation_id == tab.conversation_id, Message.author == Author.ASSISTANT
                )
            )
            after = {line.seq for line in lines if line.seq is not None}
        assert after == before
        await tab.ws.close()


async def test_a_customer_who_waits_too_long_hears_the_truth(
    running: Running, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.gateway.watchdog, "_patience", timedelta())
    engine.script = lambda turn: [HANDOFF]
    tab = await running.visit()
    await tab.write("позовите человека")
    assert "вопрос остался у них" in (await tab.hear("system"))["text"]
    assert (await conversation(running, tab)).owner is Owner.BOT


async def test_a_customer_signed_in_on_the_site_is_known_and_signing_out_starts_afresh(
    running: Running,
) -> None:
    from crm_bridge.identity import user_hash
    from crm_bridge.models import Customer

    gateway = running.gateway
    async with gateway.db.write() as session:
        session.add(
            Customer(
                external_ref="u1",
                given_name="Мария",
                family_name="Соколова",
                language="ru",
                time_zone="Europe/Moscow",
                created_at=gateway.clock.now(),
            )
        )
    signed = await running.visit(user_id="u1", user_hash=user_hash(b"site", "u1"))
    assert (await gateway.identities.caller(signed.conversation_id)).name == "Мария"
    forged = await running.visit(user_id="u1", user_hash="0" * 64)
    assert not (await gateway.identities.caller(forged.conversation_id)).verified
    left = await running.visit(visitor=signed.visitor)
    assert left.conversation_id != signed.conversation_id
