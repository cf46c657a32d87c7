"""Customers cannot get in, change their data, or want to know or end what is held about them."""

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.clock import ManualClock
from core.db import Database
from core.media import MediaStore
from core.settings import Settings
from crm_bridge.models import (
    ConsentRecord,
    ContactPoint,
    Customer,
    Decision,
    Document,
    Notice,
    Purpose,
    Ticket,
)
from tests.actions.chat import Chat
from tests.actions.conftest import Open


async def customer(shop: Database, ref: str) -> Customer:
    async with shop.read() as session:
        return (await session.scalars(select(Customer).where(Customer.external_ref == ref))).one()


async def contacts(shop: Database, ref: str) -> dict[str, bool]:
    """The values on a profile, and whether they are proven."""
    person = await customer(shop, ref)
    async with shop.read() as session:
        found = await session.scalars(select(ContactPoint).where(ContactPoint.customer_id == person.id))
        return {one.value: one.verified_at is not None for one in found}


async def code_for(shop: Database, address: str) -> str:
    """The newest code that was sent to an address."""
    async with shop.read() as session:
        query = select(Notice.text).where(Notice.address == address).order_by(Notice.id.desc())
        for text in await session.scalars(query):
            if found := re.search(r"\b\d{6}\b", text):
                return found[0]
    raise AssertionError(f"no code went to {address}")


async def last_case(shop: Database) -> Ticket:
    async with shop.read() as session:
        return (await session.scalars(select(Ticket).order_by(Ticket.id.desc()).limit(1))).one()


async def test_signing_up_is_guided_and_a_person_helps_when_it_fails(chats: Open) -> None:
    stranger = await chats()
    assert "/sign-up" in await stranger.says("как зарегистрироваться", "registration_problem")
    heard = await stranger.says("не приходит код подтверждения при регистрации", "registration_problem")
    assert "Спам" in heard
    assert "рада помочь" in await stranger.presses("Получилось")
    await stranger.says("при регистрации ошибка", "registration_problem")
    await stranger.presses("Не получилось")
    assert stranger.said[-1].custom["handoff"]["reason"] == "sign_up:error"
    english = await chats(language="en")
    assert "already" in await english.says("it says this email is already in use", "registration_problem")


async def test_a_forgotten_password_leads_to_the_reset_page(chats: Open) -> None:
    stranger = await chats()
    assert "Что именно случилось" in await stranger.says("не могу войти", "recover_password")
    heard = await stranger.presses("Забыли пароль")
    assert heard == await (await chats()).says("забыл пароль", "recover_password")
    assert "https://domovoy.example/reset" in heard
    assert "сообщать не нужно" in heard
    english = await chats(language="en")
    await english.says("someone else is in my account, hacked", "recover_password")
    assert english.said[-1].custom["handoff"]["reason"] == "sign_in:hacked"


@pytest.mark.parametrize("said", ["не пускает, пароль: qwerty123", "мой пароль это Zima2026, не подходит"])
async def test_a_password_that_somebody_types_is_to_be_changed(chats: Open, said: str) -> None:
    stranger = await chats()
    heard = await stranger.says(said, "recover_password")
    assert "смените его и больше никому не отправляйте" in heard
    assert "qwerty123" not in heard


async def test_no_password_is_seen_where_there_is_none(chats: Open) -> None:
    stranger = await chats()
    assert "смените" not in await stranger.says("забыла пароль что делать", "recover_password")


async def test_a_new_phone_counts_once_its_code_is_right(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    assert "новый номер" in await maria.says("хочу поменять номер телефона", "edit_profile")
    heard = await maria.says("+7 916 555-12-34", "out_of_scope", phone="+79165551234")
    assert "+7•••34" in heard
    assert "+79165551234" not in await contacts(shop, "demo-1001")
    code = await code_for(shop, "+79165551234")
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert "Код не подошёл" in await maria.says(wrong, "out_of_scope")
    assert "+79165551234" not in await contacts(shop, "demo-1001")
    assert "теперь в профиле +79165551234" in await maria.says(code, "out_of_scope")
    assert await contacts(shop, "demo-1001") == {
        "+79165551234": True,
        "maria.sokolova@example.com": False,
    }
    async with shop.read() as session:
        told = (await session.scalars(select(Notice).order_by(Notice.id.desc()).limit(1))).one()
    assert told.address == "+79000001001"
    assert "заменён на +7•••34" in told.text


async def test_a_second_email_stands_beside_the_first(chats: Open, shop: Database) -> None:
    james = await chats("demo-1003", "en")
    await james.says("link another email jm@example.org", "edit_profile", email="jm@example.org")
    assert "jm@example.org is on your profile" in await james.says(await code_for(shop, "jm@example.org"))
    assert set(await contacts(shop, "demo-1003")) == {
        "+447700900199",
        "james.miller@example.com",
        "jm@example.org",
    }


async def test_a_code_sent_again_voids_the_first(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("замените почту на m@example.org", "edit_profile", email="m@example.org")
    first = await code_for(shop, "m@example.org")
    assert "Отправила код" in await maria.says("не приходит код", "out_of_scope")
    second = await code_for(shop, "m@example.org")
    if first != second:
        assert "не подошёл" in await maria.says(first, "out_of_scope")
    assert "теперь в профиле m@example.org" in await maria.says(second, "out_of_scope")


async def test_the_number_itself_can_be_corrected(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("новый телефон +79165551234", "edit_profile", phone="+79165551234")
    assert "новый номер" in await maria.presses("Другой номер")
    await maria.says("+79165559999", "out_of_scope", phone="+79165559999")
    await maria.says(await code_for(shop, "+79165559999"), "out_of_scope")
    assert "+79165559999" in await contacts(shop, "demo-1001")


async def test_another_question_before_the_code(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("новый телефон +79165551234", "edit_profile", phone="+79165551234")
    heard = await maria.says("а где заказ 1001?", "track_order", order_id="1001")
    assert "Заказ 1001" in heard
    assert "нужен код" in heard
    await maria.says(await code_for(shop, "+79165551234"), "out_of_scope")
    assert "+79165551234" in await contacts(shop, "demo-1001")


async def test_guessing_a_code_ends(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("новый телефон +79165551234", "edit_profile", phone="+79165551234")
    code = int(await code_for(shop, "+79165551234"))
    heard = ""
    for miss in range(1, 6):
        heard = await maria.says(f"{(code + miss) % 1_000_000:06}", "out_of_scope")
    assert "приостановлена" in heard
    assert maria.form is None
    assert "+79165551234" not in await contacts(shop, "demo-1001")


async def test_an_old_code_is_no_good(chats: Open, shop: Database, clock: ManualClock) -> None:
    maria = await chats("demo-1001")
    await maria.says("новый телефон +79165551234", "edit_profile", phone="+79165551234")
    clock.advance(timedelta(minutes=11))
    assert "истёк" in await maria.says(await code_for(shop, "+79165551234"), "out_of_scope")


async def test_a_surname_is_shown_before_it_is_saved(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    assert "фамилия" in await maria.says("сменила фамилию после свадьбы", "edit_profile")
    assert "фамилия — Орлова-Ким" in await maria.says("орлова-ким", "out_of_scope")
    assert "Готово" in await maria.presses("сохранить")
    assert (await customer(shop, "demo-1001")).family_name == "Орлова-Ким"


async def test_a_change_of_mind_leaves_the_profile_alone(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("переехала, город Самара", "edit_profile", city="Самара")
    assert "город — Самара" in maria.said[-1].text
    assert "как было" in await maria.says("нет", "deny")
    assert (await customer(shop, "demo-1001")).city == "Казань"


async def test_what_a_customer_cannot_change_goes_to_people(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("неправильно указана дата рождения", "edit_profile")
    heard = await maria.says("должно быть 3 мая 1985", "out_of_scope")
    assert (await last_case(shop)).number in heard
    assert "3 мая 1985" in (await last_case(shop)).text


async def test_the_language_of_messages(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("поменяйте язык", "edit_profile")
    await maria.presses("English")
    assert (await customer(shop, "demo-1001")).language == "en"


async def test_everything_that_is_held_comes_as_files(
    chats: Open, shop: Database, settings: Settings
) -> None:
    maria = await chats("demo-1001")
    heard = await maria.says("выгрузите всё, что у вас на меня есть", "personal_data_request")
    assert "всё, что мы о вас храним" in heard
    store = MediaStore("", settings.var / "media")
    text, machine = [
        (await store.read(said.custom["attachment"]["key"])).data.decode() for said in maria.said
    ]
    assert "Соколова" in text
    assert {row["number"] for row in json.loads(machine)["orders"]} == {"1001"}
    assert "Волков" not in machine
    person = await customer(shop, "demo-1001")
    async with shop.read() as session:
        kept = await session.scalars(
            select(Document).where(Document.customer_id == person.id, Document.order_id.is_(None))
        )
        assert len(kept.all()) == 2


async def test_an_erasure_is_confirmed_and_says_what_the_law_keeps(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    heard = await maria.says("удалите мои персональные данные", "personal_data_request")
    assert "пять лет" in heard
    assert "1001" in heard
    assert "450 баллов" in heard
    heard = await maria.presses("удалить всё")
    case = await last_case(shop)
    assert case.number in heard
    assert case.due_at is not None
    assert case.due_at - case.opened_at == timedelta(days=30)
    person = await customer(shop, "demo-1001")
    assert f"zabota privacy erase id:{person.id}" in case.text
    assert person.do_not_disturb


async def test_an_erasure_can_be_thought_over(chats: Open, shop: Database) -> None:
    james = await chats("demo-1003", "en")
    before = (await last_case(shop)).id
    await james.says("delete my account", "personal_data_request")
    assert "I change nothing" in await james.presses("Keep it")
    assert (await last_case(shop)).id == before


async def test_consents_are_withdrawn_at_once(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("отзываю согласие на обработку персональных данных", "personal_data_request")
    assert "согласия отозваны" in await maria.presses("отозвать")
    person = await customer(shop, "demo-1001")
    async with shop.read() as session:
        query = select(ConsentRecord).where(
            ConsentRecord.customer_id == person.id, ConsentRecord.source == "chat"
        )
        said = {(one.purpose, one.decision) for one in await session.scalars(query)}
    assert said == {
        (Purpose.MARKETING, Decision.WITHDRAWN),
        (Purpose.PROFILING, Decision.WITHDRAWN),
    }


async def test_a_question_about_data_is_answered(chats: Open) -> None:
    maria: Chat = await chats("demo-1001")
    heard = await maria.says("кому вы передаёте мои данные", "personal_data_request")
    assert "служба доставки и банк" in heard
    assert "Что сделать с вашими данными" in heard
