"""Our light markup, and what each provider makes of it.

`**bold**`, `_italic_`, `` `code` `` and `[title](https://…)`; nothing nests. Text that was not meant as
markup goes through the same renderers as one plain span, so that a customer's `<` or `*` stays what it is.
"""

import html as _html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

_MARKS = re.compile(
    r"\*\*(?P<bold>[^\n]+?)\*\*"
    r"|(?<!\w)_(?P<italic>[^\n_]+)_(?!\w)"
    r"|`(?P<code>[^\n`]+)`"
    r"|\[(?P<link>[^\]\n]+)\]\((?P<url>https?://[^\s()]+)\)"
)
_WHATSAPP_MARKS = re.compile(r"(?<!\w)([*_~`]+)(?=\S)(?=[^\n]*\S\1)")
_VK_MENTION = re.compile(r"[@*](?=(?:id|club|public|event)\d)|\[(?=(?:id|club|public|event)\d+\|)")
_JOINER = "\u2060"  # invisible; keeps a sign from being read as a mark
_ENDS = (
    re.compile(r"\n[ \t]*\n"),
    re.compile(r"\n"),
    re.compile(r"[.!?…]['\"»”)\]]*\s"),
    re.compile(r"\s"),
)
_SHORTEST = 3  # a part is cut at a poorer place rather than be shorter than a third of the limit


@dataclass(frozen=True)
class Span:
    """A run of text in one style: `bold`, `italic`, `code`, `link`, or none."""

    text: str
    style: str = ""
    url: str = ""


Render = Callable[[Sequence[Span]], str]


def read(text: str, markup: bool) -> list[Span]:
    """The spans of a text."""
    if not markup:
        return [Span(text)]
    spans: list[Span] = []
    at = 0
    for found in _MARKS.finditer(text):
        if found.start() > at:
            spans.append(Span(text[at : found.start()]))
        style = "link" if found["link"] else str(found.lastgroup)
        spans.append(Span(found[style], style, found["url"] or ""))
        at = found.end()
    if at < len(text):
        spans.append(Span(text[at:]))
    return spans


def plain(spans: Sequence[Span]) -> str:
    """Without any style; where a link leads is said in brackets."""
    return "".join(_linked(span) for span in spans)


def visible(spans: Sequence[Span]) -> str:
    """What the reader sees where links hide their address."""
    return "".join(span.text for span in spans)


def html(spans: Sequence[Span]) -> str:
    """For Telegram and MAX."""
    return "".join(
        _TAGS[span.style].format(_html.escape(span.text, quote=False), _url(span)) for span in spans
    )


def whatsapp(spans: Sequence[Span]) -> str:
    """WhatsApp's own marks; there is no escape, so a sign that would be one gets an invisible joiner."""
    return "".join(_SIGNS[span.style].format(_WHATSAPP_MARKS.sub(_joined, _linked(span))) for span in spans)


def vk(spans: Sequence[Span]) -> str:
    """VK shows no styles to everybody, and reads some signs as mentions."""
    return _VK_MENTION.sub(_joined, plain(spans))


def utf16(text: str) -> int:
    """Length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(spans: Sequence[Span], limit: int, measure: Callable[[Sequence[Span]], int]) -> list[list[Span]]:
    """Cut into parts that measure at most `limit`: between paragraphs, lines, sentences, words, if it can be.

    Nothing but the white space at a cut is lost. `measure` must not shrink when a text grows.
    """
    whole = visible(spans)
    parts: list[list[Span]] = []
    start = 0
    while start < len(whole):
        end = _furthest(spans, start, len(whole), limit, measure)
        if end < len(whole):
            end = _better_end(whole, start, end)
        part = _strip(list(_slice(spans, start, end)))
        if part:
            parts.append(part)
        start = end
    return parts or [[Span("")]]


def _furthest(
    spans: Sequence[Span], start: int, stop: int, limit: int, measure: Callable[[Sequence[Span]], int]
) -> int:
    low, high = start + 1, min(stop, start + limit)
    if measure(list(_slice(spans, start, high))) <= limit:  # nearly every line
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if measure(list(_slice(spans, start, middle))) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _better_end(whole: str, start: int, end: int) -> int:
    least = start + (end - start) // _SHORTEST
    window = whole[start : end + 1]  # the white space itself may lie just behind the limit
    for place in _ENDS:
        best = max((found.end() for found in place.finditer(window)), default=0)
        if start + best > least:
            return min(start + best, end) if best <= end - start else end
    while end > start + 1 and _inside_sign(whole, end):
        end -= 1
    return end


def _inside_sign(whole: str, at: int) -> bool:
    """Whether a cut here would tear an emoji or a letter from its accent."""
    after, before = whole[at], whole[at - 1]
    return (
        unicodedata.combining(after) != 0
        or after in "\u200d\ufe0f\u20e3"
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
    )


def _slice(spans: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    at = 0
    for span in spans:
        left, right = max(start - at, 0), min(end - at, len(span.text))
        if left < right:
            yield replace(span, text=span.text[left:right])
        at += len(span.text)


def _strip(part: list[Span]) -> list[Span]:
    while part and not part[0].text.strip():
        part.pop(0)
    while part and not part[-1].text.strip():
        part.pop()
    if part:
        part[0] = replace(part[0], text=part[0].text.lstrip())
        part[-1] = replace(part[-1], text=part[-1].text.rstrip())
    return part


def _linked(span: Span) -> str:
    return f"{span.text} ({span.url})" if span.url and span.url != span.text else span.text


def _url(span: Span) -> str:
    return _html.escape(span.url, quote=True)


def _joined(found: re.Match[str]) -> str:
    return found[0] + _JOINER


_TAGS = {
    "": "{0}",
    "bold": "<b>{0}</b>",
    "italic": "<i>{0}</i>",
    "code": "<code>{0}</code>",
    "link": '<a href="{1}">{0}</a>',
}
_SIGNS = {"": "{0}", "bold": "*{0}*", "italic": "_{0}_", "code": "`{0}`", "link": "{0}"}
