"""A CRM without wires: the port over a dict, for stories and for machines that look for bad luck.

It can die at any step on our side of the line (`Death`), lose answers, lag in its lists, and shuffle them.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.clock import ManualClock
from crm_bridge.adapters import (
    Capabilities,
    Case,
    Change,
    Comment,
    Contact,
    Deal,
    Field,
    Forged,
    Kind,
    Note,
    NotFound,
    Page,
    Received,
    Ticket,
    Unavailable,
    Values,
    WebhookHint,
)
from crm_bridge.adapters.values import CLOSED, OPEN, TICKET_FIELDS

FIELDS = frozenset({Field.GIVEN_NAME, Field.FAMILY_NAME, Field.PHONE, Field.EMAIL})


class Death(BaseException):
    """Our process dies here."""


@dataclass
class PlainCrm:
    """One account. `step` is called before and after everything; it may raise."""

    clock: ManualClock
    page_size: int = 2
    contacts: dict[str, Contact] = field(default_factory=dict)
    deals: dict[str, Deal] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    comments: dict[str, list[Comment]] = field(default_factory=dict)  # by "kind/id" of what they stand beside
    down: bool = False
    step: Callable[[str], Awaitable[None] | None] = lambda _: None
    lagging: dict[str, Contact] | None = None  # what lists show meanwhile
    entered: int = 0
    calls: list[str] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    capabilities = Capabilities(FIELDS, TICKET_FIELDS, frozenset(Kind))

    # What people in the company do.

    def add(self, **values: str) -> str:
        self.entered += 1
        remote_id = str(self.entered)
        self.contacts[remote_id] = Contact(remote_id, _whole(values), self._now())
        return remote_id

    def edit(self, remote_id: str, **values: str) -> None:
        held = self.contacts[remote_id]
        changed = {**held.values, **{Field(name): value for name, value in values.items()}}
        self.contacts[remote_id] = replace(held, values=changed, updated_at=self._now())

    def complain(self, contact_id: str, subject: str) -> str:
        """Somebody opens a ticket."""
        self.entered += 1
        values = {Field.TICKET_STATE: OPEN, Field.TICKET_PRIORITY: "normal", Field.TICKET_SUBJECT: subject}
        remote_id = f"c{self.entered}"
        self.cases[remote_id] = Case(remote_id, "", contact_id, values, "Звонок", self._now())
        return remote_id

    def handle(self, remote_id: str, **values: str) -> None:
        """Somebody changes a ticket: `state`, `priority`, `subject`."""
        held = self.cases[remote_id]
        change = {Field(f"ticket_{name}"): value for name, value in values.items()}
        self.cases[remote_id] = replace(held, values={**held.values, **change}, updated_at=self._now())

    def says(self, remote_id: str, name: str) -> str:
        """What a ticket says."""
        return self.cases[remote_id].values[Field(f"ticket_{name}")]

    def write_note(self, kind: Kind, remote_id: str, text: str) -> str:
        """Somebody writes a note; the record beside which it stands does not change by it."""
        self.entered += 1
        made = Comment(f"n{self.entered}", "", text, "Ольга", self._now())
        self.comments.setdefault(f"{kind}/{remote_id}", []).append(made)
        return made.remote_id

    def delete(self, remote_id: str) -> None:
        del self.contacts[remote_id]

    def sees(self, remote_id: str, name: str) -> str:
        return self.contacts[remote_id].values[Field(name)]

    # The port.

    def project(self, values: Values) -> Values:
        return {name: value for name, value in values.items() if name in FIELDS}

    async def get_contact(self, remote_id: str) -> Contact:
        await self._enter("get")
        if remote_id not in self.contacts:
            raise NotFound("no such contact")
        found = self.contacts[remote_id]
        await self._at("after get")
        return found

    async def find_contact(self, *, phone: str = "", email: str = "") -> tuple[Contact, ...]:
        await self._enter("find")
        wanted = {value for value in (phone, email) if value}
        return tuple(who for who in self.contacts.values() if wanted & set(who.values.values()))

    async def upsert_contact(self, values: Values, remote_id: str | None = None) -> Contact:
        await self._enter("upsert")
        if remote_id is None:
            remote_id = self.add(**{name.value: value for name, value in values.items()})
        elif remote_id not in self.contacts:
            raise NotFound("no such contact")
        else:
            self.edit(remote_id, **{name.value: value for name, value in values.items()})
        written = self.contacts[remote_id]
        await self._at("after upsert")
        return written

    async def list_changed(self, kind: Kind, since: datetime | None, cursor: str | None) -> Page:
        await self._enter("list")
        if kind is Kind.DEAL:
            return Page(tuple(Change(kind, deal) for deal in self.deals.values()), None, self._now())
        if kind is Kind.TICKET:
            cases = [each for each in self.cases.values() if since is None or each.updated_at >= since]  # type: ignore[operator]
            self.chance.shuffle(cases)
            return Page(tuple(Change(kind, case) for case in cases), None, self._now())
        shown = self.contacts if self.lagging is None else self.lagging
        found = [who for who in shown.values() if int(who.remote_id) > int(cursor or 0)]
        found = [who for who in found if since is None or (who.updated_at and who.updated_at >= since)]
        found.sort(key=lambda who: int(who.remote_id))
        page, more = found[: self.page_size], len(found) > self.page_size
        following = page[-1].remote_id if more else None
        self.chance.shuffle(page)
        result = Page(tuple(Change(kind, who) for who in page), following, self._now())
        await self._at("after list")
        return result

    async def get_order(self, remote_id: str) -> Deal:
        await self._enter("order")
        if remote_id not in self.deals:
            raise NotFound("no such deal")
        return self.deals[remote_id]

    async def create_ticket(self, ticket: Ticket) -> str:
        await self._enter("ticket")
        if ticket.key not in self.tickets:
            self.tickets[ticket.key] = ticket
            values = {Field.TICKET_STATE: OPEN, Field.TICKET_PRIORITY: "normal"}
            values[Field.TICKET_SUBJECT] = ticket.subject
            made = Case(ticket.key, ticket.key, ticket.contact_id, values, ticket.text, self._now())
            self.cases[ticket.key] = made
        await self._at("after ticket")
        return ticket.key

    def project_ticket(self, values: Values, key: str) -> Values:
        return values

    async def get_ticket(self, remote_id: str) -> Case:
        await self._enter("get ticket")
        if remote_id not in self.cases:
            raise NotFound("no such ticket")
        found = self.cases[remote_id]
        await self._at("after get ticket")
        return found

    async def update_ticket(self, case: Case, values: Values) -> Case:
        await self._enter("update ticket")
        if case.remote_id not in self.cases:
            raise NotFound("no such ticket")
        assert values.get(Field.TICKET_STATE, OPEN) in (OPEN, CLOSED)
        self.handle(case.remote_id, **{name.value.removeprefix("ticket_"): v for name, v in values.items()})
        written = self.cases[case.remote_id]
        await self._at("after update ticket")
        return written

    async def list_notes(self, kind: Kind, remote_id: str) -> tuple[Comment, ...]:
        await self._enter("notes")
        return tuple(self.comments.get(f"{kind}/{remote_id}", []))

    async def append_note(self, note: Note) -> str:
        await self._enter("note")
        if note.key not in self.notes:
            self.notes[note.key] = note
            made = Comment(note.key, note.key, note.text, "", self._now())
            self.comments.setdefault(f"{note.kind}/{note.remote_id}", []).append(made)
        await self._at("after note")
        return note.key

    def verify_webhook(self, received: Received) -> tuple[WebhookHint, ...]:
        if received.secret != "hook":
            raise Forged("wrong address")
        kind, _, remote_id = received.body.decode().partition(":")
        return (WebhookHint(Kind(kind), remote_id),)

    def webhook(self, remote_id: str, kind: str = "contact") -> Received:
        return Received(f"{kind}:{remote_id}".encode(), secret="hook")

    async def _at(self, name: str) -> None:
        met = self.step(name)
        if met is not None:
            await met

    async def _enter(self, name: str) -> None:
        self.calls.append(name)
        await self._at(f"before {name}")
        if self.down:
            raise Unavailable("maintenance")

    def _now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)


def _whole(values: dict[str, str]) -> Values:
    return {name: values.get(name.value, "") for name in FIELDS}
