"""Letters in by IMAP and out by SMTP, against servers that drop, refuse and forget."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bot.channels.accounts import ChannelsConfig
from bot.channels.email import Email
from bot.channels.inbound import FileKind, Files, Inbound, Origin, Text
from bot.channels.port import (
    Outgoing,
    OutgoingButton,
    OutgoingFile,
    Permanent,
    RateLimited,
    Reason,
    SendError,
    Transient,
    Uncertain,
    Unreadable,
)
from bot.gateway import marks
from core.db import Database
from tests.channels.shop import open_shop, until
from tests.fakes.messengers import Messengers
from tests.fakes.messengers.mail import FakeMail
from tests.gateway.conftest import ScriptedEngine


class Marks:
    """Marks in memory."""

    def __init__(self) -> None:
        self.mark: str | None = None

    async def get(self, channel: str, account: str) -> str | None:
        return self.mark

    async def set(self, channel: str, account: str, mark: str) -> None:
        self.mark = mark


@pytest.fixture
async def mail() -> AsyncIterator[FakeMail]:
    async with FakeMail() as running:
        yield running


@pytest.fixture
async def email(mail: FakeMail) -> AsyncIterator[Email]:
    channel = Email("shop", mail.account(), Marks())
    yield channel
    await channel.close()


class Taken(list[Inbound]):
    """What was accepted."""

    async def accept(self, events: Sequence[Inbound]) -> None:
        self.extend(events)


LINE = Outgoing("5512", "maria@mail.example", "Заказ 1001 отправлен.")


async def test_letters_that_lay_there_before_us_are_not_answered(mail: FakeMail, email: Email) -> None:
    mail.write("Старое письмо")
    taken = Taken()
    assert not await email.poll(taken.accept)
    mail.write("Новое письмо", subject="Re: x")
    assert await email.poll(taken.accept)
    assert [event.content for event in taken] == [Text("Новое письмо")]
    assert not await email.poll(taken.accept)
    assert len(taken) == 1
    assert mail.logins == 1


async def test_a_letter_counts_as_read_when_it_is_in_the_database(mail: FakeMail, email: Email) -> None:
    await email.poll(Taken().accept)
    mail.write("Где заказ?")

    async def away(events: Sequence[Inbound]) -> None:
        raise ConnectionError("the database is away")

    with pytest.raises(ConnectionError):
        await email.poll(away)
    taken = Taken()
    await email.poll(taken.accept)
    assert len(taken) == 1


async def test_a_mailbox_that_hangs_up_is_called_again(mail: FakeMail, email: Email) -> None:
    await email.poll(Taken().accept)
    assert email._mailbox._imap
    email._mailbox._imap.shutdown()
    with pytest.raises(Transient):
        await email.poll(Taken().accept)
    mail.write("Где заказ?")
    taken = Taken()
    await email.poll(taken.accept)
    assert len(taken) == 1
    assert mail.logins == 2


async def test_a_mailbox_that_was_made_anew_is_read_from_its_end(mail: FakeMail, email: Email) -> None:
    taken = Taken()
    mail.write("раньше")
    await email.poll(taken.accept)
    mail.validity += 1
    await email.poll(taken.accept)
    mail.write("теперь", subject="Re: x")
    await email.poll(taken.accept)
    assert [event.content for event in taken] == [Text("теперь")]


async def test_a_letter_nobody_can_read_does_not_stop_the_others(mail: FakeMail, email: Email) -> None:
    taken = Taken()
    await email.poll(taken.accept)
    mail.put(b"\x00\xff\xfe broken")
    mail.write("Где заказ?", subject="Re: x")
    await email.poll(taken.accept)
    assert [event.content for event in taken] == [Text("Где заказ?")]


async def test_many_letters_come_in_order(mail: FakeMail, email: Email) -> None:
    taken = Taken()
    await email.poll(taken.accept)
    for number in range(60):
        mail.write(f"письмо {number}", subject="Re: x")
    while await email.poll(taken.accept):
        pass
    assert [event.content for event in taken] == [Text(f"письмо {number}") for number in range(60)]


async def test_a_file_of_a_letter_is_fetched_again_when_it_is_wanted(mail: FakeMail, email: Email) -> None:
    taken = Taken()
    await email.poll(taken.accept)
    letter = mail.write("Вот чек")
    letter.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="чек.pdf")
    mail.letters[mail.next_uid - 1] = bytes(letter)
    await email.poll(taken.accept)
    content = taken[0].content
    assert isinstance(content, Files)
    file = content.files[0].file
    assert b"".join([chunk async for chunk in email.fetch(file, 1000)]) == b"%PDF-1.7"
    with pytest.raises(Unreadable):
        [chunk async for chunk in email.fetch(file, 3)]
    mail.letters.clear()
    with pytest.raises(Unreadable):
        [chunk async for chunk in email.fetch(file, 1000)]


async def test_an_answer_joins_its_thread(mail: FakeMail, email: Email) -> None:
    origin = Origin("<c1@mail.example>", subject="Не пришёл\nзаказ", references=("<c0@mail.example>",))
    sent = await email.send(Outgoing("5512", "maria@mail.example", "Заказ <1001> & всё.", reply_to=origin))
    letter = await mail.hears()
    assert letter["Subject"] == "Re: Не пришёл заказ"
    assert letter["In-Reply-To"] == "<c1@mail.example>"
    assert letter["References"] == "<c0@mail.example> <c1@mail.example>"
    assert letter["Auto-Submitted"] == "auto-replied"
    assert letter["Message-ID"] == sent.ref
    assert letter.get_content().strip() == "Заказ <1001> & всё."


async def test_the_same_line_is_the_same_letter(mail: FakeMail, email: Email) -> None:
    for _ in range(2):
        await email.send(LINE)
    first, second = await mail.hears(), await mail.hears()
    assert first["Message-ID"] == second["Message-ID"]


async def test_choices_are_numbered_and_files_hang_on_the_letter(mail: FakeMail, email: Email) -> None:
    buttons = [OutgoingButton("a", "Да"), OutgoingButton("b", "Нет")]
    paper = OutgoingFile(FileKind.DOCUMENT, "чек.pdf", "application/pdf", b"%PDF-1.7")
    await email.send(Outgoing("1", "maria@mail.example", "Отменить?", buttons, [paper]))
    letter = await mail.hears()
    body = letter.get_body()
    assert body
    assert "1. Да\r\n2. Нет" in body.get_content()
    (file,) = letter.iter_attachments()
    assert (file.get_filename(), file.get_payload(decode=True)) == ("чек.pdf", b"%PDF-1.7")


async def test_what_we_begin_can_be_stopped(mail: FakeMail, email: Email) -> None:
    await email.send(Outgoing("1", "maria@mail.example", "Скидка", proactive=True))
    letter = await mail.hears()
    assert letter["List-Unsubscribe"] == "<mailto:help@shop.example?subject=stop>"
    assert "ответьте словом «стоп»" in letter.get_content()


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ("550 5.1.1 no such user", Permanent, Reason.DEAD_ADDRESS),
        ("450 4.2.1 try later", RateLimited, None),
        ("421 4.7.0 too many", RateLimited, None),
    ],
)
async def test_a_refused_address(
    mail: FakeMail, email: Email, answer: str, kind: type[SendError], reason: Reason | None
) -> None:
    mail.refusals["maria@mail.example"] = answer
    with pytest.raises(SendError) as caught:
        await email.send(LINE)
    assert type(caught.value) is kind
    assert getattr(caught.value, "reason", None) is reason


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("554 5.7.1 spam", Permanent), ("451 4.3.0 local error", RateLimited), ("452 4.3.1 full", RateLimited)],
)
async def test_a_refused_letter(mail: FakeMail, email: Email, answer: str, kind: type[SendError]) -> None:
    mail.answers.append(answer)
    with pytest.raises(SendError) as caught:
        await email.send(LINE)
    assert type(caught.value) is kind
    await email.send(LINE)
    assert len(mail.sent) == 1


async def test_a_connection_lost_after_the_letter_leaves_doubt(mail: FakeMail, email: Email) -> None:
    mail.drop_after_accept = 1
    with pytest.raises(Uncertain):
        await email.send(LINE)


async def test_nobody_there(mail: FakeMail, email: Email) -> None:
    mail._smtp.close()
    await mail._smtp.wait_closed()
    with pytest.raises(Transient):
        await email.send(LINE)


@pytest.mark.parametrize("address", ["", "nobody", "a@b@c", "a b@c.d", "x@y.z\r\nBcc: all@shop.example"])
async def test_what_is_no_address(mail: FakeMail, email: Email, address: str) -> None:
    with pytest.raises(Permanent) as caught:
        await email.send(Outgoing("1", address, "текст"))
    assert caught.value.reason is Reason.DEAD_ADDRESS
    assert not mail.sent


async def test_an_address_cannot_smuggle_in_a_header(mail: FakeMail, email: Email) -> None:
    origin = Origin("<1@m>", subject="x\r\nBcc: all@shop.example")
    await email.send(Outgoing("1", "maria@mail.example", "текст", reply_to=origin))
    letter = await mail.hears()
    assert letter["Bcc"] is None


async def test_a_question_by_letter_is_answered_by_letter(
    db: Database, engine: ScriptedEngine, messengers: Messengers, mail: FakeMail, tmp_path: Path
) -> None:
    config = ChannelsConfig(accounts={"post": mail.account()})
    async with open_shop(db, engine, messengers, tmp_path, config) as shop:

        async def read_once() -> bool:
            return mail.logins > 0 and await _marked(shop.gateway.db)

        await until(read_once)
        asked = mail.write("Где мой заказ?", subject="Re: Заказ 1001")
        answer = await mail.hears()
        assert answer["To"] == "maria@mail.example"
        assert answer["In-Reply-To"] == asked["Message-ID"]
        assert answer.get_content().strip() == "re: Где мой заказ?"
        mail.put(bytes(asked))  # the same letter once more
        reply = f"Спасибо!\n\n20.11.2026 12:00, Магазин <help@shop.example> пишет:\n> {answer.get_content()}"
        mail.write(reply, subject=answer["Subject"], In_Reply_To=answer["Message-ID"])
        again = await mail.hears()
        assert again.get_content().strip() == "re: Спасибо!"
        assert [turn["text"] for turn in engine.asked] == ["Где мой заказ?", "Спасибо!"]
        assert (await shop.log("email"))[0].details["origin"]["subject"] == "Re: Заказ 1001"  # type: ignore[index]


async def _marked(db: Database) -> bool:
    return await marks.Marks(db).get("email", "post") is not None
