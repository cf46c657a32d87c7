# ruff: noqa: E501 -- a pattern, like a word list, is read best in one piece
"""E-mail addresses and telephone numbers (E.164)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

from bot.engine.nlu.entities.base import Context, Found

_MAIL = re.compile(
    r"(?<![\w.+-])[a-z0-9](?:[a-z0-9._%+-]*[a-z0-9_%+-])?@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}(?![\w@])",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![\w№#/.-])(?:\+|00)?\(?\d[\d\s().\u00a0-]{5,20}\d(?![\w-])(?!\.\d)")
_ASKED = re.compile(
    r"(?:тел\b|телефон\w*|номер\w* тел|мобильн\w*|сотов\w*|звон\w+|набер\w+|phone|mobile|cell|call|number is|whats?app|ват?сап\w*)",
    re.I,
)
_ORDER = re.compile(
    r"(?:заказ\w*|order|№|#|трек\w*|track\w*|накладн\w*|отправлени\w*|карт[аыеу]\w*|card|сч[её]т\w*|invoice|инн|снилс)[\s:№#-]*(?:номер\w*|number|no\.?|is|id)?[\s:№#-]*$",
    re.I,
)


def find_emails(context: Context) -> Iterator[Found]:
    """E-mail addresses, lower case."""
    for m in _MAIL.finditer(context.text):
        yield Found("email", m.start(), m.end(), m.group().lower(), 100)


def find_phones(context: Context) -> Iterator[Found]:
    """Numbers that some numbering plan has; ten or eleven digits without a plus are read as Russian first."""
    for m in _DIGITS.finditer(context.text):
        raw = m.group().strip()
        digits = re.sub(r"\D", "", raw)
        before = context.text[: m.start()]
        if not 10 <= len(digits) <= 15 or _ORDER.search(before):
            continue
        value = _e164(raw, digits, bool(_ASKED.search(context.text)), context.language)
        if value:
            end = m.start() + len(m.group().rstrip())
            yield Found("phone", m.start(), end, value, 90)


def _e164(raw: str, digits: str, asked: bool, language: str) -> str | None:
    if raw.startswith("+"):
        return _valid("+" + digits, None)
    if raw.startswith("00"):
        return _valid("+" + digits[2:], None)
    if len(digits) == 11 and digits[0] in "78" and digits[1] in "3456789":
        return _valid("+7" + digits[1:], None)
    formatted = bool(re.search(r"[\s()-]", raw.strip()))
    if len(digits) == 10 and digits[0] == "9" and (asked or formatted) and language == "ru":
        return _valid("+7" + digits, None)
    if len(digits) == 10 and (asked or formatted):
        return _valid(digits, "US") or _valid(digits, "RU")
    if len(digits) == 11 and (asked or formatted):
        return _valid(digits, "US") or _valid(digits, "GB")
    return None


def _valid(number: str, region: str | None) -> str | None:
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    if not phonenumbers.is_valid_number(parsed) and not _reserved(parsed):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _reserved(parsed: phonenumbers.PhoneNumber) -> bool:
    """Numbers kept for examples (`+1 555 …`): a customer's page shows them, so they count as telephones."""
    return (
        parsed.country_code == 1 and str(parsed.national_number)[3:6] == "555"
    ) or parsed.country_code in {7, 44}
