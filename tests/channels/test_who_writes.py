"""Who a customer is, whether they may be written to, and what a messenger proves of it."""

from datetime import UTC, datetime

import pytest
from aiohttp import ClientResponseError
from sqlalchemy import select

from core.clock import ManualClock
from crm_bridge.identity import user_hash
from crm_bridge.models import ConsentRecord, Decision, Message, Proof, Purpose
from crm_bridge.start_keys import KEY_LIVES, StartKeys
from tests.channels.conftest import ADDRESSES
from tests.channels.shop import Shop, until
from tests.fakes.messengers import Messengers
from tests.gateway.conftest import ScriptedEngine


async def test_a_shared_phone_shows_who_writes(
    shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    customer = await shop.customer("+79161234567")
    telegram = messengers.telegram
    person = telegram.person("42")
    contact = {"phone_number": "79161234567", "first_name": "М", "user_id": 42}
    await person.does(telegram.update(message=telegram.message(person, contact=contact)))
    assert "Мария, узнала вас" in (await person.hears()).text
    identity = await shop.identity("telegram")
    assert (identity.customer_id, identity.method) == (customer, Proof.SHARED_PHONE)
    assert not engine.asked


async def test_somebody_elses_contact_proves_nothing(
    small_shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    await small_shop.customer("+79161234567")
    telegram, viber = messengers.telegram, messengers.viber
    person, other = telegram.person("42"), viber.person(ADDRESSES["viber"])
    contact = {"phone_number": "79161234567", "first_name": "М", "user_id": 43}
    await person.does(telegram.update(message=telegram.message(person, contact=contact)))
    await other.does(viber.message_event(other, type="contact", contact={"phone_number": "79161234567"}))
    for each in (person, other):
        assert (await each.hears()).text == "re: 79161234567"
    assert (await small_shop.identity("telegram")).customer_id is None
    assert (await small_shop.identity("viber")).customer_id is None


async def test_a_phone_that_two_people_share_proves_nothing(small_shop: Shop, messengers: Messengers) -> None:
    await small_shop.customer("+79161234567", "Мария")
    await small_shop.customer("+79161234567", "Олег")
    telegram = messengers.telegram
    person = telegram.person("42")
    contact = {"phone_number": "+79161234567", "first_name": "М", "user_id": 42}
    await person.does(telegram.update(message=telegram.message(person, contact=contact)))
    assert "не получилось понять, кто вы" in (await person.hears()).text
    assert (await small_shop.identity("telegram")).customer_id is None


async def test_a_deep_link_from_the_site_brings_the_customer_along_once(
    shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    customer = await shop.customer("+79161234567")
    key = (await asked_for_key(shop, "u1", user_hash(b"site", "u1")))["key"]
    person, thief = messengers.telegram.person("42"), messengers.max.person("666")
    await person.says(f"/start {key}")
    await person.hears()
    assert engine.asked[-1]["press"] == {"intent": "greet", "entities": {}}
    assert (await shop.identity("telegram")).customer_id == customer
    await thief.does(messengers.max.dialog_event(thief, "bot_started", key))
    await thief.hears()
    assert (await shop.identity("max")).customer_id is None


async def test_a_key_is_given_to_the_companys_site_only(small_shop: Shop) -> None:
    await small_shop.customer("+79161234567")
    with pytest.raises(ClientResponseError, match="403"):
        await asked_for_key(small_shop, "u1", "0" * 64)
    with pytest.raises(ClientResponseError, match="404"):
        await asked_for_key(small_shop, "u2", user_hash(b"site", "u2"))


async def test_an_old_key_opens_nothing(small_shop: Shop, messengers: Messengers) -> None:
    customer = await small_shop.customer("+79161234567")
    clock = ManualClock(datetime.now(UTC) - KEY_LIVES)
    async with small_shop.gateway.db.write() as session:
        key = await StartKeys(clock, small_shop.gateway.identities).issue(session, customer)
    person = messengers.telegram.person("42")
    await person.says(f"/start {key}")
    await person.hears()
    assert (await small_shop.identity("telegram")).customer_id is None


async def asked_for_key(shop: Shop, user_id: str, hash_: str) -> dict[str, str]:
    asked = {"user_id": user_id, "user_hash": hash_}
    async with shop.http.post(f"{shop.url}/links/v1/start-key", json=asked) as answer:
        answer.raise_for_status()
        given: dict[str, str] = await answer.json()
        return given


async def test_blocked_means_nothing_is_sent_until_they_come_back(
    small_shop: Shop, messengers: Messengers
) -> None:
    telegram, maxi, vk = messengers.telegram, messengers.max, messengers.vk
    people = {"telegram": telegram.person("42"), "max": maxi.person("42"), "vk": vk.person("2042")}
    for person in people.values():
        await person.says("привет")
        await person.hears()
    await people["telegram"].does(telegram.member_event(people["telegram"], "kicked"))
    await people["max"].does(maxi.dialog_event(people["max"], "bot_stopped"))
    await people["vk"].does(vk.event("message_deny", {"user_id": 2042}))

    async def all_dead() -> bool:
        return all([(await small_shop.identity(name)).dead_at is not None for name in people])

    await until(all_dead)
    await people["telegram"].does(telegram.member_event(people["telegram"], "member"))
    await people["max"].says("я вернулся")
    await people["vk"].does(vk.event("message_allow", {"user_id": 2042, "key": ""}))

    async def all_alive() -> bool:
        return all([(await small_shop.identity(name)).dead_at is None for name in people])

    await until(all_alive)


async def test_stop_ends_the_mailings_and_not_the_conversation(
    shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    customer = await shop.customer("+79161234567")
    person = messengers.vk.person("2042")
    await person.says("привет")
    await person.hears()
    identity = await shop.identity("vk")
    async with shop.gateway.db.write() as session:
        await shop.gateway.identities.link(session, identity.id, customer, Proof.CODE)
    await person.says("Стоп.")
    assert "Больше не присылаю" in (await person.hears()).text
    async with shop.gateway.db.read() as session:
        (record,) = await session.scalars(select(ConsentRecord))
    assert (record.purpose, record.channel, record.decision) == (Purpose.MARKETING, "vk", Decision.WITHDRAWN)
    await person.says("стоп, а где мой заказ?")
    await person.hears()
    assert engine.asked[-1]["text"] == "стоп, а где мой заказ?"


async def test_two_accounts_of_one_customer_at_the_same_moment_are_two_turns_one_after_the_other(
    shop: Shop, engine: ScriptedEngine, messengers: Messengers
) -> None:
    """Else both would follow the same turn, and the assistant would forget one of them."""
    maria = await shop.customer("+79161234567")
    by_telegram, by_vk = messengers.telegram.person("42"), messengers.vk.person("2042")
    for person, channel in ((by_telegram, "telegram"), (by_vk, "vk")):
        await person.says("Добрый день")
        await person.hears()
        account = await shop.identity(channel)
        async with shop.gateway.db.write() as session:
            await shop.gateway.identities.link(session, account.id, maria, Proof.SHARED_PHONE)

    engine.gate.clear()
    engine.reached.clear()
    await by_telegram.says("Где мой заказ?")
    await engine.reached.wait()
    await by_vk.says("И сколько я плачу за доставку?")
    await until(lambda: heard_by_the_company(shop, "И сколько я плачу за доставку?"))
    engine.gate.set()
    assert (await by_telegram.hears()).text == "re: Где мой заказ?"
    assert (await by_vk.hears()).text == "re: И сколько я плачу за доставку?"
    first, second = engine.asked[-2:]
    assert (second["conversation_id"], second["after"]) == (first["conversation_id"], first["message_id"])


async def heard_by_the_company(shop: Shop, text: str) -> bool:
    async with shop.gateway.db.read() as session:
        return await session.scalar(select(Message.id).where(Message.text == text)) is not None
