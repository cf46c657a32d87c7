"""A line becomes messages that fit the provider: texts cut at sentences, buttons or numbered choices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.channels import markup
from bot.channels.markup import Span
from bot.channels.port import Capabilities, Outgoing, OutgoingButton, OutgoingFile
from core.texts import Texts

texts = Texts(Path(__file__).with_name("texts.yml"))


@dataclass(frozen=True)
class Part:
    """One message as the provider gets it: a file, or a text with the buttons under it."""

    text: str = ""
    plain: str = ""  # the same without marks
    buttons: Sequence[OutgoingButton] = ()
    file: OutgoingFile | None = None


def numbered(capabilities: Capabilities, titles: Sequence[str]) -> bool:
    """Whether buttons of these titles do not fit, so that the customer gets a numbered list."""
    if len(titles) > capabilities.buttons:
        return bool(titles)
    return any(len(title) > capabilities.button_title for title in titles)


def parts(
    outgoing: Outgoing,
    capabilities: Capabilities,
    render: markup.Render = markup.plain,
    measure: Callable[[str], int] = len,
    *,
    marks_count: bool = True,
) -> list[Part]:
    """All messages of a line: files first, so that the buttons stand at the very end.

    `marks_count`: the provider counts the marks of its formatting too.
    """
    spans = markup.read(outgoing.text, outgoing.markup)
    buttons: Sequence[OutgoingButton] = outgoing.buttons
    if numbered(capabilities, [button.title for button in buttons]):
        buttons = ()
        if capabilities.inbound:  # else nobody could answer with a number
            spans = [*spans, Span(_choices(outgoing))]
    made = [Part(file=file) for file in outgoing.files]
    if any(span.text.strip() for span in spans) or not made:
        size = _size(render if marks_count else markup.visible, measure)
        cut = markup.split(spans, capabilities.text, size)
        if buttons and capabilities.text_with_buttons:
            cut[-1:] = markup.split(cut[-1], capabilities.text_with_buttons, size)
        made += [Part(render(part), markup.plain(part)) for part in cut[:-1]]
        made.append(Part(render(cut[-1]), markup.plain(cut[-1]), buttons))
    return made


def rows(buttons: Sequence[OutgoingButton], a_row: int, short: int = 16) -> list[list[OutgoingButton]]:
    """Buttons in rows: short titles side by side, a long one alone."""
    laid: list[list[OutgoingButton]] = []
    for button in buttons:
        row = laid[-1] if laid else None
        if row and len(row) < a_row and all(len(each.title) <= short for each in (*row, button)):
            row.append(button)
        else:
            laid.append([button])
    return laid


def _choices(outgoing: Outgoing) -> str:
    lines = [f"{number}. {button.title}" for number, button in enumerate(outgoing.buttons, 1)]
    return "\n\n" + "\n".join(lines) + "\n\n" + texts("choose", outgoing.language)


def _size(render: markup.Render, measure: Callable[[str], int]) -> Callable[[Sequence[Span]], int]:
    return lambda spans: measure(render(spans))
