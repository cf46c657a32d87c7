"""One-time codes reach the customer's phone or mailbox by the company's own accounts, and nobody else."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select

from bot.channels.accounts import ChannelsConfig
from core.db import Database
from crm_bridge.models import ContactKind, ContactPoint, Notice
from crm_bridge.notices import Notices
from crm_bridge.verification import Verification, Verified
from tests.channels.shop import Shop, open_shop, until
from tests.fakes.messengers import Messengers, Person
from tests.fakes.messengers.mail import FakeMail
from tests.gateway.conftest import ScriptedEngine

PHONE, EMAIL = "+79161234567", "maria@mail.example"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that any part of the process writes into its log."""
    seen: list[str] = []

    def keep(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        seen.append(repr(event))
        return event

    before = structlog.get_config()
    structlog.configure(processors=[keep, *before["processors"]], cache_logger_on_first_use=False)
    with caplog.at_level(logging.DEBUG):
        yield seen
    structlog.configure(**before)
    seen += [record.getMessage() for record in caplog.records]


def verification(shop: Shop) -> Verification:
    gateway = shop.gateway
    notices = Notices(gateway.db, gateway.clock, gateway.queue)
    return Verification(gateway.db, gateway.clock, gateway.identities, notices, b"pepper")


async def visitor(shop: Shop, vk: Person, engine: ScriptedEngine) -> str:
    """The conversation of somebody nobody knows yet."""
    await vk.says("Где мой заказ?")
    await vk.hears()
    return (await shop.conversation("vk")).id


async def notice_is_forgotten(shop: Shop) -> bool:
    async with shop.gateway.db.read() as session:
        notice = (await session.scalars(select(Notice))).one()
    return notice.sent_at is not None and notice.text == ""


async def test_a_code_comes_by_sms_though_the_provider_stumbles(
    shop: Shop, engine: ScriptedEngine, messengers: Messengers, logged: list[str]
) -> None:
    customer = await shop.customer(PHONE)
    chat = await visitor(shop, messengers.vk.person("2042"), engine)
    phone = messengers.sms.person(PHONE)
    messengers.sms.fail("500")
    await verification(shop).request(chat, f"мой номер {PHONE}", f"{chat}/m1")
    sms = (await phone.hears()).text
    code = re.findall(r"\d{6}", sms)[0]
    assert sms == f"Ваш код: {code}. Он действует 10 минут. Никому его не называйте."
    await until(lambda: notice_is_forgotten(shop))
    assert await verification(shop).check(chat, code, f"{chat}/m2") == Verified(customer, "Мария")
    assert any("job failed" in line for line in logged)  # it stumbled, and said so
    assert not [line for line in logged if code in line or PHONE[1:] in line]


async def test_a_code_comes_by_letter(
    db: Database,
    engine: ScriptedEngine,
    messengers: Messengers,
    tmp_path: Path,
    logged: list[str],
) -> None:
    async with FakeMail() as mail:
        config = ChannelsConfig(accounts={"post": mail.account()})
        async with open_shop(db, engine, messengers, tmp_path, config) as shop:
            customer = await shop.customer(PHONE)
            async with shop.gateway.db.write() as session:
                contact = ContactPoint(customer_id=customer, kind=ContactKind.EMAIL, value=EMAIL)
                contact.created_at = shop.gateway.clock.now()
                session.add(contact)
            chat = await visitor(shop, messengers.vk.person("2042"), engine)
            await verification(shop).request(chat, EMAIL, f"{chat}/m1")
            letter = await mail.hears()
            code = re.findall(r"\d{6}", letter.get_content())[0]
            assert letter["To"] == EMAIL
            await until(lambda: notice_is_forgotten(shop))
    assert not [line for line in logged if code in line or EMAIL in line]


async def test_a_stranger_gets_nothing(shop: Shop, engine: ScriptedEngine, messengers: Messengers) -> None:
    """A phone on no profile: the answer is the same, and no SMS goes out."""
    chat = await visitor(shop, messengers.vk.person("2042"), engine)
    known, stranger = messengers.sms.person(PHONE), messengers.sms.person("+79160000000")
    await verification(shop).request(chat, stranger.id, f"{chat}/m1")
    await shop.customer(PHONE)
    await verification(shop).request(chat, PHONE, f"{chat}/m2")
    await known.hears()  # codes go out in the order they were asked for
    assert stranger.heard == []
