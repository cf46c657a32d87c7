"""The customers of the demo company."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, count
from random import Random

from crm_bridge.demo.catalogue import Place, Role, cast, place, places, read

RUSSIAN_SHARE = 0.7
FIRST_PHONE = 2000  # below are the phones of the customers one can play


@dataclass(frozen=True, slots=True)
class Person:
    """A customer to be."""

    ref: str
    given: str
    patronymic: str | None
    family: str
    phone: str
    email: str
    place: Place
    since: datetime
    role: Role | None = None


def feminine(surname: str) -> str:
    """A Russian surname as a woman bears it: Волков → Волкова, Крамской → Крамская, Коваленко → Коваленко."""
    if surname.endswith(("ов", "ев", "ёв", "ин", "ын")):
        return surname + "а"
    if surname.endswith(("ий", "ый", "ой")):
        return surname[:-2] + "ая"
    return surname


def latin(name: str) -> str:
    """A name as it stands in an e-mail address."""
    table: dict[str, str] = read("names")["latin"]
    letters = (table.get(letter, letter) for letter in name.lower())
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())


def people(rng: Random, now: datetime, number: int) -> Iterator[Person]:
    """First the customers one can play, then as many others."""
    for role in cast():
        yield _player(role, now)
    taken = {role.email for role in cast()}
    phones = _Phones()
    for index in range(number):
        language = "ru" if rng.random() < RUSSIAN_SHARE else "en"
        home = rng.choice(places(language))
        given, patronymic, family = _russian(rng) if language == "ru" else _english(rng)
        yield Person(
            ref=f"demo-c{index + 1:04}",
            given=given,
            patronymic=patronymic,
            family=family,
            phone=phones.next(home),
            email=_email(rng, given, family, taken),
            place=home,
            since=now - timedelta(days=rng.randint(320, 1500), minutes=rng.randint(0, 1440)),
        )


def _player(role: Role, now: datetime) -> Person:
    return Person(
        role.ref, *role.name, role.phone, role.email, place(role.city), now - timedelta(days=400), role
    )


class _Phones:
    """Numbers that nobody has, each given once."""

    def __init__(self) -> None:
        self._next: dict[str, count[int]] = {}

    def next(self, home: Place) -> str:
        russian = home.language == "ru"
        numbers = self._next.setdefault(home.phone, count(FIRST_PHONE if russian else 0))
        return f"{home.phone}{next(numbers):0{4 if russian else 2}}"


def _russian(rng: Random) -> tuple[str, str, str]:
    names = read("names")["ru"]
    father, son, daughter = rng.choice(names["fathers"])
    surname = rng.choice(names["surnames"])
    if rng.random() < 0.5:
        return rng.choice(names["men"]), father + son, surname
    return rng.choice(names["women"]), father + daughter, feminine(surname)


def _english(rng: Random) -> tuple[str, None, str]:
    names = read("names")["en"]
    return rng.choice(names[rng.choice(("men", "women"))]), None, rng.choice(names["surnames"])


def _email(rng: Random, given: str, family: str, taken: set[str]) -> str:
    base = f"{latin(given)}.{latin(family)}"
    domain = rng.choice(("example.com", "example.org"))
    for suffix in chain(("",), count(70)):
        email = f"{base}{suffix}@{domain}"
        if email not in taken:
            break
    taken.add(email)
    return email
