"""How an answer looks in each messenger: cut, escaped and with buttons as the channel itself does it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.channels import email, markup, max, sms, telegram_limits, viber, vk, whatsapp
from bot.channels.port import Capabilities, Outgoing, OutgoingButton
from bot.channels.rendering import Part, parts, rows

_SAMPLES = {
    "name": "Анна",
    "number": "77-10452",
    "order": "77-10452",
    "amount": "2 490 ₽",
    "total": "2 490 ₽",
}


@dataclass(frozen=True)
class Channel:
    """What decides how a line becomes messages."""

    name: str
    capabilities: Capabilities | None  # None: the chat on the site, which shows everything as it is
    render: markup.Render = markup.plain
    measure: Callable[[str], int] = len
    marks_count: bool = True


CHANNELS = (
    Channel("webchat", None),
    Channel("telegram", telegram_limits.CAPABILITIES, markup.html, markup.utf16, marks_count=False),
    Channel("max", max.CAPABILITIES, markup.html),
    Channel("vk", vk.CAPABILITIES, markup.vk),
    Channel("whatsapp", whatsapp.CAPABILITIES, markup.whatsapp),
    Channel("viber", viber.CAPABILITIES),
    Channel("email", email.CAPABILITIES),
    Channel("sms", sms.CAPABILITIES),
)


@dataclass(frozen=True)
class Message:
    """One message as the customer sees it. `sent`: what goes to the provider, where that differs."""

    text: str
    sent: str | None
    size: int  # as the provider counts
    rows: list[list[str]]  # titles of buttons


@dataclass(frozen=True)
class Preview:
    """A line in one channel."""

    channel: str
    limit: int | None  # of one message
    messages: list[Message]


def previews(text: str, buttons: Sequence[str], language: str) -> list[Preview]:
    """A line in all channels; variables stand for something, so that lengths are near the truth."""
    filled = text
    for name, value in _SAMPLES.items():
        filled = filled.replace(f"{{{name}}}", value)
    ids = [OutgoingButton(str(n), title) for n, title in enumerate(buttons)]
    outgoing = Outgoing("preview", "preview", filled, ids, language=language)
    return [_preview(channel, outgoing) for channel in CHANNELS]


def _preview(channel: Channel, outgoing: Outgoing) -> Preview:
    if channel.capabilities is None:
        made = [Part(outgoing.text, outgoing.text, outgoing.buttons)]
    else:
        made = parts(
            outgoing, channel.capabilities, channel.render, channel.measure, marks_count=channel.marks_count
        )
    return Preview(
        channel.name,
        channel.capabilities.text if channel.capabilities else None,
        [
            Message(
                one.plain,
                one.text if one.text != one.plain else None,
                channel.measure(one.text if channel.marks_count else one.plain),
                [[button.title for button in row] for row in rows(one.buttons, 3)],
            )
            for one in made
        ],
    )
