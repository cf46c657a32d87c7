# ruff: noqa: E501 -- a pattern, like a word list, is read best in one piece
"""Amounts of money: `<minor units> <ISO 4217>`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from bot.engine.nlu.entities.base import Context, Found

_CURRENCIES = (
    ("RUB", r"₽|руб(?:л\w+|\.)?|р\.(?!\w)|р\b|rub(?:les?)?|rur|деревянн\w+|целков\w+"),
    ("USD", r"us\s?\$|\$|долл?ар\w*|долл?\b|бакс\w*|usd|dollars?|bucks?"),
    ("EUR", r"€|евро|eur(?:os?)?"),
    ("GBP", r"£|фунт\w*(?:\s+стерлинг\w*)?|gbp|pounds?|quid"),
    ("KZT", r"₸|тенге|kzt|tenge"),
    ("BYN", r"byn|бел\.?\s?руб\w*|белорусск\w+\s+рубл\w+"),
    ("UAH", r"₴|гривн\w+|гривен|uah"),
    ("CNY", r"юан\w+|cny|yuan"),
    ("AED", r"дирхам\w*|aed|dirhams?"),
    ("TRY", r"₺|турецк\w+\s+лир\w*|лир[аыу]?|try(?=\s*$)"),
    ("INR", r"₹|руп(?:ий|ии|ия)\w*|inr|rupees?|rs\.?"),
    ("JPY", r"¥|иен\w*|йен\w*|jpy|yen"),
)
_MINOR = {"JPY": 1}  # minor units in a major one; 100 for the rest
_NUMBER = r"(?P<n>\d{1,3}(?:[ \u00a0'.,]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?|полтор[аы]|пол)"
_SCALE = r"(?:\s*(?P<scale>тыс(?:яч\w*|\.)?|тыщ\w*|штук\w*\s+(?=руб)|кк?(?![а-я])|k(?![a-z])|thousand|grand|млн\.?|миллион\w*|million|m(?![a-z])|сот\w*))?"
_BEFORE = "|".join(
    f"(?P<b{code}>{p})"
    for code, p in _CURRENCIES
    if code in {"USD", "EUR", "GBP", "RUB", "KZT", "INR", "JPY"}
)
_AFTER = "|".join(f"(?P<a{code}>{p})" for code, p in sorted(_CURRENCIES, key=lambda c: c[0] != "BYN"))
_CENTS = r"(?:\s*(?:и|and|,)?\s*(?P<cents>\d{1,2})\s*(?:коп\w*|к\.|цент\w*|cents?|pence|p\b))?"
_AMOUNT_AFTER = re.compile(rf"(?<![\w.,№#-]){_NUMBER}{_SCALE}\s*(?:{_AFTER})(?!\w){_CENTS}")
_AMOUNT_BEFORE = re.compile(rf"(?<!\w)(?:{_BEFORE})\s*{_NUMBER}{_SCALE}(?![\d%])")
_SLANG = re.compile(
    r"(?<![\w.,№#-])(?P<n>\d{1,3}(?:[.,]\d)?|полтор[аы])\s*(?P<scale>тыс(?:яч\w*|\.)?|тыщ\w*|косар\w*|к(?![а-я]))(?!\w)"
)
_COINS = re.compile(r"(?<![\w.,])(?P<n>\d{1,3})\s*(?P<coin>копе\w+|коп\.?|cents?|цент\w*|pence)(?!\w)")


def find_amounts(context: Context) -> Iterator[Found]:
    """Amounts with a currency; «5 тысяч» and «5к» without one are roubles in Russian."""
    shadow = context.shadow
    for m in _AMOUNT_AFTER.finditer(shadow.text):
        code = next(k[1:] for k, v in m.groupdict().items() if v and k.startswith("a"))
        yield context.found("amount", m, _value(m["n"], m["scale"], code, m["cents"]), 65)
    for m in _AMOUNT_BEFORE.finditer(shadow.text):
        code = next(k[1:] for k, v in m.groupdict().items() if v and k.startswith("b"))
        if code == "RUB" and m["bRUB"] in {"р", "р."}:
            continue
        yield context.found("amount", m, _value(m["n"], m["scale"], code, None), 64)
    if context.language == "ru":
        for m in _SLANG.finditer(shadow.text):
            yield context.found("amount", m, _value(m["n"], m["scale"], "RUB", None), 60)
    for m in _COINS.finditer(shadow.text):
        code = "RUB" if m["coin"].startswith("коп") else "GBP" if m["coin"] == "pence" else "USD"
        yield context.found("amount", m, f"{int(m['n'])} {code}", 59)


def _value(number: str, scale: str | None, code: str, cents: str | None) -> str:
    minor = _MINOR.get(code, 100)
    total = _decimal(number) * _scale(scale) * minor
    if cents and minor == 100:
        total += int(cents)
    return f"{int(total)} {code}"


def _scale(word: str | None) -> int:
    if not word:
        return 1
    if word.startswith(("млн", "мил", "mil", "кк")) or word == "m":
        return 1_000_000
    return 100 if word.startswith("сот") else 1000


def _decimal(number: str) -> Decimal:
    if number.startswith("полтор"):
        return Decimal("1.5")
    if number == "пол":
        return Decimal("0.5")
    plain = re.sub(r"[ \u00a0']", "", number)
    fraction = re.search(r"[.,](\d{1,2})$", plain)
    whole = re.sub(r"[.,]", "", plain[: fraction.start()] if fraction else plain)
    return Decimal(f"{whole}.{fraction[1]}" if fraction else whole)
