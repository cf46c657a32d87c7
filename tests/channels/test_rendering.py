"""Whatever is said fits the provider, and nothing of it is lost."""

import html
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels import email, markup, max, sms, telegram, viber, vk, whatsapp
from bot.channels.inbound import FileKind
from bot.channels.markup import Span
from bot.channels.port import Capabilities, Outgoing, OutgoingButton, OutgoingFile
from bot.channels.rendering import numbered, parts, rows

PROVIDERS: list[tuple[Capabilities, markup.Render, Any, bool]] = [
    (telegram.CAPABILITIES, markup.html, markup.utf16, False),
    (max.CAPABILITIES, markup.html, len, True),
    (vk.CAPABILITIES, markup.vk, len, True),
    (whatsapp.CAPABILITIES, markup.whatsapp, len, True),
    (viber.CAPABILITIES, markup.plain, len, True),
    (sms.CAPABILITIES, markup.plain, len, True),
    (email.CAPABILITIES, markup.plain, len, True),
]
NAMES = ["telegram", "max", "vk", "whatsapp", "viber", "sms", "email"]
each_provider = pytest.mark.parametrize(("can", "render", "measure", "marks_count"), PROVIDERS, ids=NAMES)

SAID = "заказ|отправлен.|Спасибо!|<b>|&|*важно*|_a_|@id1|👩‍👩‍👧|é|\n|\n\n"
WORDS = st.lists(st.sampled_from(SAID.split("|")), max_size=40)
TEXTS = st.one_of(st.text(max_size=300), WORDS.map(" ".join), st.text("аб. 😀", max_size=300))
LONG = st.builds(lambda text, times: text * times, TEXTS, st.integers(1, 200))


def squeezed(text: str) -> str:
    return re.sub(r"\s|\u2060", "", text)


def buttons(*titles: str) -> list[OutgoingButton]:
    return [OutgoingButton(f"press-{number}", title) for number, title in enumerate(titles)]


@each_provider
@settings(max_examples=40)
@given(text=LONG)
def test_never_above_the_limit_and_nothing_lost(
    can: Capabilities, render: markup.Render, measure: Any, marks_count: bool, text: str
) -> None:
    made = parts(Outgoing("1", "a", text), can, render, measure, marks_count=marks_count)
    for part in made:
        assert (
            measure(part.text if marks_count else html.unescape(re.sub("<[^>]*>", "", part.text))) <= can.text
        )
    assert squeezed("".join(part.plain for part in made)) == squeezed(text)


@each_provider
@settings(max_examples=40)
@given(
    text=LONG,
    titles=st.lists(st.text("абв Где?", min_size=1, max_size=60).filter(str.strip), max_size=14),
)
def test_every_choice_can_be_made(
    can: Capabilities, render: markup.Render, measure: Any, marks_count: bool, text: str, titles: list[str]
) -> None:
    line = Outgoing("1", "a", text, buttons(*titles))
    made = parts(line, can, render, measure, marks_count=marks_count)
    assert not any(part.buttons for part in made[:-1])
    shown = made[-1].buttons
    if numbered(can, titles):
        assert not shown
        whole = squeezed("".join(part.plain for part in made))
        if not can.inbound:  # a number could not be answered: they are not offered
            assert whole == squeezed(text)
            return
        assert all(squeezed(f"{n}. {title}") in whole for n, title in enumerate(titles, 1))
    else:
        assert [button.title for button in shown] == titles
        assert len(shown) <= can.buttons
        if shown and can.text_with_buttons:
            assert measure(made[-1].text) <= can.text_with_buttons


@given(text=st.text(max_size=200))
def test_markup_never_loses_a_letter_of_what_was_not_meant_as_markup(text: str) -> None:
    assert markup.plain(markup.read(text, markup=False)) == text
    assert html.unescape(markup.html(markup.read(text, markup=False))) == text


def test_markup_as_each_provider_writes_it() -> None:
    spans = markup.read("Заказ **1001** <в пути> — [карта](https://shop.ru/?a=1&b=2), _завтра_, `A_1`", True)
    assert markup.html(spans) == (
        "Заказ <b>1001</b> &lt;в пути&gt; — "
        '<a href="https://shop.ru/?a=1&amp;b=2">карта</a>, <i>завтра</i>, <code>A_1</code>'
    )
    assert markup.whatsapp(spans) == (
        "Заказ *1001* <в пути> — карта (https://shop.ru/?a=1&b=2), _завтра_, `A_1`"
    )
    assert markup.plain(spans) == "Заказ 1001 <в пути> — карта (https://shop.ru/?a=1&b=2), завтра, A_1"


def test_signs_of_a_customer_are_no_marks() -> None:
    said = [Span("цена *без* скидки, [id1|Иван] и @id2")]
    assert "*без*" not in markup.whatsapp(said)
    assert squeezed(markup.whatsapp(said)) == squeezed(said[0].text)
    assert not re.search(r"\[id1\||@id2", markup.vk(said))


def test_a_long_text_is_cut_between_sentences() -> None:
    sentence = "Заказ собран и передан в доставку, курьер позвонит за час. "
    made = parts(Outgoing("1", "a", sentence * 30), sms.CAPABILITIES)
    assert len(made) == 3
    assert all(part.text.endswith("час.") for part in made)


def test_an_emoji_is_not_torn() -> None:
    family = "👩‍👩‍👧‍👦"
    tiny = Capabilities(10, 0, 0, False, sms.CAPABILITIES.account_rate, None)
    for part in parts(Outgoing("1", "a", family * 5), tiny):
        assert set(part.text.split(family)) <= {""}


def test_files_come_first_and_the_buttons_stand_at_the_end() -> None:
    file = OutgoingFile(FileKind.DOCUMENT, "чек.pdf", "application/pdf", b"%PDF")
    made = parts(Outgoing("1", "a", "Ваш чек", buttons("Спасибо"), [file]), telegram.CAPABILITIES)
    assert [part.file for part in made] == [file, None]
    assert [button.title for button in made[1].buttons] == ["Спасибо"]


def test_short_titles_stand_side_by_side() -> None:
    laid = rows(buttons("Да", "Нет", "Позвать сотрудника", "Позже"), a_row=2)
    assert [[button.title for button in row] for row in laid] == [
        ["Да", "Нет"],
        ["Позвать сотрудника"],
        ["Позже"],
    ]
