"""What a letter says: now, not in what it quotes; and which letters nobody wrote."""

from email.message import EmailMessage

import pytest

from bot.channels.inbound import FileKind, Files, Inbound, Receipt, ReceiptState, Stop, Text
from bot.channels.letters import Postmark, attachment, parse, unquoted
from bot.channels.port import Forged, Reason

OURS = Postmark("help@shop.example", b"seal-key", plus=True)


def letter(text: str = "Где мой заказ?", *, html: str = "", **headers: str) -> EmailMessage:
    made = EmailMessage()
    given = {
        "From": "Мария Соколова <Maria@Mail.example>",
        "To": "help@shop.example",
        "Subject": "Re: Вопрос",
        "Message_ID": "<c1@mail.example>",
    } | headers
    for name, value in given.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def read(made: EmailMessage, authentication: str = "") -> Inbound | None:
    return parse(bytes(made), "7.1", "shop", OURS, authentication)


def said(made: EmailMessage) -> str:
    event = read(made)
    assert event
    assert isinstance(event.content, Text)
    return event.content.text


def test_a_letter_is_its_sender_its_words_and_its_thread() -> None:
    event = read(
        letter(
            In_Reply_To="<c0@mail.example>",
            References="<c0@mail.example> <x@shop.example>",
        )
    )
    assert event
    assert event.sender == "maria@mail.example"
    assert event.name == "Мария Соколова"
    assert event.event_id == "<c1@mail.example>"
    assert event.content == Text("Где мой заказ?")
    assert event.origin
    assert event.origin.references == ("<c0@mail.example>", "<x@shop.example>")


def test_the_first_letter_may_say_it_in_its_subject() -> None:
    assert said(letter("Мария", Subject="Не пришёл заказ 1001")) == "Не пришёл заказ 1001\nМария"
    assert said(letter("Заказ 1001 не пришёл", Subject="Re: заказ")) == "Заказ 1001 не пришёл"


@pytest.mark.parametrize(
    "text",
    [
        "Да, отменяйте.\n\n20 ноября 2026 г., 12:00, Магазин <h@s.example> пишет:\n> Отменить?\n> --\n> Я",
        "Да, отменяйте.\n\nпт, 20 нояб. 2026 г. в 12:00, Магазин <help@shop.example>:\n> Отменить?\n",
        "Да, отменяйте.\n\nOn Fri, Nov 20, 2026 at 12:00 Shop <help@shop.example>\nwrote:\n\n> Отменить?",
        "Да, отменяйте.\n\n-----Original Message-----\nFrom: help@shop.example\nОтменить?",
        "Да, отменяйте.\n\n________________________________\nОт: Магазин <help@shop.example>\nОтменить?",
        "Да, отменяйте.\n\nОт кого: Магазин <help@shop.example>\nКому: Мария\nОтменить?",
        "Да, отменяйте.\n\n-- \nМария Соколова\nбухгалтер",
        "Да, отменяйте.\n\nОтправлено с iPhone\n",
        "> Отменить заказ?\nДа, отменяйте.",
        "Да, отменяйте.\n\nMagazin 20.11.2026 12:00 написал(а):\nОтменить?\nЗабота",
    ],
)
def test_what_is_quoted_was_not_said_now(text: str) -> None:
    assert unquoted(text) == "Да, отменяйте."


@pytest.mark.parametrize(
    "text",
    ["Мой муж пишет:\nзаказ не пришёл", "От кого это письмо?\nЯ не заказывала", "> только цитата"],
)
def test_words_that_only_look_like_a_quote_stay(text: str) -> None:
    assert unquoted(text) == text.removeprefix("> ")


def test_html_is_read_as_words() -> None:
    made = EmailMessage()
    made["From"], made["Message-ID"], made["Subject"] = "maria@mail.example", "<1@m>", "Re: x"
    made.set_content(
        "<html><head><style>p{}</style></head><body><p>Где <b>мой</b> заказ&nbsp;1001?</p>"
        "<script>alert(1)</script><div class='gmail_quote'>Отменить?<div>x</div></div>"
        "<blockquote>было</blockquote></body></html>",
        subtype="html",
    )
    assert said(made) == "Где мой заказ 1001?"


@pytest.mark.parametrize(
    "header",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; type=x"},
        {"Precedence": "bulk"},
        {"X_Auto_Response_Suppress": "All"},
        {"List_Id": "<news.example>"},
        {"Return_Path": "<>"},
        {"From": "MAILER-DAEMON@mail.example"},
        {"From": "Магазин <help@shop.example>"},
        {"From": "no-reply@mail.example"},
    ],
)
def test_what_a_machine_wrote_is_not_answered(header: dict[str, str]) -> None:
    assert read(letter(**header)) is None


def test_a_person_may_say_that_no_machine_wrote_it() -> None:
    assert read(letter(Auto_Submitted="no"))


def test_stop_is_heard_in_a_letter_too() -> None:
    event = read(letter("Стоп\n\n-- \nМария"))
    assert event
    assert event.content == Stop("Стоп")
    event = read(letter("", Subject="stop"))
    assert event
    assert event.content == Stop("stop")


def test_files_are_named_by_where_they_lie_and_can_be_had_again() -> None:
    made = letter("Вот чек")
    made.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="чек.pdf")
    made.add_attachment(b"\xff\xd8\xff", maintype="image", subtype="jpeg", filename="чашка.jpg")
    event = read(made)
    assert event
    assert isinstance(event.content, Files)
    paper, photo = event.content.files
    assert event.content.text == "Вот чек"
    assert (paper.name, paper.type, paper.size, paper.kind) == (
        "чек.pdf",
        "application/pdf",
        8,
        FileKind.DOCUMENT,
    )
    assert photo.kind is FileKind.PHOTO
    assert attachment(bytes(made), int(paper.file.rpartition(".")[2])) == b"%PDF-1.7"
    assert attachment(bytes(made), 99) is None


# ---- threads and bounces ----


def test_our_own_letters_are_known_by_their_seal() -> None:
    ours = OURS.message_id("5512", 0)
    assert OURS.recognise(ours) == ours
    assert OURS.recognise(OURS.reply_to("5512", 0)) == ours
    assert OURS.recognise(ours.replace("5512", "5513")) is None
    assert Postmark("help@shop.example", b"other").recognise(ours) is None


@pytest.mark.parametrize("where", ["In_Reply_To", "References", "To"])
def test_a_reply_is_known_by_any_trace_of_our_letter(where: str) -> None:
    ours = OURS.message_id("5512", 0)
    event = read(letter(**{where: OURS.reply_to("5512", 0) if where == "To" else ours}))
    assert event
    assert event.origin
    assert event.origin.quotes == ours


def bounce(ref: str, action: str = "failed", status: str = "5.1.1") -> bytes:
    return f"""From: MAILER-DAEMON@mail.example
To: help@shop.example
Message-ID: <b1@mail.example>
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Could not deliver.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example

Final-Recipient: rfc822; maria@mail.example
Action: {action}
Status: {status}
--b
Content-Type: text/rfc822-headers

Message-ID: {ref}
Subject: Re: Вопрос
--b--
""".replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("status", "reason"),
    [("5.1.1", Reason.DEAD_ADDRESS), ("5.2.2", Reason.REFUSED), ("5.7.1", Reason.REFUSED)],
)
def test_a_bounce_says_what_became_of_our_letter(status: str, reason: Reason) -> None:
    ours = OURS.message_id("5512", 0)
    event = parse(bounce(ours, status=status), "7.1", "shop", OURS)
    assert event
    assert event.content == Receipt(ours, ReceiptState.FAILED, reason)


def test_a_bounce_that_is_only_late_or_made_up_says_nothing() -> None:
    ours = OURS.message_id("5512", 0)
    assert parse(bounce(ours, action="delayed"), "7.1", "shop", OURS) is None
    assert parse(bounce("<5512.0.00000000000000000000@shop.example>"), "7.1", "shop", OURS) is None


# ---- who vouches ----


@pytest.mark.parametrize(
    "result",
    [
        "mx.shop.example; dmarc=pass header.from=mail.example",
        "mx.shop.example; dkim=pass header.d=mail.example; dmarc=none",
        "mx.shop.example; dkim=pass header.i=@mail.example",
        "mx.shop.example; spf=pass smtp.mailfrom=maria@mail.example",
    ],
)
def test_a_letter_its_domain_stands_by_is_taken(result: str) -> None:
    assert read(letter(Authentication_Results=result), "mx.shop.example")


@pytest.mark.parametrize(
    "result",
    [
        "",
        "mx.shop.example; dmarc=fail; dkim=pass header.d=mail.example",
        "mx.shop.example; dkim=pass header.d=evil.example",
        "mx.shop.example; dkim=pass header.d=example",
        "mx.shop.example; spf=pass smtp.mailfrom=evil.example; dkim=none",
        "mx.evil.example; dmarc=pass header.from=mail.example",
    ],
)
def test_a_letter_with_a_borrowed_sender_is_refused(result: str) -> None:
    made = letter(**({"Authentication_Results": result} if result else {}))
    with pytest.raises(Forged):
        read(made, "mx.shop.example")


def test_a_result_that_the_sender_wrote_does_not_count() -> None:
    made = letter(Authentication_Results="mx.shop.example; dmarc=fail")
    made["Authentication-Results"] = "mx.shop.example; dmarc=pass"
    with pytest.raises(Forged):
        read(made, "mx.shop.example")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff",
        b"From: a@b.c\nContent-Type: text/plain; charset=klingon\n\nhi",
        b"From: =?utf-8?b?broken\n\nhi",
        b"From: a@b.c\nSubject: =?x?q?y?=\nMessage-ID: <<>\n\nhi",
        b"Content-Type: multipart/mixed\nFrom: a@b.c\n\nhi",
    ],
)
def test_letters_that_break_the_rules_break_nothing_else(raw: bytes) -> None:
    event = parse(raw, "7.1", "shop", OURS)
    assert event is None or event.sender == "a@b.c"
