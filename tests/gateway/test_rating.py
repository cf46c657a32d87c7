"""After a matter is settled the customer is asked how the help was; urgency goes with a handoff."""

import pytest
from sqlalchemy import select

from bot.gateway.ownership import EpochPassed
from bot.gateway.rating import ask_for_rating
from crm_bridge.models import Conversation
from tests.gateway.conftest import Running, ScriptedEngine, Tab

STARS = ["★", "★★", "★★★", "★★★★", "★★★★★"]


async def ask(running: Running, tab: Tab, epoch: int = 0) -> bool:
    gateway = running.gateway
    async with gateway.db.write() as session:
        return await ask_for_rating(session, gateway.outbox, tab.conversation_id, epoch, gateway.clock.now())


async def test_the_customer_is_asked_once_a_day_with_buttons(
    running: Running, engine: ScriptedEngine
) -> None:
    maria = await running.visit()
    await maria.write("вопрос")
    await maria.hear()
    assert await ask(running, maria)
    asked = await maria.hear()
    assert [button["title"] for button in asked["buttons"]] == STARS
    await maria.press(asked["buttons"][3]["id"])
    await maria.hear()
    assert engine.asked[-1]["press"] == {"intent": "rate_service", "entities": {"rating": "4"}}
    assert not await ask(running, maria)


async def test_a_typed_digit_is_a_star_while_the_question_is_the_last_word(
    running: Running, engine: ScriptedEngine
) -> None:
    maria = await running.visit()
    await maria.write("5")
    await maria.hear()
    assert engine.asked[-1]["text"] == "5"
    await ask(running, maria)
    await maria.hear()
    await maria.write("5!")
    await maria.hear()
    assert engine.asked[-1]["press"] == {"intent": "rate_service", "entities": {"rating": "5"}}
    await maria.write("4")
    await maria.hear()
    assert engine.asked[-1]["text"] == "4"


async def test_nobody_asks_once_the_dialogue_changed_hands(running: Running) -> None:
    maria = await running.visit()
    await maria.write("вопрос")
    await maria.hear()
    async with running.gateway.db.write() as session:
        await running.gateway.ownership.to_queue(session, maria.conversation_id, 0)
    with pytest.raises(EpochPassed):
        await ask(running, maria)


async def urgency(running: Running, tab: Tab) -> bool | None:
    async with running.gateway.db.read() as session:
        query = select(Conversation.urgent).where(Conversation.id == tab.conversation_id)
        return await session.scalar(query)


@pytest.mark.parametrize("urgent", [True, False])
async def test_an_urgent_handoff_is_noted_with_the_conversation_until_it_is_handed_back(
    running: Running, engine: ScriptedEngine, urgent: bool
) -> None:
    effect = {"reason": "danger"} | ({"urgent": True} if urgent else {})
    engine.script = lambda turn: [{"text": "Зову.", "custom": {"handoff": effect}}]
    maria = await running.visit()
    assert await urgency(running, maria) is False
    await maria.write("пахнет газом")
    await maria.hear()
    assert await urgency(running, maria) is urgent
    async with running.gateway.db.write() as session:
        ownership = running.gateway.ownership
        mine = await ownership.take(session, maria.conversation_id, 1, 7)
    assert await urgency(running, maria) is urgent
    async with running.gateway.db.write() as session:
        await ownership.hand_back(session, maria.conversation_id, mine)
    assert await urgency(running, maria) is False
