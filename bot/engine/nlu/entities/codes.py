# ruff: noqa: E501 -- a pattern, like a word list, is read best in one piece
"""Order numbers, tracking numbers, promotion codes, one-time codes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.engine.nlu.entities.base import Context, Found

_ALIKE = str.maketrans("АВЕКМНОРСТУХавекмнорстух", "ABEKMHOPCTYXABEKMHOPCTYX")

_S10 = re.compile(r"(?<![\w-])([A-Z]{2})[ -]?((?:\d[ -]?){9})([A-Z]{2})(?![\w-])", re.IGNORECASE)
_UPS = re.compile(r"(?<![\w-])1Z[ -]?(?:[0-9A-Z][ -]?){15}[0-9A-Z](?![\w-])", re.IGNORECASE)
_POST = re.compile(r"(?<![\w.,№#+-])(?:\d[ -]?){13}\d(?![\w-])")
_USPS = re.compile(r"(?<![\w.,№#+-])9[2-5](?:[ ]?\d){18,20}(?![\w-])")
_TRACK_WORD = (
    r"(?:трек(?:[ -]?(?:номер\w*|код\w*))?|трэк\w*|накладн\w+|отправлени\w+|посылк\w+|отслеживани\w+|шпи|рпо|сдэк\w*|cdek"
    r"|tracking(?:\s+(?:number|no\.?|id|code|#))?|track(?:\s+(?:number|no\.?|id))?|waybill|parcel|package|shipment|awb)"
)
_TRACK_MARKED = re.compile(
    rf"{_TRACK_WORD}[\s:№#.-]*(?:номер\w*|number|no\.?|is|it's|вот)?[\s:№#-]*(?P<id>(?=[A-Z0-9 -]*\d{{4}})[A-Z0-9](?:[ -]?[A-Z0-9]){{9,25}})(?![\w-])",
    re.IGNORECASE,
)

_ID = (
    r"(?P<id>(?:[A-ZА-Я]{1,4}[ -]?)?\d(?:[ -]?\d){2,11}(?:-?[A-ZА-Я]{1,2})?(?![\w])|[A-Z]{1,3}\d[A-Z0-9]{2,10}(?![\w])"
    r"|\d{1,4}[A-Z]{1,4}\d{2,8}(?![\w]))"
)
_ORDER_WORD = r"(?:заказ\w*|заявк\w*|покупк\w*|ордер\w*|зак\.|orders?|purchase|po|ord\.?|invoice)"
_NUMBER_WORD = r"(?:под\s+|за\s+|с\s+)?(?:номер\w*|ном\.|н(?:оме)?р\.?|number|num\.?|no\.?|id|nr\.?|ref(?:erence)?(?:\s+number)?)"
_ORDER_MARKED = re.compile(
    rf"(?<!\w){_ORDER_WORD}(?:\s+(?:вот|мой|is|was|with|my|от меня|такой))?[\s:,(-]*(?:{_NUMBER_WORD})?(?:\s+(?:заказа|is|вот|такой))?[\s:№#\"«(.-]*{_ID}",
    re.IGNORECASE,
)
_NUMBER_MARKED = re.compile(
    rf"(?<!\w)(?:{_NUMBER_WORD}(?:\s+(?:моего\s+|of\s+my\s+|of\s+the\s+)?{_ORDER_WORD})?(?:\s+(?:is|вот|такой|it's))?[\s:№#-]*|[№#]\s*|N[o°º]\.?\s*){_ID}",
    re.IGNORECASE,
)
_ORDER_SHAPE = re.compile(r"(?<![\w-])[A-ZА-Я]{1,4}-?\d{4,10}(?:-\d{1,4})?(?![\w-])")
_SHAPE_LOWER = re.compile(r"(?<![\w-])[a-zа-я]{2,3}-\d{4,10}(?![\w-])")
_BARE = re.compile(r"^\s*(?P<id>\d(?:[ -]?\d){3,9})\s*[.!]?\s*$")
_ALL_DIGITS = re.compile(r"(?<![\w.,:/+-])\d{5,10}(?![\w.,:/%-]*\d)(?![\w%])")
_NOT_ORDER_AFTER = re.compile(
    r"\s*(?:руб|р\b|р\.|₽|\$|€|£|usd|eur|rub|тыс|долл|евро|dollar|pound|euro|kzt|тенге|шт|дн|день|час|мин|процент|%|кг|kg|грамм"
    r"|раз|бонус\w*|балл\w*|point|янв|фев|мар|апр|ма[йяе]\b|июн|июл|авг|сен|окт|ноя|дек|лет|год|товар\w*|позици\w*|items?\b|days?|hours?)",
    re.IGNORECASE,
)
_NOT_ORDER_BEFORE = re.compile(
    r"(?:тел\w*|phone|карт\w*|card|инн|снилс|индекс\w*|zip|postcode|код\w*|code|дом\w*|кв\w*|артикул\w*|sku|сумм\w*|за|на сумму|for|кабинет\w*|серийн\w*|serial"
    r"|окн[оа]|паспорт\w*|passport|flat|apt|apartment|room|офис)[\s.:№#-]*(?:номер\w*|number|no\.?|is)?[\s.:№#-]*$",
    re.IGNORECASE,
)

_PROMO_WORD = (
    r"(?:промо[- ]?код\w*|промик\w*|купон\w*|код\w*\s+(?:на\s+)?скидк\w*|скидочн\w+\s+код\w*|promo(?:tion(?:al)?)?[ -]?codes?|promo|coupon(?:\s+code)?"
    r"|voucher(?:\s+code)?|discount\s+code|gift\s+code|code)"
)
_PROMO_ID = r"[\"'«“]?(?P<id>[A-Za-zА-Яа-я0-9][A-Za-zА-Яа-я0-9_-]{2,19})[\"'»”]?(?![\w@-])"
_PROMO_AFTER = re.compile(
    rf"(?<!\w){_PROMO_WORD}[\s:,-]*(?:(?:is|вот|мой|the|called|такой|по имени)\s+)?{_PROMO_ID}", re.IGNORECASE
)
_PROMO_BEFORE = re.compile(rf"(?<!\w){_PROMO_ID}\s+(?:{_PROMO_WORD})", re.IGNORECASE)
_PROMO_SHAPE = re.compile(
    r"(?<![\w-])(?=[A-ZА-Я0-9_-]*[A-ZА-Я]{3})(?=[A-ZА-Я0-9_-]*\d)[A-ZА-Я0-9_-]{4,20}(?![\w-])"
)
_PROMO_TALK = re.compile(r"промо|купон|скидк|promo|coupon|voucher|discount|code\b", re.IGNORECASE)

_CODE = re.compile(
    r"(?:код\w*(?:\s+(?:из\s+)?(?:смс|sms|письма|подтверждени\w+))?|code(?:\s+is)?|otp|pin|пин\w*)[\s:-]*(?:is\s+|вот\s+)?(?P<id>\d(?:[ -]?\d){3,7})(?!\w)",
    re.IGNORECASE,
)


def find_tracking_numbers(context: Context) -> Iterator[Found]:
    """UPU S10 (RA123456785RU), 14 digits of Russian Post, UPS, USPS, and any long number a tracking word
    names.
    """
    text = context.text
    for pattern in (_S10, _UPS, _POST, _USPS):
        for m in pattern.finditer(text):
            value = _plain(m.group())
            if pattern is _POST and (value[0] not in "1234568" or _card_before(text, m.start())):
                continue
            yield Found("tracking_number", m.start(), m.end(), value, 95)
    for m in _TRACK_MARKED.finditer(text):
        value = _plain(m["id"])
        words = re.split(r"[ -]", m["id"])
        if (
            all(any(c.isdigit() for c in w) or w.isupper() for w in words)
            and sum(c.isdigit() for c in value) >= 6
        ):
            yield Found("tracking_number", m.start("id"), m.end("id"), value, 94)


def _card_before(text: str, at: int) -> bool:
    return bool(re.search(r"(?:карт\w*|card)[\s:№#-]*$", text[:at], re.IGNORECASE))


_PREPOSITION = re.compile(
    r"(?:из|на|по|от|за|к|в|с|о|об|до|у|is|in|of|on|to|by|my|for|and|и) ", re.IGNORECASE
)


def find_order_ids(context: Context) -> Iterator[Found]:
    """Order numbers: named («заказ № АВ-1234»), of the usual shape (ZB-10234), or alone in the message."""
    text = context.text
    for pattern, priority in ((_ORDER_MARKED, 80), (_NUMBER_MARKED, 78)):
        for m in pattern.finditer(text):
            if pattern is _NUMBER_MARKED and _NOT_ORDER_BEFORE.search(text[: m.start()]):
                continue
            found = _order(text, m.start("id"), m.end("id"), priority)
            if found:
                yield found
    for pattern in (_ORDER_SHAPE, _SHAPE_LOWER):
        for m in pattern.finditer(text):
            if not _PROMO_TALK.search(text) and not _NOT_ORDER_BEFORE.search(text[: m.start()]):
                found = _order(text, m.start(), m.end(), 70)
                if found:
                    yield found
    if bare := _BARE.match(text):
        found = _order(text, bare.start("id"), bare.end("id"), 40)
        if found:
            yield found
    for m in _ALL_DIGITS.finditer(text):
        if not _NOT_ORDER_BEFORE.search(text[: m.start()]) and not _PROMO_TALK.search(text):
            found = _order(text, m.start(), m.end(), 35)
            if found:
                yield found


def _order(text: str, start: int, end: int, priority: int) -> Found | None:
    if preposition := _PREPOSITION.match(text, start, end):  # «из 1009» is no number with letters
        start = preposition.end()
    raw = text[start:end].rstrip(" -")
    end = start + len(raw)
    if _NOT_ORDER_AFTER.match(text[end:]) or re.match(r"[.,:/]\d|[./-]\d\d", text[end:]):
        return None
    value = _plain(raw)
    digits = sum(c.isdigit() for c in value)
    if digits < 3 or (value.isdigit() and not 3 <= digits <= 12):
        return None
    if re.search(r"[a-zа-я]{3}", raw) and " " in raw:
        return None
    if value.isdigit() and digits == 4 and 2000 <= int(value) <= 2035 and priority < 78:
        return None
    return Found("order_id", start, end, value, priority)


def find_promo_codes(context: Context) -> Iterator[Found]:
    """Codes named as such, in capitals or with a digit; known codes anywhere."""
    text = context.text
    for pattern in (_PROMO_AFTER, _PROMO_BEFORE):
        for m in pattern.finditer(text):
            code = m["id"]
            quoted = text[m.start("id") - 1 : m.start("id")] in {'"', "'", "«", "“"}
            telling = any(c.isdigit() for c in code) and any(c.isalpha() for c in code)
            if telling or quoted or (code.isupper() and len(code) >= 4 and not text.isupper()):
                yield Found("promo_code", m.start("id"), m.end("id"), code.upper(), 85)
    if _PROMO_TALK.search(text):
        for m in _PROMO_SHAPE.finditer(text):
            yield Found("promo_code", m.start(), m.end(), m.group().upper(), 75)
    known = context.lookups.promo_code
    if known:
        for word in context.words:
            if word.form in known:
                yield Found("promo_code", word.start, word.end, known[word.form], 86)


def find_one_time_codes(context: Context) -> Iterator[Found]:
    """Four to eight digits that the customer calls a code, or that are the whole message."""
    if (m := _BARE.match(context.text)) and 4 <= len(value := re.sub(r"\D", "", m["id"])) <= 8:
        yield Found("code", m.start("id"), m.end("id"), value, 82)
        return
    for m in _CODE.finditer(context.text):
        value = re.sub(r"\D", "", m["id"])
        if 4 <= len(value) <= 8 and not _PROMO_TALK_RU.search(context.text):
            yield Found("code", m.start("id"), m.end("id"), value, 82)


_PROMO_TALK_RU = re.compile(r"промо|купон|скидк|promo|coupon|voucher|discount|zip|индекс", re.IGNORECASE)


def _plain(raw: str) -> str:
    """Upper case, letters and digits only; Cyrillic letters that look Latin are taken for Latin."""
    letters = re.sub(r"[\W_]", "", raw).upper()
    alike = letters.translate(_ALIKE)
    return alike if alike.isascii() else letters
