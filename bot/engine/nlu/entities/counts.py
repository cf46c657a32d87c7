# ruff: noqa: E501 -- a pattern, like a word list, is read best in one piece
"""Quantities and ratings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.engine.nlu.entities.base import Context, Found
from bot.engine.nlu.morphology import parse
from bot.engine.nlu.text import is_cyrillic

_RU_PIECES = (
    r"шт(?:ук\w*|\.)?|пар[аыу]?|упаков\w+|уп\.|пач\w+|короб\w+|комплект\w*|набор\w*|бан\w+|бутыл\w+|единиц\w*|экземпляр\w*"
    r"|позици\w+|товар\w*|предмет\w*|мешк\w+|рулон\w*|метр\w*|кг|килограмм\w*|кило|литр\w*|грамм\w*|мест[ао]?|персон\w*|билет\w*"
)
_EN_PIECES = (
    r"pcs?|pieces?|pairs?|packs?|packages?|boxes|box|sets?|bottles?|cans?|units?|copies|copy|items?|products?|bags?|rolls?|kg|kilos?"
    r"|tickets?|of (?:them|these|those)"
)
_PIECES = re.compile(
    rf"(?<![\w.,:/№#$€£₽+-])(?P<n>\d{{1,4}})\s*(?:-?х\s*)?(?:{_RU_PIECES}|{_EN_PIECES})(?!\w)"
)
_TIMES = re.compile(r"(?<![\w.,])(?:[xх×*]\s?(?P<a>\d{1,3})(?![\w.,])|(?P<b>\d{1,3})\s?[xх×](?![\w\d]))")
_MARKED = re.compile(
    r"(?:количеств\w+|кол-во|в количестве|quantity|qty)(?:\s+(?:of|to|на|до|is|-))?[\s:=-]*(?P<n>\d{1,4})(?![\w.,]*\d)"
)
_COUNTED = re.compile(
    r"(?<![\w.,:/№#$€£₽+%-])(?P<n>\d{1,3})\s+(?P<noun>[^\W\d_]+(?:-[^\W\d_]+)?)(?:\s+(?P<noun2>[^\W\d_]+))?"
)

_NOT_COUNTED = {
    "день", "сутки", "неделя", "месяц", "год", "лето", "час", "минута", "минутка", "секунда", "раз", "рубль", "доллар", "евро",
    "копейка", "процент", "звезда", "звездочка", "балл", "число", "этаж", "дом", "квартира", "корпус", "подъезд", "размер",
    "километр", "человек", "вопрос", "заказ", "бонус", "январь", "февраль", "март", "апрель", "май", "июнь", "июль",
    "август", "сентябрь", "октябрь", "ноябрь", "декабрь", "утро", "вечер", "ночь", "тысяча", "миллион", "половина", "сторона",
    "оценка", "причина", "попытка", "очередь", "звонок", "письмо", "сообщение", "аккаунт", "карта", "адрес", "номер",
    "руб", "тыс", "р", "др", "тенге", "доллары", "менеджер", "оператор", "место", "магазин", "проблема", "посылка", "способ",
    "days", "weeks", "months", "years", "hours", "minutes", "seconds", "times", "dollars", "euros", "pounds", "bucks", "rubles",
    "roubles", "percent", "stars", "points", "cents", "people", "questions", "orders", "problems", "reasons", "attempts",
    "calls", "emails", "messages", "accounts", "cards", "addresses", "bonuses", "things", "hrs", "mins", "st", "street",
    "business", "working", "calendar", "managers", "agents", "is", "was", "this", "us", "as", "always", "has", "does", "ones",
    "yes", "across", "address", "minus", "plus", "previous", "process", "pass", "guys", "kids", "miles", "seats",
    "parcels", "packages", "stores", "shops", "ways", "options", "issues",
}  # fmt: skip
_CHANGE = re.compile(
    r"(?:вместо\s+\w+|не\s+\d+\s*,?\s*а|сделайте|добав\w+|уберите|закаж\w+|заказ\w+|куп\w+|нужн\w+|возьму|оформ\w+|пришл\w+|прислал\w+|получил\w+"
    r"|only|instead of|make it|order(?:ed)?|need|want|buy|take|add|got|received|sent)\s*(?:мне|их|ещё|еще|it|me|just|us)?\s*$"
)

_STARS = r"(?:зв[её]зд\w*|⭐|★|балл\w*|stars?|points?|из\s*(?P<{0}>5|10|пяти|десяти)|/\s*(?P<{0}s>5|10)(?!\d)|out of\s*(?P<{0}o>5|10))"
_RATED = re.compile(rf"(?<![\w.,:/№#$€£₽+-])(?P<n>\d{{1,2}})\s*-?\s*{_STARS.format('of')}(?!\w)")
_GIVEN = re.compile(
    r"(?:оценк\w+|оценива\w+|ставлю|поставл\w+|поставил\w*|поставить|рейтинг\w*|rating|rate(?:\s+\w+){0,3}|i rate|give(?:\s+\w+){0,3}|score)"
    r"(?:\s+(?:вам|вас|вашу|ваш|твёрд\w+|тверд\w+|работу|на|в|-|of|is|a|an|it|you|my|solid))*[\s:=—-]*(?P<n>10|[0-9])(?![\w:]|[.,/]\d|\s*(?:руб|шт|час|день|дн|раз|ден|day|time|hour))"
)
_ALONE = re.compile(r"^\s*(?P<n>[1-5])\s*(?:с плюсом|с минусом|[+!.]+)?\s*$")
_SCHOOL = re.compile(
    r"(?<!\w)(?P<word>пят[её]р(?:ка|ку|очка|очку|ки)|четв[её]р(?:ка|ку|очка|очку)|тро(?:йка|йку|як|ечка|ечку)|дво(?:йка|йку)|двоечк[ау]|единиц[ау]|кол)(?!\w)"
)
_EMOJI = re.compile(r"^\s*(?P<stars>(?:⭐️?|★){1,5})\s*$|(?P<run>(?:⭐️?|★){2,5})")
_SCHOOL_WORTH = {"пят": 5, "чет": 4, "тро": 3, "дво": 2, "еди": 1, "кол": 1}
_RATES = re.compile(r"оцен|став|рейтинг|балл|отзыв|работ|серв|обслуж|заслуж|твёрд|тверд|вам|rate|rating")


def find_quantities(context: Context) -> Iterator[Found]:
    """How many pieces: a number with a unit, with a mark («x3»), or with a countable thing."""
    text = context.shadow.text
    for pattern in (_PIECES, _MARKED):
        for m in pattern.finditer(text):
            yield context.found("quantity", m, str(int(m["n"])), 40, group=m.re.groupindex["n"])
    for m in _TIMES.finditer(text):
        if not re.search(r"\d\s*$", text[: m.start()]):
            yield context.found("quantity", m, str(int(m["a"] or m["b"])), 38)
    for m in _COUNTED.finditer(text):
        if (
            m["n"] != "0"
            and _countable(m["noun"], m["noun2"], int(m["n"]))
            and not _PLACE.search(text[: m.start()])
        ):
            yield context.found("quantity", m, str(int(m["n"])), 30, group=m.re.groupindex["n"])
    for m in re.finditer(r"(?<![\w.,:/№#$€£₽+-])(?P<n>\d{1,2})(?=\s*(?:$|[,.!?;)]|вместо|instead))", text):
        if _CHANGE.search(text[: m.start()]):
            yield context.found("quantity", m, str(int(m["n"])), 29)


_PLACE = re.compile(
    r"(?:дом|д|кв|корпус|ул\.?\s*\w+|улиц\w+\s+\w+|\bв|\bк|после|до|с|at|by|before|after|apt|flat)\s*\.?\s*$"
)


def _countable(noun: str, second: str | None, number: int) -> bool:
    if not is_cyrillic(noun):
        if noun in _NOT_COUNTED:
            return False
        if noun.endswith("s") and len(noun) > 3:
            return True
        return (
            bool(second)
            and second is not None
            and len(second) > 3
            and second.endswith("s")
            and second not in _NOT_COUNTED
        )
    reading = parse(noun)
    if reading.tag.POS in {"ADJF", "PRTF"} and second and is_cyrillic(second):
        reading = parse(second)
    lemma = reading.normal_form.replace("ё", "е")
    if (
        reading.tag.POS != "NOUN"
        or lemma in _NOT_COUNTED
        or {"Name", "Surn", "Geox"} & set(reading.tag.grammemes)
    ):
        return False
    return number != 1 or reading.tag.number == "sing"


def find_ratings(context: Context) -> Iterator[Found]:
    """Marks out of five (or ten: the value is still the number that was said)."""
    text = context.shadow.text
    for pattern in (_RATED, _GIVEN):
        for m in pattern.finditer(text):
            points = re.match(r"балл|point", text[m.end("n") :].strip())
            if int(m["n"]) <= 10 and (not points or _RATES.search(text)):
                yield context.found("rating", m, str(int(m["n"])), 55, group=m.re.groupindex["n"])
    for m in _ALONE.finditer(text):
        yield context.found("rating", m, m["n"], 54, group=m.re.groupindex["n"])
    for m in _SCHOOL.finditer(text):
        if not m["word"].startswith(("еди", "кол")) or _RATES.search(text):
            yield context.found("rating", m, str(_SCHOOL_WORTH[m["word"][:3].replace("ё", "е")]), 53)
    for m in _EMOJI.finditer(text):
        stars = (m["stars"] or m["run"]).count("⭐") + (m["stars"] or m["run"]).count("★")
        yield context.found("rating", m, str(min(stars, 5)), 53)
