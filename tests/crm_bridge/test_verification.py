"""A customer proves who they are, and somebody else tries to."""

import asyncio
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import ManualClock
from core.db import Base, Database
from crm_bridge.identity import Identities, UnknownConversation
from crm_bridge.models import (
    ContactPoint,
    Identity,
    Notice,
    NoticeChannel,
    Operation,
    Proof,
    Throttle,
    VerificationCode,
)
from crm_bridge.notices import Notices
from crm_bridge.verification import (
    Ambiguous,
    CodeRequested,
    Expired,
    Locked,
    NotAContact,
    NothingRequested,
    TooMany,
    Verification,
    Verified,
    WrongCode,
    read_code,
)
from tests.crm_bridge.people import Company

MINUTE = timedelta(minutes=1)
PHONE = "8 900 000-10-01"
STORED = "+79000001001"
CODE, WRONG = "004217", "111111"


@pytest.fixture
def company(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


@pytest.fixture
def notices(db: Database, clock: ManualClock) -> Notices:
    return Notices(db, clock)


@pytest.fixture
def verification(db: Database, clock: ManualClock, notices: Notices) -> Verification:
    identities = Identities(db, clock, timedelta(hours=12))
    return Verification(db, clock, identities, notices, b"pepper", lambda _: int(CODE))


@pytest.fixture
def key() -> Iterator[Any]:
    """A new idempotency key at every call."""
    numbers = count()
    return lambda: f"message-{next(numbers)}"


async def rows(db: Database, table: type[Base]) -> list[Any]:
    async with db.read() as session:
        return list(await session.scalars(select(table).order_by(*table.__table__.primary_key)))


async def test_a_right_code_links_the_chat_to_the_customer(
    company: Company, verification: Verification, notices: Notices, key: Any
) -> None:
    maria = await company.customer(phone=STORED)
    chat = await company.chat()

    asked = await verification.request(chat, f"мой номер {PHONE}", key())
    assert asked == CodeRequested("+7•••01", NoticeChannel.SMS, company.now + 10 * MINUTE)
    (sms,) = await notices.unsent()
    assert (sms.channel, sms.address) == (NoticeChannel.SMS, STORED)
    assert sms.text == "Ваш код: 004217. Он действует 10 минут. Никому его не называйте."
    assert await verification.check(chat, "код 004 217", key()) == Verified(maria, "Мария")

    (visitor,) = await rows(company.db, Identity)
    assert (visitor.customer_id, visitor.method, visitor.verified_at) == (maria, Proof.CODE, company.now)
    (point,) = await rows(company.db, ContactPoint)
    assert point.verified_at == company.now


async def test_a_code_is_written_in_the_recipients_language(
    company: Company, verification: Verification, notices: Notices, key: Any
) -> None:
    await company.customer("James", "Miller", email="james@example.com", language="en")
    asked = await verification.request(await company.chat(language="ru"), "James@Example.com", key())
    assert isinstance(asked, CodeRequested)
    assert (asked.masked, asked.channel) == ("j•••@example.com", NoticeChannel.EMAIL)
    (mail,) = await notices.unsent()
    assert mail.text == "Your code is 004217. It is valid for 10 minutes. Never tell it to anybody."


async def test_an_unknown_contact_is_answered_like_a_known_one(
    company: Company, verification: Verification, notices: Notices, key: Any
) -> None:
    """Same answers from the request to the lock, same rows; but no code goes out, and none is right."""
    await company.customer(phone=STORED)
    stories = []
    for phone in (STORED, "+79000009901"):
        chat = await company.chat()
        story: list[Any] = [await verification.request(chat, phone, key())]
        story += [await verification.check(chat, WRONG, key()) for _ in range(6)]
        story.append(await verification.request(chat, phone, key()))
        stories.append(story)
    assert stories[0] == stories[1]

    for table, count_ in ((VerificationCode, 2), (Notice, 2), (Throttle, 4), (Operation, 16)):
        assert len(await rows(company.db, table)) == count_
    known, unknown = await rows(company.db, VerificationCode)
    assert (known.attempts, known.expires_at) == (unknown.attempts, unknown.expires_at)
    assert [notice.address for notice in await notices.unsent()] == [STORED]


async def test_the_right_code_of_an_unknown_contact_is_wrong(
    company: Company, verification: Verification, key: Any
) -> None:
    chat = await company.chat()
    await verification.request(chat, PHONE, key())
    assert await verification.check(chat, CODE, key()) == WrongCode(4)


async def test_an_unknown_contact_is_not_remembered(
    company: Company, verification: Verification, key: Any
) -> None:
    await verification.request(await company.chat(), PHONE, key())
    for table in (VerificationCode, Notice, Operation, Throttle):
        for row in await rows(company.db, table):
            assert "9000001001" not in str(vars(row))


async def test_five_wrong_codes_end_it_for_a_while(
    company: Company, verification: Verification, clock: ManualClock, key: Any
) -> None:
    await company.customer(phone=STORED)
    chat = await company.chat()
    await verification.request(chat, PHONE, key())
    until = company.now + 15 * MINUTE
    guesses = [await verification.check(chat, WRONG, key()) for _ in range(5)]
    assert guesses == [WrongCode(4), WrongCode(3), WrongCode(2), WrongCode(1), Locked(until)]
    assert await verification.check(chat, CODE, key()) == Locked(until)
    assert await verification.request(chat, PHONE, key()) == TooMany(until)

    clock.advance(15 * MINUTE)
    assert await verification.check(chat, CODE, key()) == Expired()
    await verification.request(chat, PHONE, key())
    assert isinstance(await verification.check(chat, CODE, key()), Verified)


async def test_a_new_chat_does_not_help_against_the_lock(
    company: Company, verification: Verification, key: Any
) -> None:
    await company.customer(phone=STORED)
    until = company.now + 15 * MINUTE
    answers = []
    second = ""
    for _ in range(2):
        second = await company.chat()
        await verification.request(second, PHONE, key())
        answers += [await verification.check(second, WRONG, key()) for _ in range(3)]
    assert answers[3:] == [WrongCode(1), Locked(until), Locked(until)]
    assert await verification.check(second, CODE, key()) == Locked(until)
    third = await company.chat()
    assert await verification.request(third, PHONE, key()) == TooMany(until)


async def test_another_contact_does_not_help_against_the_lock(
    company: Company, verification: Verification, key: Any
) -> None:
    await company.customer(phone=STORED, email="maria@example.com")
    chat = await company.chat()
    for contact in (PHONE, "maria@example.com"):
        await verification.request(chat, contact, key())
        for _ in range(3):
            last = await verification.check(chat, WRONG, key())
    assert last == Locked(company.now + 15 * MINUTE)


async def test_a_lock_does_not_touch_other_customers(
    company: Company, verification: Verification, key: Any
) -> None:
    await company.customer(phone=STORED)
    pyotr = await company.customer("Пётр", "Волков", phone="+79000001002")
    chat = await company.chat()
    await verification.request(chat, PHONE, key())
    for _ in range(5):
        await verification.check(chat, WRONG, key())
    other = await company.chat()
    await verification.request(other, "+79000001002", key())
    assert await verification.check(other, CODE, key()) == Verified(pyotr, "Пётр")


async def test_wrong_guesses_that_arrive_together_cannot_exceed_five(
    company: Company, verification: Verification, key: Any
) -> None:
    await company.customer(phone=STORED)
    chats = [await company.chat() for _ in range(2)]
    for chat in chats:
        await verification.request(chat, PHONE, key())
    guesses = (verification.check(chats[n % 2], f"{n:06}", key()) for n in range(12))
    answers = await asyncio.gather(*guesses)
    assert sorted(answer.left for answer in answers if isinstance(answer, WrongCode)) == [1, 2, 3, 4]
    assert sum(isinstance(answer, Locked) for answer in answers) == 8
    codes = await rows(company.db, VerificationCode)
    assert sum(code.attempts for code in codes) == 5


async def test_requests_that_arrive_together_cannot_exceed_the_limit(
    company: Company, verification: Verification, notices: Notices, key: Any
) -> None:
    await company.customer(phone=STORED)
    chat = await company.chat()
    answers = await asyncio.gather(*(verification.request(chat, PHONE, key()) for _ in range(6)))
    assert sum(isinstance(answer, CodeRequested) for answer in answers) == 3
    assert len(await notices.unsent()) == 3


async def test_a_code_expires_with_the_clock(
    company: Company, verification: Verification, clock: ManualClock, key: Any
) -> None:
    await company.customer(phone=STORED)
    chat = await company.chat()
    await verification.request(chat, PHONE, key())
    clock.advance(10 * MINUTE - timedelta(seconds=1))
    assert await verification.check(chat, WRONG, key()) == WrongCode(4)
    clock.advance(timedelta(seconds=1))
    assert await verification.check(chat, CODE, key()) == Expired()


async def test_a_code_works_once_and_only_in_the_chat_that_asked(
    company: Company, verification: Verification, key: Any
) -> None:
    await company.customer(phone=STORED)
    chat, other = await company.chat(), await company.chat()
    await verification.request(chat, PHONE, key())
    assert await verification.check(other, CODE, key()) == NothingRequested()
    assert isinstance(await verification.check(chat, CODE, key()), Verified)
    assert await verification.check(chat, CODE, key()) == NothingRequested()


async def test_a_new_code_voids_the_old_one(
    db: Database, clock: ManualClock, company: Company, notices: Notices, key: Any
) -> None:
    codes = iter((123456, 654321))
    identities = Identities(db, clock, timedelta(hours=12))
    verification = Verification(db, clock, identities, notices, b"pepper", lambda _: next(codes))
    await company.customer(phone=STORED)
    chat = await company.chat()
    for _ in range(2):
        await verification.request(chat, PHONE, key())
    assert await verification.check(chat, "123456", key()) == WrongCode(4)
    assert isinstance(await verification.check(chat, "654321", key()), Verified)


async def test_three_codes_a_quarter_of_an_hour_for_one_visitor(
    company: Company, verification: Verification, clock: ManualClock, key: Any
) -> None:
    chat, first = await company.chat(), company.now
    for number in range(3):
        assert isinstance(await verification.request(chat, f"+7900000990{number}", key()), CodeRequested)
        clock.advance(MINUTE)
    assert await verification.request(chat, PHONE, key()) == TooMany(first + 15 * MINUTE)
    clock.advance(12 * MINUTE)
    assert isinstance(await verification.request(chat, PHONE, key()), CodeRequested)


async def test_five_codes_an_hour_to_one_contact(
    company: Company, verification: Verification, clock: ManualClock, key: Any
) -> None:
    first = company.now
    for _ in range(5):
        assert isinstance(await verification.request(await company.chat(), PHONE, key()), CodeRequested)
        clock.advance(5 * MINUTE)
    assert await verification.request(await company.chat(), PHONE, key()) == TooMany(first + 60 * MINUTE)


async def test_a_family_phone_needs_a_person_to_choose(
    company: Company, verification: Verification, notices: Notices, key: Any
) -> None:
    await company.customer("Иван", "Орлов", phone=STORED)
    await company.customer("Елена", "Орлова", phone=STORED)
    chat = await company.chat()
    await verification.request(chat, PHONE, key())
    assert len(await notices.unsent()) == 1
    assert await verification.check(chat, WRONG, key()) == WrongCode(4)
    assert await verification.check(chat, CODE, key()) == Ambiguous()
    (visitor,) = await rows(company.db, Identity)
    assert visitor.customer_id is None
    assert await verification.check(chat, CODE, key()) == NothingRequested()


async def test_a_request_that_is_repeated_sends_one_code(
    company: Company, verification: Verification, notices: Notices, clock: ManualClock, key: Any
) -> None:
    await company.customer(phone=STORED)
    chat = await company.chat()
    answers = await asyncio.gather(*(verification.request(chat, PHONE, "same") for _ in range(4)))
    clock.advance(MINUTE)
    answers.append(await verification.request(chat, PHONE, "same"))
    assert len(set(answers)) == 1
    assert len(await notices.unsent()) == 1


async def test_a_check_that_is_repeated_is_one_guess(
    company: Company, verification: Verification, key: Any
) -> None:
    maria = await company.customer(phone=STORED)
    chat = await company.chat()
    await verification.request(chat, PHONE, "same")
    for _ in range(7):
        assert await verification.check(chat, WRONG, "same") == WrongCode(4)
    for _ in range(2):
        assert await verification.check(chat, CODE, "next") == Verified(maria, "Мария")


async def test_words_instead_of_a_code_are_no_guess(
    company: Company, verification: Verification, key: Any
) -> None:
    chat = await company.chat()
    await verification.request(chat, PHONE, key())
    for _ in range(7):
        assert await verification.check(chat, "ничего не пришло", key()) == WrongCode(5)
    assert await verification.check(chat, "1234", key()) == WrongCode(4)


async def test_nothing_that_is_no_contact_is_asked_for(
    company: Company, verification: Verification, key: Any
) -> None:
    chat = await company.chat()
    assert await verification.request(chat, "не скажу", key()) == NotAContact()
    assert await verification.check(chat, CODE, key()) == NothingRequested()


async def test_a_conversation_that_is_not_there(verification: Verification, key: Any) -> None:
    with pytest.raises(UnknownConversation):
        await verification.request("nowhere", PHONE, key())
    with pytest.raises(UnknownConversation):
        await verification.check("nowhere", CODE, key())


async def test_neither_code_nor_contact_is_stored_or_logged_in_the_clear(
    company: Company, verification: Verification, caplog: pytest.LogCaptureFixture, key: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    await company.customer(phone=STORED)
    chat = await company.chat()
    await verification.request(chat, PHONE, key())
    await verification.check(chat, WRONG, key())
    await verification.check(chat, CODE, key())
    kept = [
        str(vars(row))
        for table in (VerificationCode, Operation, Throttle)
        for row in await rows(company.db, table)
    ]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("verification")]
    for text in kept + ours:
        assert not re.search(rf"(?<![0-9a-f]){CODE}(?![0-9a-f])", text)
        assert "9000001001" not in text


async def test_a_sent_notice_forgets_what_it_said(
    company: Company, verification: Verification, notices: Notices, key: Any
) -> None:
    await company.customer(phone=STORED)
    await verification.request(await company.chat(), PHONE, key())
    (sms,) = await notices.unsent()
    async with company.db.write() as session:
        await notices.mark_sent(session, sms.id)
    assert await notices.unsent() == []
    (row,) = await rows(company.db, Notice)
    assert (row.text, row.sent_at) == ("", company.now)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("004217", "004217"),
        ("004 217", "004217"),
        ("код 004-217, спасибо", "004217"),
        ("٠٠٤٢١٧", "004217"),
        ("пришло 2 смс, код 004217", "004217"),
        ("4217", "4217"),
        ("не пришло", None),
        ("", None),
        ("²½", None),
    ],
)
def test_a_code_is_read_out_of_what_is_said(said: str, code: str | None) -> None:
    assert read_code(said) == code
