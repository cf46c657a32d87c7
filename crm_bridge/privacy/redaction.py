"""Takes out of a message what tells who wrote it, and what no example may hold.

Numbers that identify somebody become zeros of the same kind, so that an example still reads like a message.
The rules: telephones by their shape; cards by Luhn's checksum; INN by the tax service's control digits (order
ММВ-7-6/435@); SNILS by the pension fund's.
"""

import re
from collections.abc import Callable, Iterable

LIMIT = 400  # characters; what is longer teaches one intent badly
PHONE, MAIL, CARD = "+7 900 000-00-00", "name@example.com", "0000 0000 0000 0000"
INN, SNILS, PASSPORT = "0000000000", "000-000-000 00", "0000 000000"
NAMES = {"ru": "Имя", "en": "Name"}

_TAG = re.compile(
    r"<(script|style)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)|</?[a-zA-Z][^<>]*(?:>|$)", re.S | re.I
)
_UNSEEN = re.compile(r"[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]+")
_MAIL = re.compile(r"[\w.+-]+\s?@\s?[\w-]+(?:\.[\w-]+)+")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.I)
_HANDLE = re.compile(r"(?<![\w@])@[A-Za-z]\w{3,}")
_CARD = re.compile(r"(?<![\d+])(?:\d[ -]?){12,18}\d(?!\d)")
_PHONE = re.compile(
    r"(?<![\w+])(?:\+\d{1,3}|8|7)[\s(.-]*\d{3}[\s).-]*\d{3}[\s.-]*\d{2}[\s.-]*\d{2}(?!\d)"
    r"|(?<![\w+])\+\d(?:[\s().-]*\d){9,13}(?!\d)"
    r"|(?<![\w+])\(?9\d{2}\)?[\s.-]*\d{3}[\s.-]*\d{2}[\s.-]*\d{2}(?!\d)"
    r"|(?<!\w)\(?[2-9]\d{2}\)?[\s.-]\d{3}[\s.-]\d{4}(?!\d)"
)
_SNILS = re.compile(r"(?<!\d)\d{3}[- ]?\d{3}[- ]?\d{3}[- ]?\d{2}(?!\d)")
_INN = re.compile(r"(?<!\d)(?:\d{12}|\d{10})(?!\d)")
_PASSPORT = re.compile(
    r"(?P<word>паспорт\w*|passport)(?P<between>\D{0,20}?)(?P<number>\d{2}\s?\d{2}\s*(?:№\s*)?\d{6}|[A-Z]{0,2}\d{7,9})"
    r"|(?<!\d)(?:\d{2}\s\d{2}\s(?:№\s*)?\d{6}|\d{4}\s(?:№\s*)?\d{6})(?!\d)",
    re.I,
)
_RU, _EN = r"[А-ЯЁ][а-яё]+(?:-[А-ЯЁ][а-яё]+)?", r"[A-Z][a-z]+(?:[-'][A-Z][a-z]+)?"
_SURE = re.compile(
    rf"(?i:\b(?:меня зовут|с уважением)\b)[\s,:—-]+(?P<ru>[А-ЯЁа-яё-]+(?:\s+{_RU}){{0,2}})"
    rf"|(?i:\b(?:мо[её] имя|имя|фамилия|фио)\b)(?:\s*[:—-])?\s+(?P<field>{_RU}(?:\s+{_RU}){{0,2}})"
    rf"|(?i:\b(?:my name is|my name's|i am called|regards|sincerely)\b)[\s,:—-]+"
    rf"(?P<en>[A-Za-z'-]+(?:\s+{_EN}){{0,2}})"
)
_LIKELY = re.compile(
    rf"(?P<ru>{_RU}(?:\s+{_RU})?\s+[А-ЯЁ][а-яё]+(?:ович|евич|ич|овна|евна|ична|инична)[а-яё]{{0,2}}(?:\s+{_RU})?)"
    rf"|(?i:\b(?:это|я|зову[тт]?)\s+)(?P<me>{_RU}\s+{_RU})"
    rf"|(?i:\b(?:this is|i am|i'm|it's)\s+)(?P<en>{_EN}\s+{_EN})"
)
_MADE_UP = re.compile(
    r"@(?:[\w-]+\.)*example\.|\.example$|@test\.|555|000[- ]?00[- ]?0|123[- ]?45[- ]?67|^[0 -]+$"
    r"|7700 900|7946 0",  # what Ofcom keeps for films
    re.I,
)
_NO_NAME = frozenset(
    ("не", "нет", "какая", "какое", "какой", "в", "на", "и", "а", "указана", "неверно", "is", "not", "on")
)


def redact(text: str, names: Iterable[str] = (), language: str = "ru") -> str:
    """The message without markup, personal numbers, addresses of people and names; at most `LIMIT` long.

    Args:
        names: what is known of the person: names on the profile, names that the engine found.
    """
    clean = _LINK.sub("", _TAG.sub(" ", text))
    clean = _UNSEEN.sub(" ", clean)
    clean = _MAIL.sub(MAIL, clean)
    clean = _HANDLE.sub("@name", clean)
    clean = _PASSPORT.sub(_passport, clean)
    clean = _where(_CARD, luhn, CARD, clean)
    clean = _where(_SNILS, is_snils, SNILS, clean)
    clean = _where(_INN, is_inn, INN, clean)
    clean = _PHONE.sub(PHONE, clean)
    clean = _without_names(clean, names, NAMES.get(language, NAMES["en"]))
    clean = " ".join(clean.split()).lstrip("/\\ ")
    return clean if len(clean) <= LIMIT else clean[:LIMIT].rsplit(" ", 1)[0]


def personal(text: str) -> list[str]:
    """What personal data stands in a text: `mail`, `phone`, `card`, `snils`; made-up ones do not count."""
    found = [("mail", one[0]) for one in _MAIL.finditer(text)]
    found += [("phone", one[0]) for one in _PHONE.finditer(text)]
    found += [("card", one[0]) for one in _CARD.finditer(text) if luhn(one[0])]
    found += [("snils", one[0]) for one in _SNILS.finditer(text) if is_snils(one[0])]
    return sorted({kind for kind, value in found if not _MADE_UP.search(value)})


def _where(pattern: re.Pattern[str], valid: Callable[[str], bool], instead: str, text: str) -> str:
    return pattern.sub(lambda found: instead if valid(found[0]) else found[0], text)


def _passport(found: re.Match[str]) -> str:
    return f"{found['word']}{found['between']}{PASSPORT}" if found["word"] else PASSPORT


def _without_names(text: str, names: Iterable[str], instead: str) -> str:
    for name in sorted({n.strip() for n in names if len(n.strip()) > 1}, key=len, reverse=True):
        stem = re.escape(name if len(name) < 5 else name[:-1])  # Russian names change their endings
        text = re.sub(rf"\b{stem}\w{{0,3}}\b", instead, text, flags=re.I)

    def replaced(found: re.Match[str]) -> str:
        group = next(name for name, value in found.groupdict().items() if value)
        if found[group].split()[0].lower() in _NO_NAME:
            return found[0]
        return found[0].replace(found[group], instead)

    return _LIKELY.sub(replaced, _SURE.sub(replaced, text))


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char.isdecimal()]


def luhn(number: str) -> bool:
    """Whether the digits are those of a payment card: ISO/IEC 7812-1, annex B."""
    digits = _digits(number)
    doubled = [d if n % 2 == 0 else d * 2 - 9 * (d > 4) for n, d in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0


_TEN = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_ELEVENTH, _TWELFTH = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


def is_inn(number: str) -> bool:
    """Whether the control digits of a Russian taxpayer's number are right."""
    digits = _digits(number)

    def control(weights: tuple[int, ...]) -> bool:
        weighed = sum(w * d for w, d in zip(weights, digits, strict=False))
        return weighed % 11 % 10 == digits[len(weights)]

    return control(_TEN) if len(digits) == 10 else control(_ELEVENTH) and control(_TWELFTH)


def is_snils(number: str) -> bool:
    """Whether the control number of a Russian insurance number is right."""
    digits = _digits(number)
    total = sum((9 - place) * digit for place, digit in enumerate(digits[:9]))
    return total % 101 % 100 == digits[9] * 10 + digits[10]
