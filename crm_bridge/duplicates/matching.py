"""How alike two customers are, and in what."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rapidfuzz.distance import JaroWinkler
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.models import ContactKind, ContactPoint, Customer

WORTH_PROPOSING = 0.55
_ALIKE = 0.88  # Jaro-Winkler; «Наталья» and «Наталия» are 0.93, «Иван» and «Елена» 0.48
_NOT_LETTERS = re.compile(r"[^\w]+")
_CHUNK = 500


class ReasonCode(StrEnum):
    """In what two records agree or differ."""

    SAME_PHONE = "same_phone"
    SAME_EMAIL = "same_email"
    SAME_NAME = "same_name"
    SIMILAR_NAME = "similar_name"
    SAME_CITY = "same_city"
    OTHER_NAME = "other_name"
    OTHER_PATRONYMIC = "other_patronymic"
    OTHER_CITY = "other_city"


@dataclass(frozen=True, slots=True)
class Person:
    """A customer, as far as it helps to recognise them."""

    id: int
    given: str
    patronymic: str
    family: str
    city: str
    phones: frozenset[str]  # E.164
    emails: frozenset[str]


@dataclass(frozen=True, slots=True)
class Match:
    """How likely two records are one person (0…1), and why.

    `administrator`: they share a contact and have different names. That is a family as a rule, so only an
    administrator may say that it is one person.
    """

    score: float
    reasons: tuple[ReasonCode, ...]
    administrator: bool


_WEIGHTS = {
    ReasonCode.SAME_EMAIL: 0.5,
    ReasonCode.SAME_PHONE: 0.45,
    ReasonCode.SAME_NAME: 0.45,
    ReasonCode.SIMILAR_NAME: 0.35,
    ReasonCode.SAME_CITY: 0.15,
    ReasonCode.OTHER_NAME: 0.1,  # beside a shared contact: worth a look, no more
    ReasonCode.OTHER_PATRONYMIC: -0.35,
    ReasonCode.OTHER_CITY: -0.05,
}


def plain(name: str) -> str:
    """A name without what people write differently: case, ё, hyphens."""
    return _NOT_LETTERS.sub(" ", name.lower().replace("ё", "е")).strip()


def compare(one: Person, other: Person) -> Match | None:
    """Look at two customers; None when there is nothing to propose."""
    contacts = _contacts(one, other)
    names = _names(one, other)
    if not contacts and names is ReasonCode.OTHER_NAME:
        return None
    reasons = [*contacts, names, *_details(one, other)]
    family = bool(contacts) and not _one_name(names, reasons)
    score = min(1.0, max(0.0, sum(_WEIGHTS[reason] for reason in reasons)))
    if score < WORTH_PROPOSING and not family:
        return None
    return Match(round(score, 3), tuple(reasons), family)


def _one_name(names: ReasonCode, reasons: list[ReasonCode]) -> bool:
    return names is not ReasonCode.OTHER_NAME and ReasonCode.OTHER_PATRONYMIC not in reasons


def _contacts(one: Person, other: Person) -> list[ReasonCode]:
    shared = []
    if one.phones & other.phones:
        shared.append(ReasonCode.SAME_PHONE)
    if one.emails & other.emails:
        shared.append(ReasonCode.SAME_EMAIL)
    return shared


def _names(one: Person, other: Person) -> ReasonCode:
    ours, theirs = (plain(one.given), plain(one.family)), (plain(other.given), plain(other.family))
    if not all((*ours, *theirs)):
        return ReasonCode.OTHER_NAME  # half a name proves nothing
    if ours in (theirs, theirs[::-1]):
        return ReasonCode.SAME_NAME
    straight = min(JaroWinkler.similarity(mine, yours) for mine, yours in zip(ours, theirs, strict=True))
    crossed = min(JaroWinkler.similarity(mine, yours) for mine, yours in zip(ours, theirs[::-1], strict=True))
    if max(straight, crossed) < _ALIKE or _couple(ours[1], theirs[1]):
        return ReasonCode.OTHER_NAME
    return ReasonCode.SIMILAR_NAME


def _couple(family: str, other: str) -> bool:
    """Whether one surname is the other one as a woman bears it: Орлов and Орлова are two people."""
    short, long = sorted((family, other), key=len)
    return long == short + "а" or (short[:-2] == long[:-2] and {short[-2:], long[-2:]} == {"ий", "ая"})


def _details(one: Person, other: Person) -> list[ReasonCode]:
    told = []
    patronymics = plain(one.patronymic), plain(other.patronymic)
    if all(patronymics) and JaroWinkler.similarity(*patronymics) < _ALIKE:
        told.append(ReasonCode.OTHER_PATRONYMIC)
    cities = plain(one.city), plain(other.city)
    if all(cities):
        told.append(ReasonCode.SAME_CITY if cities[0] == cities[1] else ReasonCode.OTHER_CITY)
    return told


async def read_people(session: AsyncSession, ids: Iterable[int]) -> dict[int, Person]:
    """Those of the customers who were not merged into somebody else."""
    wanted: Sequence[int] = sorted(set(ids))
    found: dict[int, Person] = {}
    for start in range(0, len(wanted), _CHUNK):
        found |= await _read_chunk(session, wanted[start : start + _CHUNK])
    return found


async def _read_chunk(session: AsyncSession, ids: Sequence[int]) -> dict[int, Person]:
    alive = Customer.id.in_(ids) & Customer.merged_into_id.is_(None)
    rows = await session.execute(select(Customer).where(alive))
    points = await session.execute(
        select(ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value).where(
            ContactPoint.customer_id.in_(ids)
        )
    )
    values: dict[tuple[int, ContactKind], set[str]] = {}
    for owner, kind, value in points:
        values.setdefault((owner, kind), set()).add(value)
    return {row.id: _person(row, values) for (row,) in rows}


def _person(row: Any, values: dict[tuple[int, ContactKind], set[str]]) -> Person:
    return Person(
        id=row.id,
        given=row.given_name,
        patronymic=row.patronymic or "",
        family=row.family_name,
        city=row.city or "",
        phones=frozenset(values.get((row.id, ContactKind.PHONE), ())),
        emails=frozenset(values.get((row.id, ContactKind.EMAIL), ())),
    )
