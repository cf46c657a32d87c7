"""Towns that stand on no list of ours: «сколько стоит доставка в урюпинск», "delivery to springfield".

A town is kept as it was written, with its «в» or «до», so that it can be said again in the right form.
"""

import re
from functools import cache

from babel import Locale

_NAME = r"[^\W\d_]{3,}(?:-[^\W\d_]+)*(?: [A-ZА-ЯЁ][^\W\d_]+)*"
_GOES = (  # right after these words a town may be written small
    r"(?:достав|привез|привёз|привоз|довез|довоз|вез[иеу]|отправ|идёт|идет|едет|дойд|магазин|салон)\w*"
    r"|(?:deliver|ship|send|stores?|shops?)\w*"
)
_AFTER = re.compile(rf"\b(?i:{_GOES})\s+(?i:(в|во|до|to|in))\s+({_NAME})")
_WRITTEN_LARGE = re.compile(rf"\b(?i:(в|во|до|to|in))\s+(?=[A-ZА-ЯЁ][a-zа-яё])({_NAME})")
_PREPOSED = re.compile(
    rf"\W*(?i:(?:а|и|ну|мне|нам|and|what about|how about)\s+)*(?i:(в|во|до|to|in|for))\s+({_NAME})\W*"
)
_ALONE = re.compile(rf"\W*({_NAME})\W*")
_ADJECTIVE = re.compile(
    r"[а-яё]+(?:[ыи]й|[ао]я|яя|[оеы]е|ие|[ую]ю|[ыи]х|[ыи]м|ого|его|ском|ской)", re.IGNORECASE
)
_NO_TOWN = re.compile(  # beginnings of what stands there instead
    r"понед|вторн|сред[уы]|четв|пятн|субб|воскр|будн|выходн|праздн|утр|вечер|дня|день|ноч|час|минут|недел|месяц"
    r"|врем|срок|течен|сегодн|завтр|послеза|полдень|обед|январ|феврал|март|апрел|ма[йея]\b|июн|июл|август"
    r"|сентяб|октяб|нояб|декаб|нов[оы]|заказ|пункт|постам|отдел|почт|склад|офис|дом|двер|кварт|подъе|этаж|рук"
    r"|адрес|магаз|больниц|терминал|вручен|горо|облас|регион|район|край|страну?|дерев|пос[её]л|сел[оау]\b|глубинк|снг"
    r"|друг|люб|кажд|как|эт[оаиу]|тот\b|том\b|тех\b|центр|мо[йяеё]|наш|ваш|нас|вас|меня|скольк|котор|случа|пользу|предел|черт"
    r"|ближ|рождеств|свадьб|отъезд|отпуск|дн(?:я|ей)\b|двух|тр[её]х|пяти|шести|семи|восьми|девят|десят"
    r"|mon\b|monday|tue|wed|thu|fri|sat\b|saturday|sun\b|sunday|jan|feb|march|apr|may\b|jun|jul|aug|sep|oct|nov|dec"
    r"|the\b|this|that|these|those|my\b|your|our\b|his\b|her\b|their|them|you|him|one\b|two|three|four|five|all\b|any|some"
    r"|another|other|different|each|every|not\b|what|which|where|when|who|how|why|here|there|multiple|several"
    r"|home|door|hous|flat|apart|address|office|shop|store|point|locker|post|box|floor|hotel|hospital|work|school"
    r"|time|day|week|month|year|hour|minut|morn|after|even|night|noon|today|tomor|advance|stock|person|part|bulk"
    r"|town|city|cities|count|region|area|state|village|island|abroad|overs|rural|remote|local|near|neigh|new\b"
    r"|north|south|east|west|san\b|saint|los\b|las\b|fort\b|mount|arrive|get|reach|show|ship|deliver|order|receive",
    re.IGNORECASE,
)
_LARGER = re.compile(  # than a town; countries are known by name
    r"крым|сибир|урал|кавказ|сахалин|камчат|чукот|якути|татар|башк[ио]р|чечн|дагест|карел|кубан|алтай|росси|европ|англи|шотл|сша\b"
    r"|scotl|wales|engl|brita|irela|cornw|kent\b|europ|russia|ameri|usa\b|siber|crime",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(  # one word that tells of no place
    r"(?:не|нет|да|хз|ага|угу|ясно|понятно|почему|зачем|везде|можно|курьер\w*|самовывоз\w*|dunno|idk|yes|nope|okay"
    r"|anywhere|whatever|everywhere|nowhere|courier|pickup|никуда|куда|всё|все|всю|обычн\w*|срочн\w*)\b"
    r"|не(?:знаю|важно|помню)|без\b|asap",
    re.IGNORECASE,
)
SHORTEST = 4  # letters of a country's name that tell it
LONGEST_ENDING = 4  # letters by which the forms of a country's name differ
_BEFORE = frozenset({"в", "во", "до", "to", "in"})
_LOCALES = ("ru", "en")


def town_in(text: str) -> str | None:
    """«в Урюпинск», "to Springfield": the town that a text names, with the capital letter it should have."""
    for pattern in (_AFTER, _WRITTEN_LARGE):
        for found in pattern.finditer(text):
            if _may_be(found[2]):
                return f"{found[1].lower()} {_capital(found[2])}"
    return None


def preposed_town(text: str) -> str | None:
    """The same when the text is nothing else: «а в урюпинске?»."""
    found = _PREPOSED.fullmatch(text)
    if found is None or not _may_be(found[2]):
        return None
    before = found[1].lower()
    return f"{'to' if before == 'for' else before} {_capital(found[2])}"


def bare_town(text: str) -> str | None:
    """The name when the text is nothing else: «урюпинск»."""
    found = _ALONE.fullmatch(text)
    if found is None or _NO_ANSWER.match(found[1]) or not _may_be(found[1]):
        return None
    return _capital(found[1])


def name_of(town: str) -> str:
    """The name without its «в» or "to"."""
    before, _, name = town.partition(" ")
    return name if before in _BEFORE else town


def is_phrase(town: str) -> bool:
    """Whether it has its «в» or "to" with it."""
    return town.partition(" ")[0] in _BEFORE


def _may_be(name: str) -> bool:
    """Whether a word that stands where a town may stand is not one of the many others."""
    if any(_NO_TOWN.match(part) or _LARGER.match(part) for part in name.split()):
        return False
    return not _is_country(name) and not _ADJECTIVE.fullmatch(name)


def _is_country(name: str) -> bool:
    """In any grammatical form: they differ in the last letters."""
    plain = name.lower()
    return any(plain.startswith(stem) and len(plain) - len(stem) <= LONGEST_ENDING for stem in _countries())


@cache
def _countries() -> tuple[str, ...]:
    named = (Locale.parse(locale).territories.items() for locale in _LOCALES)
    names = [
        str(name).lower() for found in named for code, name in found if code.isalpha() and " " not in name
    ]
    return tuple(name[: max(SHORTEST, len(name) - 2)] for name in names if len(name) >= SHORTEST)


def _capital(name: str) -> str:
    if any(char.isupper() for char in name):
        return name
    return "-".join(part.capitalize() for part in name.split("-"))
