"""Whatever happens in whatever order, both sides come to say the same, and no edit is lost without a record.

A machine edits people and tickets and writes notes on both sides, loses and doubles webhooks, lets lists lag,
takes the CRM away, loses answers, and kills our process at any step between two transactions. Every value it
writes is unique, so each can be traced: it stands at the end, or somebody overwrote it who saw it, or it is
in the record of conflicts.

One thing it does not do, because no CRM lets us prevent it: edit the very field that we are writing, between
our last look and our write. `docs/crm.md` says so.
"""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.clock import ManualClock
from core.db import Database
from core.jobs import EmbeddedQueue, Job, Worker
from crm_bridge.adapters import Field, Kind, Uncertain
from crm_bridge.adapters.values import TICKET_FIELDS
from crm_bridge.models import TicketState
from crm_bridge.sync.cases import values_of
from crm_bridge.sync.rules import SyncRules
from tests.conftest import NOON
from tests.crm_bridge.sync.office import Office
from tests.fakes.crm.plain import FIELDS, Death, PlainCrm

FEW = 5
BOTH = FIELDS | TICKET_FIELDS
EXAMPLES = int(os.environ.get("SYNC_EXAMPLES", FEW))  # a mode; set it to search longer
PEOPLE = 2
Result = TypeVar("Result")
fields = st.sampled_from([Field.PHONE, Field.EMAIL])
numbers = st.integers(0, PEOPLE - 1)
steps = st.integers(1, 10)  # until the trouble comes
RACE = ("after get", "before upsert")  # where an edit in the CRM would meet our write of the same field
TICKET_RACE = ("after get ticket", "before update ticket")
WRITES = ("after upsert", "after ticket", "after update ticket", "after note")


@dataclass(frozen=True)
class Edit:
    """What a person wrote, and what they saw there before."""

    field: str
    value: str
    overwrote: str


class MortalQueue(EmbeddedQueue):
    """A queue before which the process may die with its work done and its job not."""

    step: Callable[[str], Awaitable[None] | None] = staticmethod(lambda _: None)

    async def finish(self, job: Job, worker: str) -> None:
        met = self.step("before finish")
        if met is not None:
            await met
        await super().finish(job, worker)


class TwoSides(RuleBasedStateMachine):
    """Our side, their side, and everything that can go wrong between them."""

    migrated: Path
    ruled: dict[str, Any] = {}  # noqa: RUF012 - set by the test

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "zabota.db"
        shutil.copy(self.migrated, path)
        self.clock = ManualClock(NOON)
        self.crm = PlainCrm(self.clock)
        self.db = Database(f"sqlite+aiosqlite:///{path}")
        self.office = Office(self.db, self.clock, self.crm, SyncRules.model_validate(self.ruled))
        self.queue = MortalQueue(self.db, self.clock)
        self.office.use(self.queue)
        self.edits: list[Edit] = []
        self.steps = 0
        self.plan: dict[int, Callable[[str], Awaitable[None] | None]] = {}
        self.crm.step = self.queue.step = self.on_step  # type: ignore[method-assign]
        self.customers: list[int] = []
        self.sent = 0  # notes of ours
        self.opened: list[int] = []  # tickets that were opened here
        self.notes: list[str] = []  # that people in the CRM wrote

    def run(self, work: Awaitable[Result]) -> Result:
        async def whole() -> Result:
            return await work

        return self.loop.run(whole())

    def on_step(self, name: str) -> Awaitable[None] | None:
        """Whatever was planned for this step happens now."""
        self.steps += 1
        planned = self.plan.pop(self.steps, None)
        return planned(name) if planned else None

    def new(self, field: str) -> str:
        """A value that nobody wrote before."""
        number = len(self.edits)
        values = {
            Field.PHONE: f"+7916{number:07d}",
            Field.EMAIL: f"m{number}@example.com",
            Field.GIVEN_NAME: f"Имя{number}",
            Field.FAMILY_NAME: f"Фамилия{number}",
            Field.TICKET_SUBJECT: f"Тема{number}",
        }
        return values[Field(field)]

    def wrote(self, field: str, value: str, overwrote: str) -> None:
        self.edits.append(Edit(field, value, overwrote))

    # People.

    @initialize()
    def begins(self) -> None:
        """One customer is known on both sides."""
        self.run(self.office.sync.start())
        self.somebody_becomes_a_customer()
        self.work()

    @precondition(lambda self: len(self.customers) < PEOPLE)
    @rule()
    def somebody_becomes_a_customer(self) -> None:
        values = {}
        for field in sorted(FIELDS):
            values[field.value] = self.new(field)
            self.wrote(field, values[field.value], "")
        names = {"given": values.pop("given_name"), "family": values.pop("family_name")}
        self.customers.append(self.run(self.office.customer(**names, **values)))

    @precondition(lambda self: len(self.crm.contacts) < PEOPLE)
    @rule()
    def somebody_is_entered_in_the_crm(self) -> None:
        values = {}
        for field in sorted(FIELDS):
            values[field.value] = self.new(field)
            self.wrote(field, values[field.value], "")
        self.crm.add(**values)

    @precondition(lambda self: self.customers)
    @rule(who=numbers, field=fields)
    def a_profile_is_edited_here(self, who: int, field: str) -> None:
        self.run(self.edit_here(who, field))

    async def edit_here(self, who: int, field: str) -> None:
        if not self.customers:
            return
        customer_id = self.customers[who % len(self.customers)]
        value = self.new(field)
        self.wrote(field, value, await self.office.sees(customer_id, field))
        await self.office.edit(customer_id, **{Field(field).value: value})

    @precondition(lambda self: self.crm.contacts)
    @rule(who=numbers, field=fields)
    def a_contact_is_edited_there(self, who: int, field: str) -> None:
        self.edit_there(who, field)

    def edit_there(self, who: int, field: str) -> None:
        if not self.crm.contacts:
            return
        remote_id = sorted(self.crm.contacts)[who % len(self.crm.contacts)]
        value = self.new(field)
        self.wrote(field, value, self.crm.sees(remote_id, field))
        self.crm.edit(remote_id, **{Field(field).value: value})

    # Tickets and notes.

    @precondition(lambda self: len(self.opened) < PEOPLE)
    @rule(who=numbers)
    def a_ticket_is_opened_here(self, who: int) -> None:
        subject = self.new(Field.TICKET_SUBJECT)
        self.wrote(Field.TICKET_SUBJECT, subject, "")
        customer_id = self.customers[who % len(self.customers)]
        self.opened.append(self.run(self.office.ticket(customer_id, subject)))

    @precondition(lambda self: self.crm.contacts and len(self.crm.cases) < 2 * PEOPLE)
    @rule(who=numbers)
    def a_case_is_opened_there(self, who: int) -> None:
        subject = self.new(Field.TICKET_SUBJECT)
        self.wrote(Field.TICKET_SUBJECT, subject, "")
        self.crm.complain(sorted(self.crm.contacts)[who % len(self.crm.contacts)], subject)

    @rule(which=numbers, closes=st.booleans())
    def a_ticket_is_seen_to_here(self, which: int, closes: bool) -> None:
        self.run(self.handle_here(which, closes))

    async def handle_here(self, which: int, closes: bool) -> None:
        known = await self.office.tickets()
        if known:
            ticket = known[sorted(known)[which % len(known)]]
            subject = self.new(Field.TICKET_SUBJECT)
            self.wrote(Field.TICKET_SUBJECT, subject, ticket.subject)
            state = TicketState.SOLVED if closes else TicketState.OPEN
            await self.office.handle(ticket.id, subject=subject, state=state)

    @rule(which=numbers, closes=st.booleans())
    def a_case_is_seen_to_there(self, which: int, closes: bool) -> None:
        self.handle_there(which, closes)

    def handle_there(self, which: int, closes: bool) -> None:
        if self.crm.cases:
            remote_id = sorted(self.crm.cases)[which % len(self.crm.cases)]
            subject = self.new(Field.TICKET_SUBJECT)
            self.wrote(Field.TICKET_SUBJECT, subject, self.crm.says(remote_id, "subject"))
            self.crm.handle(remote_id, subject=subject, state="closed" if closes else "open")

    @rule(after=steps, which=numbers, here=st.booleans())
    def a_ticket_is_seen_to_while_jobs_run(self, after: int, which: int, here: bool) -> None:
        def there(step: str) -> None:
            if step not in TICKET_RACE:
                self.handle_there(which, True)

        self.plan[self.steps + after] = (lambda _: self.handle_here(which, True)) if here else there
        self.work()

    @precondition(lambda self: self.crm.contacts)
    @rule(who=numbers, beside_case=st.booleans())
    def a_note_is_written_there(self, who: int, beside_case: bool) -> None:
        beside_case = beside_case and bool(self.crm.cases)
        records = sorted(self.crm.cases if beside_case else self.crm.contacts)
        self.notes.append(f"Заметка {len(self.notes)}")
        kind = Kind.TICKET if beside_case else Kind.CONTACT
        self.crm.write_note(kind, records[who % len(records)], self.notes[-1])

    @rule(who=numbers)
    def a_note_is_written_here(self, who: int) -> None:
        self.run(self.write_note(self.customers[who % len(self.customers)]))

    async def write_note(self, customer_id: int) -> None:
        self.sent += 1
        async with self.db.write() as session:
            announce = self.office.sync.announcements
            await announce.note(session, customer_id, f"n{self.sent}", "Наша")

    # Luck.

    @precondition(lambda self: self.crm.contacts)
    @rule(who=numbers, times=st.integers(1, 2))
    def a_webhook_comes(self, who: int, times: int) -> None:
        remote_id = sorted(self.crm.contacts)[who % len(self.crm.contacts)]
        for _ in range(times):
            self.run(self.office.sync.receive("shop", self.crm.webhook(remote_id)))

    @rule(who=numbers, field=fields)
    def both_edit_one_field(self, who: int, field: str) -> None:
        self.run(self.edit_here(who, field))
        customer_id = self.customers[who % len(self.customers)]
        links = self.run(self.office.links())
        contact = next((remote_id for remote_id, known in links.items() if known == customer_id), None)
        if contact is not None:
            self.edit_there(sorted(self.crm.contacts).index(contact), field)

    @rule(seconds=st.sampled_from([0, 1, 61, 600]))
    def jobs_run(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        self.work()

    @rule(after=steps)
    def the_process_dies_at_work(self, after: int) -> None:
        def die(_step: str) -> None:
            raise Death

        self.plan[self.steps + after] = die
        self.work()

    @rule(after=steps)
    def an_answer_is_lost(self, after: int) -> None:
        def lose(step: str) -> None:
            if step in WRITES:
                raise Uncertain("no whole answer came")

        self.plan[self.steps + after] = lose
        self.work()

    @rule(after=steps, who=numbers, field=fields)
    def a_profile_is_edited_while_jobs_run(self, after: int, who: int, field: str) -> None:
        self.plan[self.steps + after] = lambda _: self.edit_here(who, field)
        self.work()

    @rule(after=steps, who=numbers, field=fields)
    def a_contact_is_edited_while_jobs_run(self, after: int, who: int, field: str) -> None:
        def edit(step: str) -> None:
            if step not in RACE:
                self.edit_there(who, field)

        self.plan[self.steps + after] = edit
        self.work()

    @rule(lag=st.booleans(), down=st.booleans())
    def the_weather_changes(self, lag: bool, down: bool) -> None:
        """Lists lag behind or do not; the CRM is there or is not."""
        self.crm.lagging = dict(self.crm.contacts) if lag else None
        self.crm.down = down

    def work(self) -> None:
        """Run what is due; when the process dies, another one takes over."""
        worker = Worker(
            "gateway", self.queue, self.office.sync.handlers(), self.clock, random.Random(1), concurrency=1
        )
        try:
            self.run(worker.drain())
        except Death:
            self.run(self.queue.release("gateway"))
        self.plan.clear()

    # Promises.

    @invariant()
    def nobody_is_two_people(self) -> None:
        known = [customer for customer in self.run(self.office.links()).values() if customer]
        assert len(known) == len(set(known))

    def teardown(self) -> None:
        try:
            self.come_to_rest()
            self.check()
        finally:
            self.run(self.db.close())
            self.loop.close()
            self.folder.cleanup()

    def come_to_rest(self) -> None:
        """Nothing more goes wrong, and a night passes."""
        self.plan.clear()
        self.crm.down, self.crm.lagging = False, None
        for pause in [timedelta(minutes=15)] * 4 + [timedelta(days=1)] + [timedelta(minutes=15)] * 4:
            self.clock.advance(pause)
            self.work()

    def check(self) -> None:
        links = self.run(self.office.links())
        assert set(links) == set(self.crm.contacts)
        assert set(self.customers) <= set(links.values())
        record = self.run(self.office.record())
        waiting = {(each.customer_id, each.ticket_id, each.field) for each in record if each.winner is None}
        standing: set[str] = set()
        for remote_id, customer_id in links.items():
            assert customer_id is not None
            ours = self.run(self.office.values(customer_id))
            theirs = self.crm.contacts[remote_id].values
            for field in FIELDS:
                assert ours[field] == theirs[field] or (customer_id, None, field.value) in waiting
                standing |= {ours[field], theirs[field]}
        standing |= self.check_tickets(waiting)
        self.check_notes(links)
        overwritten = {edit.overwrote for edit in self.edits}
        on_record = {value for each in record for value in (each.ours, each.theirs)}
        for edit in self.edits:
            assert edit.value in standing | overwritten | on_record, edit

    def check_tickets(self, waiting: set[tuple[int, int | None, str]]) -> set[str]:
        """Every ticket is one case and they say the same. Their subjects."""
        tickets = self.run(self.office.tickets())
        assert set(tickets) == set(self.crm.cases)
        assert set(self.opened) <= {ticket.id for ticket in tickets.values()}
        standing: set[str] = set()
        for remote_id, ticket in tickets.items():
            ours, theirs = values_of(ticket), self.crm.cases[remote_id].values
            for field in TICKET_FIELDS:
                undecided = (ticket.customer_id, ticket.id, field.value) in waiting
                assert ours[field] == theirs[field] or undecided
            standing |= {ours[Field.TICKET_SUBJECT], theirs[Field.TICKET_SUBJECT]}
        return standing

    def check_notes(self, links: dict[str, int | None]) -> None:
        """Each of theirs is here once, each of ours is there once and did not come back."""
        seen: list[str] = []
        for customer_id in links.values():
            assert customer_id is not None
            seen += self.run(self.office.notes(customer_id))
        assert sorted(seen) == sorted(self.notes)
        assert len(self.crm.notes) == self.sent


MODES = {
    "the CRM wins": {},
    "we win": {"fields": {name.value: {"conflict": "zabota"} for name in BOTH}},
    "a person decides": {"fields": {name.value: {"conflict": "ask"} for name in BOTH}},
    "each owns something": {
        "fields": {
            "phone": {"owner": "crm"},
            "email": {"owner": "zabota"},
            "ticket_state": {"owner": "crm"},
            "ticket_subject": {"owner": "zabota"},
        }
    },
}


@pytest.mark.parametrize("mode", MODES)
def test_both_sides_converge_and_nothing_is_lost(migrated_sqlite: Path, mode: str) -> None:
    machine = type("Machine", (TwoSides,), {"migrated": migrated_sqlite, "ruled": MODES[mode]})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            derandomize=EXAMPLES == FEW,
            suppress_health_check=list(HealthCheck),
        ),
    )
