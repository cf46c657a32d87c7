"""The customers that a batch of rows may be about: those in the database, and those the batch adds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.duplicates.matching import Match, Person, ReasonCode, compare, plain
from crm_bridge.importing.entries import Entry
from crm_bridge.models import ConsentRecord, ContactKind, ContactPoint, Customer, Decision, Purpose

FIELDS = ("given_name", "patronymic", "family_name", "city", "language", "time_zone", "segment", "vip")
Contact = tuple[ContactKind, str]


@dataclass(eq=False, slots=True)
class Known:
    """A customer in memory. `id` is None until it is stored."""

    id: int | None
    external_ref: str | None
    values: dict[str, Any]  # of FIELDS
    contacts: set[Contact] = field(default_factory=set)
    marketing: Decision | None = None  # the newest decision about all channels
    changed: set[str] = field(default_factory=set)
    new_contacts: list[Contact] = field(default_factory=list)
    decided: bool = False  # the batch brought a decision about marketing

    @property
    def is_new(self) -> bool:
        return self.id is None

    @property
    def is_touched(self) -> bool:
        return bool(self.changed or self.new_contacts or self.decided)

    def person(self) -> Person:
        """As duplicates are looked for."""
        given, family = (self.values.get(name) or "" for name in ("given_name", "family_name"))
        return Person(
            id=self.id or 0,
            given=given,
            patronymic=self.values.get("patronymic") or "",
            family=family,
            city=self.values.get("city") or "",
            phones=frozenset(value for kind, value in self.contacts if kind is ContactKind.PHONE),
            emails=frozenset(value for kind, value in self.contacts if kind is ContactKind.EMAIL),
        )

    def take(self, entry: Entry) -> bool:
        """Let the row's facts be true of this customer; what it does not say stays. True when it changed."""
        before = len(self.new_contacts), self.marketing, self.external_ref, dict(self.values)
        if entry.external_ref and self.external_ref is None:
            self.external_ref = entry.external_ref
            self.changed.add("external_ref")
        for name in FIELDS:
            told = getattr(entry, name)
            if told is not None and told != self.values.get(name):
                self.values[name] = told
                self.changed.add(name)
        for contact in contacts_of(entry):
            if contact not in self.contacts:
                self.contacts.add(contact)
                self.new_contacts.append(contact)
        if entry.marketing is not None:
            decision = Decision.GRANTED if entry.marketing else Decision.WITHDRAWN
            if decision is not self.marketing:
                self.marketing, self.decided = decision, True
        return before != (len(self.new_contacts), self.marketing, self.external_ref, self.values)


class Outcome(StrEnum):
    """What a row did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class Ambiguous(Exception):
    """Several customers could be meant."""


class Batch:
    """Finds whom a row is about."""

    def __init__(self, known: Iterable[Known], aliases: dict[str, Known]) -> None:
        """`aliases`: references of merged customers, and who they are now."""
        self.customers: dict[int, Known] = {}  # by identity of the object: new ones have no other
        self._by_ref: dict[str, Known] = dict(aliases)
        self._by_contact: dict[Contact, list[Known]] = {}
        self.alike: list[tuple[Known, Known, Match]] = []  # different people as far as we know, worth a look
        for customer in known:
            self._add(customer)

    def _add(self, customer: Known) -> None:
        self.customers[id(customer)] = customer
        if customer.external_ref:
            self._by_ref[customer.external_ref] = customer
        for contact in customer.contacts:
            self._by_contact.setdefault(contact, []).append(customer)

    def apply(self, entry: Entry) -> Outcome:
        """Let the row's facts be true of its customer; of a new one when nobody is meant.

        Raises:
            Ambiguous
        """
        meant = self._by_ref.get(entry.external_ref) if entry.external_ref else None
        sharing = self._sharing(entry)
        customer = meant or self._by_contacts(entry, sharing) or Known(None, None, {})
        before, is_there = set(customer.contacts), id(customer) in self.customers
        changed = customer.take(entry)
        self.customers[id(customer)] = customer
        for contact in customer.contacts - before:
            self._by_contact.setdefault(contact, []).append(customer)
        if customer.external_ref:
            self._by_ref[customer.external_ref] = customer
        self._look_at(customer, sharing)
        if not is_there:
            return Outcome.CREATED
        return Outcome.UPDATED if changed else Outcome.UNCHANGED

    def _sharing(self, entry: Entry) -> list[Known]:
        found: dict[int, Known] = {}
        for contact in contacts_of(entry):
            for owner in self._by_contact.get(contact, ()):
                found[id(owner)] = owner
        return list(found.values())

    def _by_contacts(self, entry: Entry, sharing: list[Known]) -> Known | None:
        """The one who has the contacts and whose name does not speak against it."""
        possible = [
            owner
            for owner in sharing
            if _same_name(entry, owner) and (not entry.external_ref or owner.external_ref is None)
        ]
        wanted = set(contacts_of(entry))
        best = [owner for owner in possible if wanted <= owner.contacts] or possible
        if len(best) > 1:
            raise Ambiguous
        return best[0] if best else None

    def _look_at(self, customer: Known, sharing: list[Known]) -> None:
        for other in sharing:
            if other is not customer and (match := compare(customer.person(), other.person())):
                self.alike.append((customer, other, match))


def _same_name(entry: Entry, owner: Known) -> bool:
    """Whether the row and the customer bear one name, or one of them none."""
    told = [plain(name or "") for name in (entry.given_name, entry.family_name)]
    held = [plain(owner.values.get(name) or "") for name in ("given_name", "family_name")]
    if not any(told) or not any(held):
        return True
    match = compare(owner.person(), _person(entry))
    return match is not None and not match.administrator and ReasonCode.OTHER_NAME not in match.reasons


def _person(entry: Entry) -> Person:
    unsaved = Known(None, None, {})
    unsaved.take(entry)
    return unsaved.person()


def contacts_of(entry: Entry) -> list[Contact]:
    """The contacts that a row names."""
    told = ((ContactKind.PHONE, entry.phone), (ContactKind.EMAIL, entry.email))
    return [(kind, value) for kind, value in told if value]


async def read_batch(session: AsyncSession, entries: list[Entry]) -> Batch:
    """Everybody in the database whom these rows may be about."""
    refs = [entry.external_ref for entry in entries if entry.external_ref]
    values = [value for entry in entries for _, value in contacts_of(entry)]
    owners = await session.scalars(select(ContactPoint.customer_id).where(ContactPoint.value.in_(values)))
    named = await session.execute(
        select(Customer.external_ref, Customer.id, Customer.merged_into_id).where(
            Customer.external_ref.in_(refs)
        )
    )
    now = {ref: merged or own for ref, own, merged in named}
    known = await _read(session, {*owners, *now.values()})
    aliases = {ref: known[id_] for ref, id_ in now.items() if ref and id_ in known}
    return Batch(known.values(), aliases)


async def _read(session: AsyncSession, ids: set[int]) -> dict[int, Known]:
    if not ids:
        return {}
    columns = [getattr(Customer, name) for name in FIELDS]
    rows = await session.execute(
        select(Customer.id, Customer.external_ref, *columns).where(
            Customer.id.in_(ids), Customer.merged_into_id.is_(None)
        )
    )
    known = {
        row.id: Known(row.id, row.external_ref, {name: getattr(row, name) for name in FIELDS}) for row in rows
    }
    points = select(ContactPoint.customer_id, ContactPoint.kind, ContactPoint.value)
    for owner, kind, value in await session.execute(points.where(ContactPoint.customer_id.in_(ids))):
        if owner in known:
            known[owner].contacts.add((kind, value))
    await _read_decisions(session, known)
    return known


async def _read_decisions(session: AsyncSession, known: dict[int, Known]) -> None:
    query = select(ConsentRecord.customer_id, ConsentRecord.decision).where(
        ConsentRecord.customer_id.in_(known),
        ConsentRecord.purpose == Purpose.MARKETING,
        ConsentRecord.channel.is_(None),
    )
    for owner, decision in await session.execute(query.order_by(ConsentRecord.at, ConsentRecord.id)):
        known[owner].marketing = decision
