"""Something does not work: steps one at a time, then a case with what was tried."""

from sqlalchemy import select

from core.db import Database
from crm_bridge.models import Customer, Ticket, TicketKind, TicketState
from tests.actions.conftest import Open


async def newest_case(shop: Database, ref: str) -> Ticket:
    query = select(Ticket).join(Customer).where(Customer.external_ref == ref).order_by(Ticket.id.desc())
    async with shop.read() as session:
        found = await session.scalar(query.limit(1))
    assert found is not None
    return found


async def count(shop: Database) -> int:
    async with shop.read() as session:
        return len((await session.scalars(select(Ticket.id))).all())


async def test_a_step_helps(chats: Open, shop: Database) -> None:
    before = await count(shop)
    dmitry = await chats("demo-1006")
    first = await dmitry.says("Ёжик не заряжается", "technical_problem")
    assert first.startswith("Давайте разберёмся по шагам: «Робот-пылесос не заряжается».\nШаг 1 из 4.")
    assert "Шаг 2 из 4" in await dmitry.presses("Не помогло")
    assert "рада, что получилось" in await dmitry.says("о, заработал!", "out_of_scope")
    assert dmitry.form is None
    assert await count(shop) == before


async def test_nothing_helps_and_a_technician_gets_everything(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("чайник не включается, что делать", "technical_problem")
    await dmitry.says("нет, всё так же", "deny")
    await dmitry.says("не помогло", "out_of_scope")
    assert "Передам мастеру" in await dmitry.says("не-а", "deny")
    said = await dmitry.says("со вчерашнего дня, лампочка не горит", "out_of_scope")
    case = await newest_case(shop, "demo-1006")
    assert f"обращение {case.number} у мастера" in said
    assert (case.kind, case.state) == (TicketKind.DEFECT, TicketState.OPEN)
    assert case.subject == "Чайник не включается"
    assert case.conversation_id == dmitry.id
    for told in ("чайник не включается, что делать", "- Включите в ту же розетку", "лампочка не горит"):
        assert told in case.text
    assert "Записаться на визит" in dmitry.said[-1].buttons


async def test_vague_words_are_asked_about_and_unknown_faults_go_to_people(
    chats: Open, shop: Database
) -> None:
    james = await chats("demo-1003", "en")
    assert "what happens" in await james.says("it's broken", "technical_problem")
    assert "no ready steps" in await james.says(
        "the rocking chair squeaks and a leg is loose", "out_of_scope"
    )
    assert "A technician has your case" in await james.presses("Skip")
    case = await newest_case(shop, "demo-1003")
    assert case.subject.startswith("it's broken")
    assert "a leg is loose" in case.text


async def test_a_question_in_between_comes_back_to_the_step(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("кофемашина не варит кофе", "technical_problem")
    heard = await dmitry.says("а когда мой заказ 1008?", "track_order", order_id="1008")
    assert "Заказ 1008" in heard
    assert "Вернёмся к шагу 1 из 4" in heard
    assert "оставим это" in await dmitry.says("ладно, не надо", "out_of_scope")


async def test_a_stranger_gets_the_steps_and_then_a_person(chats: Open) -> None:
    stranger = await chats(language="en")
    await stranger.says("my kettle won't turn on", "technical_problem")
    for _ in range(3):
        await stranger.presses("It didn't help")
    assert stranger.said[-1].custom == {"handoff": {"reason": "technical"}}


async def test_the_last_answer_twice_opens_one_case(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("у блендера сломалось что-то, он не крутит", "technical_problem")
    for _ in range(3):
        await dmitry.presses("Не помогло")
    before, form, cases = dict(dmitry.slots), dmitry.form, await count(shop)
    first = await dmitry.says("искать поломку дальше сил нет", message_id="same")
    dmitry.slots, dmitry.form = before, form
    assert await dmitry.says("искать поломку дальше сил нет", message_id="same") == first
    assert await count(shop) == cases + 1
