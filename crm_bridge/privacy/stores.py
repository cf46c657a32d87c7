"""Where something about a person may lie.

Most of it hangs on the customer's row by foreign keys and is found by following them: see `reach`. What does
not (an event in an inbox knows only its sender) is known to the package that keeps it, which registers a
store. Arrows point one way, so this package cannot look there itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Table, or_
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.models import Notice, Operation, Throttle


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom it is about, by every name that a store may know them by."""

    customer_ids: tuple[int, ...]  # the customer, and those who were merged into them
    identities: tuple[tuple[int, str, str, str], ...]  # id, channel, account, the person's id there
    conversation_ids: tuple[str, ...]
    addresses: tuple[str, ...]  # phones and e-mails that nobody else has
    contact_hashes: tuple[str, ...]  # of codes that were asked for


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table that are about the subject."""

    table: Table
    where: ColumnElement[bool]


class Store(Protocol):
    """A place outside the reach of foreign keys."""

    async def rows(self, session: AsyncSession, subject: Subject) -> list[Rows]:
        """What is about the subject; deleted in this order when the subject is erased."""
        ...


class Loose:
    """What this package keeps without a foreign key: notices, recorded operations, counters of guesses."""

    async def rows(self, session: AsyncSession, subject: Subject) -> list[Rows]:
        subjects = [f"identity:{id_}" for id_, *_ in subject.identities]
        subjects += [f"contact:{hash_}" for hash_ in subject.contact_hashes]
        operations = [
            Operation.key.startswith(conversation, autoescape=True)
            for conversation in subject.conversation_ids
        ]
        found = [
            Rows(Notice.__table__, Notice.address.in_(subject.addresses)),  # type: ignore[arg-type]
            Rows(Throttle.__table__, Throttle.subject.in_(subjects)),  # type: ignore[arg-type]
        ]
        if operations:
            found.append(Rows(Operation.__table__, or_(*operations)))  # type: ignore[arg-type]
        return found


@dataclass(slots=True)
class Stores:
    """All stores of an installation. Every package with loose rows registers its own at start."""

    _stores: list[Store] = field(default_factory=lambda: [Loose()])

    def register(self, store: Store) -> None:
        self._stores.append(store)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stores)
