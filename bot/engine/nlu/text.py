"""Cleaning of a message and its cutting into words. Nothing here depends on a language's dictionary."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

WORD_JOINER = "\u2060"  # put before a leading slash by the guard; carries no meaning

_INVISIBLE = re.compile("[\u2060\u200b-\u200f\u202a-\u202e\ufeff\u00ad\ufe0f]")
_URL = re.compile(r"(?:https?://|www\.)\S+")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_LONG_NUMBER = re.compile(r"\d[\d\s()+-]{2,}\d|\d{3,}")
_STRETCH = re.compile(r"([^\W\d_])\1{2,}")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[?!$€£₽%@]|[\U0001F300-\U0001FAFF\u2600-\u27BF]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_LATIN = re.compile("[a-zA-Z]")

_APOSTROPHES = str.maketrans("’‘`", "'''")
_CLITIC = re.compile(r"(?<=\w)'(?:s|ve|re|ll|m)$")
_ENGLISH_ENDINGS = re.compile(r"(?:ations?|ments?|ings?|ed|ies|es|s|ly|ers?|e)$")


def is_cyrillic(word: str) -> bool:
    """Whether the word has at least one Cyrillic letter."""
    return _CYRILLIC.search(word) is not None


def script_language(text: str) -> str:
    """`ru` when Cyrillic letters are at least a third of all letters, else `en`."""
    cyrillic = len(_CYRILLIC.findall(text))
    latin = len(_LATIN.findall(text))
    return "ru" if cyrillic and cyrillic * 2 >= latin else "en"


def clean(text: str) -> str:
    """Lower case, ё as е, no invisible characters, numbers and addresses as shapes, stretches shortened.

    Two different order numbers must look alike to the classifier, so a number of three digits and more
    becomes `000`; what the number is, is the extractor's business.
    """
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).lower().replace("ё", "е")
    text = text.translate(_APOSTROPHES)
    text = _MAIL.sub(" mailaddress ", _URL.sub(" webaddress ", text))
    text = _LONG_NUMBER.sub("000", text)
    return _STRETCH.sub(r"\1\1", text)


def words(cleaned: str) -> list[str]:
    """Words, short numbers, and the signs that carry meaning (question, currency, emoji)."""
    return _WORD.findall(cleaned)


_DOUBLED = re.compile(r"(?:([bdgkmnprt])\1|(?<=\w{4})(l)l)$")


@lru_cache(maxsize=1)
def _irregular() -> dict[str, str]:
    lines = (Path(__file__).parent / "data" / "irregular_en.txt").read_text(encoding="utf-8").splitlines()
    pairs = [tuple(pair.split("=")) for line in lines if not line.startswith("#") for pair in line.split()]
    return dict(pairs)  # type: ignore[arg-type]


@lru_cache(maxsize=20_000)
def english_stem(word: str) -> str:
    """A light stem: irregular forms by a list, endings off while three letters remain.

    `delivered` meets `delivery`, `shipping` meets `ship`, `paid` meets `pay`.
    """
    word = _CLITIC.sub("", _irregular().get(word, word))
    word = _irregular().get(word, word)
    if len(word) < 5:
        return word
    stem = _ENGLISH_ENDINGS.sub("", word)
    if len(stem) < 3:
        return word
    if stem != word:
        stem = _DOUBLED.sub(lambda m: m[1] or m[2], stem)
    if stem.endswith(("i", "y")) and len(stem) > 3:
        stem = stem[:-1]
    return stem
