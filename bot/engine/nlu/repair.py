# ruff: noqa: E501 -- a table or a pattern is read best in one piece
"""Repair of what a keyboard or a habit did to a message, before it is classified.

Wrong layout («ghbdtn», «руддщ»), Russian in Latin letters («gde moi zakaz»), stretched letters. A message is
touched only when most of its words become known words and were not known before, so clean text stays as it
is. Entities are read from the message as it was written; a change of layout keeps every character's place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from pathlib import Path

from bot.engine.nlu.morphology import known, lemma
from bot.engine.nlu.text import is_cyrillic

_FOLDER = Path(__file__).parent / "data"

_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>~"
_RUSSIAN = "йцукенгшщзхъфывапролджэячсмитьбюёЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮЁ"
_TO_RUSSIAN = str.maketrans(_LATIN, _RUSSIAN)
_TO_LATIN = str.maketrans(_RUSSIAN, _LATIN)

_SOUNDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("shch", ("щ",)), ("sch", ("щ",)), ("zh", ("ж",)), ("kh", ("х",)), ("ts", ("ц", "тс")), ("tz", ("ц",)),
    ("ch", ("ч",)), ("sh", ("ш",)), ("yu", ("ю",)), ("ju", ("ю",)), ("iu", ("ю",)), ("ya", ("я",)), ("ja", ("я",)),
    ("ia", ("я", "иа")), ("yo", ("е",)), ("jo", ("е",)), ("ye", ("е",)), ("je", ("е",)), ("ey", ("ей",)),
    ("a", ("а",)), ("b", ("б",)), ("c", ("ц", "к", "с")), ("d", ("д",)), ("e", ("е", "э")), ("f", ("ф",)), ("g", ("г",)),
    ("h", ("х",)), ("i", ("и", "й")), ("j", ("й", "ж")), ("k", ("к",)), ("l", ("л", "ль")), ("m", ("м",)),
    ("n", ("н", "нь")), ("o", ("о",)), ("p", ("п",)), ("q", ("к",)), ("r", ("р",)), ("s", ("с",)), ("t", ("т", "ть")),
    ("u", ("у",)), ("v", ("в",)), ("w", ("в", "ш")), ("x", ("х", "кс")), ("y", ("й", "ы", "и")), ("z", ("з",)),
    ("'", ("ь",)), ("4", ("ч",)), ("6", ("ш",)),
)  # fmt: skip
_CANDIDATES = 96
_STRETCH = re.compile(r"([^\W\d_])\1{2,}")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@dataclass(frozen=True)
class Repaired:
    """The text to classify; `kind`: none, layout, translit or stretch; `aligned`: characters kept their
    places.
    """

    text: str
    kind: str
    aligned: bool


@lru_cache(maxsize=1)
def _english() -> frozenset[str]:
    found: set[str] = set()
    for name in ("english_words.txt", "concepts.txt", "products.csv", "plans.csv", "cities.csv"):
        text = "\n".join(
            line
            for line in (_FOLDER / name).read_text(encoding="utf-8").splitlines()
            if not line.startswith("#")
        )
        found |= set(re.findall(r"[a-z][a-z']*", text.lower()))
    return frozenset(found)


def repair(text: str) -> Repaired:
    """Put right what is wrong with most of the message, or leave it alone."""
    latin = [w for w in _WORD.findall(text) if not is_cyrillic(w)]
    cyrillic = [w for w in _WORD.findall(text) if is_cyrillic(w)]
    if latin and not cyrillic and "@" not in text and "://" not in text:
        if fixed := _layout(text):
            return Repaired(fixed, "layout", True)
        if fixed := _transliterated(text, latin):
            return Repaired(fixed, "translit", False)
    elif cyrillic and not latin and (fixed := _other_layout(text, cyrillic)):
        return Repaired(fixed, "layout", True)
    calm = _STRETCH.sub(_unstretch, text)
    return Repaired(calm, "stretch" if calm != text else "none", calm == text)


def _unstretch(match: re.Match[str]) -> str:
    return match.group(1)


@lru_cache(maxsize=5_000)
def _is_russian(word: str) -> bool:
    return known(word.lower().replace("ё", "е")) or known(word.lower())


def _layout(text: str) -> str | None:
    """The text typed on the other layout, when its words are Russian then and not English now."""
    tokens = text.split()
    hits = misses = long_hits = 0
    for token in tokens:
        bare = token.strip('!?()"-0123456789')
        if not bare or not re.search(r"[A-Za-z]", bare):
            continue
        word = bare.lower()
        if word.strip(",.:;'") in _english():
            misses += 1
            continue
        turned = word.translate(_TO_RUSSIAN)
        shorter = word.rstrip(",.:;").translate(_TO_RUSSIAN)
        if turned.isalpha() and (_is_russian(turned) or (shorter and _is_russian(shorter))):
            hits += 1
            long_hits += len(shorter) >= 4
        else:
            misses += 1
    if not hits or hits < 2 * misses or not (long_hits or hits >= 3):
        return None
    return re.sub(r"\S+", lambda m: _turn(m.group()), text)


def _turn(token: str) -> str:
    tail = re.search(r"[,.:;]+$", token)
    if tail:
        body = token[: tail.start()]
        whole = token.translate(_TO_RUSSIAN)
        if not (whole.isalpha() and _is_russian(whole)):
            return body.translate(_TO_RUSSIAN) + tail.group()
    return token.translate(_TO_RUSSIAN)


def _other_layout(text: str, words: list[str]) -> str | None:
    """English typed on the Russian layout: no word is Russian, and most become common English ones."""
    if any(len(w) > 2 and _is_russian(w) for w in words):
        return None
    turned = text.translate(_TO_LATIN)
    english = [w for w in re.findall(r"[a-z']+", turned.lower()) if len(w) > 1]
    hits = sum(w in _english() for w in english)
    if not english or hits * 2 < len(english) or not any(len(w) > 3 and w in _english() for w in english):
        return None
    return turned


@lru_cache(maxsize=5_000)
def _sounded(word: str) -> str | None:
    """A Russian word that this Latin spelling sounds like."""
    parts: list[tuple[str, ...]] = []
    place = 0
    while place < len(word):
        for latin, russian in _SOUNDS:
            if word.startswith(latin, place):
                parts.append(russian if len(russian) == 1 or place else russian[:2])
                place += len(latin)
                break
        else:
            return None
    for spelling in islice(product(*parts), _CANDIDATES):
        candidate = "".join(spelling)
        if _is_russian(candidate):
            return candidate
    return None


def _transliterated(text: str, words: list[str]) -> str | None:
    """Russian in Latin letters: no word is English, most sound like Russian ones, and common ones among
    them.
    """
    lower = [w.lower() for w in words]
    if any((len(w) > 2 and w in _english()) or _ENGLISH_SPELLING.search(w) for w in lower):
        return None
    telling = [w for w in lower if len(w) > 2]
    hits = [w for w in telling if _sounded(w)]
    if not hits or len(hits) * 4 < len(telling) * 3 or not any(len(w) > 3 for w in hits):
        return None
    if sum(_is_common(str(_sounded(w))) for w in hits) * 2 < len(hits):
        return None
    return _WORD.sub(lambda m: _sounded(m.group().lower()) or m.group(), text)


_ENGLISH_SPELLING = re.compile(
    r"th|ck|ee|oo|ea|ou|wh|ph|qu|igh|tion|ll|ss(?!k)|tt|ff|rr|ing$|[^aeiouy]le$|'(?:s|m|d|ll|ve|re|t)$"
)


def _is_common(word: str) -> bool:
    """Whether the word, in any form, is one of customer service's, or one that every sentence needs."""
    return lemma(word) in _common_russian()


@lru_cache(maxsize=1)
def _common_russian() -> frozenset[str]:
    lines = (_FOLDER / "concepts.txt").read_text(encoding="utf-8").splitlines()
    listed = re.findall("[а-яё]+", "\n".join(line for line in lines if not line.startswith("#")))
    return frozenset(lemma(w.replace("ё", "е")) for w in listed) | frozenset(_EVERYDAY.split())


_EVERYDAY = """я ты он она мы вы они мой твой свой ваш наш этот тот весь сам такой какой который кто что где
когда куда как почему зачем сколько и а но или если чтобы потому что-то быть стать мочь хотеть знать думать
сказать говорить видеть дать делать сделать идти пойти работать у в на с по из за к до от о об для без при про
не ни да нет уже еще только очень тоже вот тут там здесь сейчас потом можно нельзя надо нужно номер меня мне вас вам"""
