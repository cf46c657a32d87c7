"""Products and subscription plans: what the company's data names, else packaged everyday words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from bot.engine.nlu.entities.base import Context, Found, Word
from bot.engine.nlu.morphology import lemma

_FOLDER = Path(__file__).parent.parent / "data"
_LONGEST = 5
_PLAN_WORD = re.compile(
    r"тариф|план|подписк|пакет|абонемент|аккаунт|версии|версию|plan|subscription|tier|membership|package|upgrade|downgrade|перейти|перевед|переключ|switch"
)


def _phrase_key(words: list[str]) -> str:
    return " ".join(lemma(w) for w in words)


@lru_cache(maxsize=4)
def _packaged(name: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for line in (_FOLDER / name).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        value, *spellings = [part.strip() for part in line.split(",")]
        for spelling in (value, *spellings):
            table[key_of(spelling)] = value
    return table


def key_of(spelling: str) -> str:
    """Dictionary forms of a name's words, so that any case form of it is found."""
    return _phrase_key(re.findall(r"[^\W_]+", spelling.lower().replace("ё", "е")))


def find_products(context: Context) -> Iterator[Found]:
    """Products by their names in any case form; the value is the catalogue's name."""
    table = {**_packaged("products.csv"), **context.lookups.product}
    yield from _named(context.words, table, "product", 25)


def find_plans(context: Context) -> Iterator[Found]:
    """Plans by name, where plans or subscriptions are spoken of; the company's own names anywhere."""
    yield from _named(context.words, context.lookups.plan, "plan", 37)
    if _PLAN_WORD.search(context.shadow.text):
        yield from _named(context.words, _packaged("plans.csv"), "plan", 36)


def _named(words: list[Word], table: dict[str, str], entity: str, priority: int) -> Iterator[Found]:
    if not table:
        return
    forms = [lemma(w.form) for w in words]
    i = 0
    while i < len(words):
        for length in range(min(_LONGEST, len(words) - i), 0, -1):
            value = table.get(" ".join(forms[i : i + length]))
            if value is not None:
                yield Found(entity, words[i].start, words[i + length - 1].end, value, priority + length)
                i += length - 1
                break
        i += 1
