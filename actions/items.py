"""Which goods of an order are meant."""

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

from actions.answers import suggest
from actions.dialogue import Option, Talk
from actions.turn import Turn
from actions.wording import Wording
from crm_bridge.company.catalogue import Catalogue, Good
from crm_bridge.orders import ItemView

SAME = 4  # letters at the beginning that two forms of a word share
OFFERED = 5
_WORD = re.compile(r"[^\W_]+")


class Titled(Protocol):
    """Something with a name."""

    @property
    def title(self) -> str: ...


Named = TypeVar("Named", bound=Titled)


async def choose_item(
    talk: Talk, question: str, response: str, items: Sequence[ItemView], *more: Option
) -> str:
    """The id of an item, or the key of one of the other options: named before, the only one, or chosen."""
    suggest(talk, question, _the_only(talk.task.text, items, bool(more)))
    options = [item_option(talk.words, item) for item in items]
    return await talk.choose(
        question, response, [*options, *more], "human_agent", read=lambda turn: _named(turn, items)
    )


def item_option(words: Wording, item: ItemView) -> Option:
    """An item as an answer."""
    return Option(str(item.id), item_title(words, item.title, item.quantity))


def item_title(words: Wording, title: str, quantity: int) -> str:
    """Goods and how many of them."""
    return words.text("item.several", title=title, n=quantity) if quantity > 1 else title


def named_items(text: str, items: Sequence[Named]) -> list[Named]:
    """The things whose names stand in a text in any grammatical form."""
    words = _WORD.findall(text.lower().replace("ё", "е"))
    return [item for item in items if any(_alike(word, part) for word in words for part in _parts(item))]


def goods_named(catalogue: Catalogue, text: str) -> list[Good]:
    """The goods of the catalogue that a text speaks of."""
    said = " " + " ".join(_WORD.findall(text.lower().replace("ё", "е")))
    return [good for good in catalogue.goods if any(f" {word}" in said for word in _starts(good))]


def quantity_of(entities: object) -> int | None:
    """A whole number of pieces, at least one."""
    return int(entities) if isinstance(entities, str) and entities.isdecimal() and int(entities) else None


def _starts(good: Good) -> list[str]:
    return [" ".join(_WORD.findall(word.lower().replace("ё", "е"))) for word in good.words]


def _the_only(text: str, items: Sequence[ItemView], choice: bool) -> str | None:
    named = named_items(text, items)
    if len(named) == 1:
        return str(named[0].id)
    return str(items[0].id) if len(items) == 1 and not choice else None


def _named(turn: Turn, items: Sequence[ItemView]) -> str | None:
    named = named_items(turn.text, items)
    return str(named[0].id) if len(named) == 1 else None


def _parts(item: Titled) -> list[str]:
    return _WORD.findall(item.title.lower().replace("ё", "е"))


def _alike(said: str, part: str) -> bool:
    """Whether a word is a form of a word of a title: they differ in the ending at most."""
    if len(part) < SAME:
        return said == part
    shared = max(SAME, len(part) - 2)
    return said[:shared] == part[:shared]
