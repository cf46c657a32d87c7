"""One row of an import: read into fields, or refused with reasons."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zoneinfo import available_timezones

from core.texts import Texts
from crm_bridge.contacts import read_contact
from crm_bridge.models import ContactKind

LENGTHS = {
    "external_ref": 128,
    "given_name": 100,
    "patronymic": 100,
    "family_name": 100,
    "city": 100,
    "segment": 40,
}
_PARTS = ("given_name", "patronymic", "family_name")
_YES = frozenset({"да", "yes", "y", "true", "1", "+", "истина", "д"})
_NO = frozenset({"нет", "no", "n", "false", "0", "-", "ложь", "н"})
_PLAIN_PHONE = re.compile(r"(?:\+7|8|7)[\s(-]{0,2}(9\d{2})[\s)-]{0,2}(\d{3})[\s-]?(\d{2})[\s-]?(\d{2})")
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9](?:[a-z0-9._+-]{0,62}[a-z0-9])?"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}[a-z]{2,}"
)
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
_FORMULA_GUARD = re.compile(r"^'(?=[=+\-@\t\r])")  # what our own export put before a cell

_texts = Texts(Path(__file__).parents[1] / "texts.yml")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row. Says which field, never what stood there."""

    code: str
    field: str

    def in_words(self, language: str) -> str:
        return _texts(f"import.{self.code}", language, field=self.field)


@dataclass(frozen=True, slots=True)
class Entry:
    """A customer as a row tells of them. None: the row says nothing."""

    line: int
    external_ref: str | None
    phone: str | None  # E.164
    email: str | None
    given_name: str | None
    patronymic: str | None
    family_name: str | None
    city: str | None
    language: str | None
    time_zone: str | None
    segment: str | None
    vip: bool | None
    marketing: bool | None


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def read_entry(line: int, raw: Mapping[str, str], region: str = "RU") -> Entry | list[Fault]:
    """Read a row, or say everything that is wrong with it.

    Args:
        region: the country whose phone numbers are written without a country code.
    """
    values = {field: _FORMULA_GUARD.sub("", text.strip()) for field, text in raw.items()}
    faults = [
        Fault("too_long", field) for field, limit in LENGTHS.items() if len(values.get(field, "")) > limit
    ]
    phone, email = _phone(values, faults, region), _email(values, faults)
    names = _names(values, faults)
    flags = {field: _flag(field, values, faults) for field in ("vip", "marketing")}
    language, zone = _language(values, faults), _zone(values, faults)
    ref = values.get("external_ref") or None
    if not (ref or phone or email) and not faults:
        faults.append(Fault("no_key", "external_ref"))
    if faults:
        return faults
    return Entry(
        line=line,
        external_ref=ref,
        phone=phone,
        email=email,
        given_name=names[0],
        patronymic=names[1],
        family_name=names[2],
        city=values.get("city") or None,
        language=language,
        time_zone=zone,
        segment=values.get("segment") or None,
        vip=flags["vip"],
        marketing=flags["marketing"],
    )


def _phone(values: dict[str, str], faults: list[Fault], region: str) -> str | None:
    text = values.get("phone")
    if not text:
        return None
    if region == "RU" and (plain := _PLAIN_PHONE.fullmatch(text)):  # twenty times faster, and most of them
        return "+7" + "".join(plain.groups())
    contact = read_contact(text, region)
    if contact is None or contact.kind is not ContactKind.PHONE:
        faults.append(Fault("phone", "phone"))
        return None
    return contact.value


def _email(values: dict[str, str], faults: list[Fault]) -> str | None:
    text = values.get("email", "").lower()
    if not text:
        return None
    if len(text) < 200 and ".." not in text and _PLAIN_EMAIL.fullmatch(text):
        return text
    contact = read_contact(text)
    if contact is None or contact.kind is not ContactKind.EMAIL:
        faults.append(Fault("email", "email"))
        return None
    return contact.value


def _names(values: dict[str, str], faults: list[Fault]) -> tuple[str | None, str | None, str | None]:
    """Given name, patronymic, family name."""
    given, middle, family = (values.get(part) or None for part in _PARTS)
    whole = values.get("full_name", "").split()
    if given or family or not whole:
        return given, middle, family
    if any(len(word) > LENGTHS["given_name"] for word in whole) or len(whole) > 8:
        faults.append(Fault("too_long", "full_name"))
        return None, None, None
    if len(whole) == 1:
        return whole[0], None, None
    if _CYRILLIC.search(whole[0]):
        return whole[1], " ".join(whole[2:]) or None, whole[0]
    return " ".join(whole[:-1]), None, whole[-1]


def _flag(field: str, values: dict[str, str], faults: list[Fault]) -> bool | None:
    text = values.get(field, "").lower()
    if not text:
        return None
    if text not in _YES | _NO:
        faults.append(Fault("yes_or_no", field))
    return text in _YES


def _language(values: dict[str, str], faults: list[Fault]) -> str | None:
    text = values.get("language", "").lower()[:2]
    known = {"ru": "ru", "ру": "ru", "en": "en", "ан": "en"}
    if text and text not in known:
        faults.append(Fault("language", "language"))
    return known.get(text)


def _zone(values: dict[str, str], faults: list[Fault]) -> str | None:
    text = values.get("time_zone") or None
    if text and text not in _zones():
        faults.append(Fault("time_zone", "time_zone"))
        return None
    return text
