"""Beginnings of words without their endings, Russian and English.

Russian follows the Snowball algorithm (snowballstem.org/algorithms/russian/stemmer.html); English takes off
the commonest endings, which is enough to make *batteries* and *battery* one word.
"""

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_CYRILLIC = re.compile(r"[а-я]")
_VOWELS = "аеиоуыэюя"


def _ending(after_a: str, plain: str = "") -> re.Pattern[str]:
    """Endings that stand after «а» or «я», and endings that stand anywhere; the longest first."""
    by_length = sorted(plain.split(), key=len, reverse=True)
    guarded = sorted(after_a.split(), key=len, reverse=True)
    parts = [*([f"(?:{'|'.join(by_length)})"] if by_length else [])]
    if guarded:
        parts.append(f"(?<=[ая])(?:{'|'.join(guarded)})")
    return re.compile(f"(?:{'|'.join(parts)})$")


_GERUND = _ending("в вши вшись", "ив ивши ившись ыв ывши ывшись")
_REFLEXIVE = _ending("", "ся сь")
_ADJECTIVE = _ending(
    "", "ее ие ые ое ими ыми ей ий ый ой ем им ым ом его ого ему ому их ых ую юю ая яя ою ею"
)
_PARTICIPLE = _ending("ем нн вш ющ щ", "ивш ывш ующ")
_VERB = _ending(
    "ла на ете йте ли й л ем н ло но ет ют ны ть ешь нно",
    "ила ыла ена ейте уйте ите или ыли ей уй ил ыл им ым ен "
    "ило ыло ено ят ует уют ит ыт ены ить ыть ишь ую ю",
)
_NOUN = _ending(
    "",
    "а ев ов ие ье е иями ями ами еи ии и ией ей ой ий й иям ям "
    "ием ем ам ом о у ах иях ях ы ь ию ью ю ия ья я",
)
_QUALITY = re.compile(r"(?<=[^аеиоуыэюя])ость?$")
_SUPERLATIVE = _ending("", "ейш ейше")
_ENGLISH = (
    ("ies", "y"),
    ("sses", "ss"),
    ("ing", ""),
    ("edly", ""),
    ("ed", ""),
    ("es", ""),
    ("ly", ""),
    ("s", ""),
)


_SOFT_SIGN = re.compile(r"([аяиу]е)ться\b")  # «заряжаеться» is how many write «заряжается»


def stems(text: str) -> list[str]:
    """The words of a text by their stems, in order."""
    plain = _SOFT_SIGN.sub(r"\1тся", text.lower().replace("ё", "е").replace("'s", ""))
    return [stem(word) for word in _WORD.findall(plain)]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The stem of one word in lower case."""
    return _russian(word) if _CYRILLIC.search(word) else _english(word)


def _russian(word: str) -> str:
    first = next((at for at, letter in enumerate(word) if letter in _VOWELS), None)
    if first is None:
        return word
    head, rest = word[: first + 1], word[first + 1 :]
    shorter = _GERUND.sub("", rest)
    if shorter == rest:
        shorter = _without_form(_REFLEXIVE.sub("", rest))
    shorter = shorter.removesuffix("и")
    shorter = _QUALITY.sub("", shorter)
    shorter = _SUPERLATIVE.sub("", shorter)
    if shorter.endswith("нн"):
        shorter = shorter[:-1]
    return head + shorter.removesuffix("ь")


def _without_form(rest: str) -> str:
    adjective = _ADJECTIVE.sub("", rest)
    if adjective != rest:
        return _PARTICIPLE.sub("", adjective)
    verb = _VERB.sub("", rest)
    return verb if verb != rest else _NOUN.sub("", rest)


def _english(word: str) -> str:
    for ending, instead in _ENGLISH:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            cut = word[: -len(ending)] + instead
            return cut.removesuffix("e") if len(cut) > 3 else cut
    return word.removesuffix("e") if len(word) > 4 else word
