"""What happens between the two, and how one sees that they end equal."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from crm_bridge.adapters import Field, Forged, Received, Values
from crm_bridge.models import UNSOLVED, TicketPriority, TicketState
from tests.real.bottlecrm.ours import Ours
from tests.real.bottlecrm.product import BottleCrm

NAMES = {
    Field.GIVEN_NAME: "first_name",
    Field.FAMILY_NAME: "last_name",
    Field.PHONE: "phone",
    Field.EMAIL: "email",
}
GIVEN = ("Мария", "Иван", "Анна", "Пётр", "Ольга", "Сергей")
PATIENCE = 900.0  # seconds that the two may take to come to rest
FEW = 15  # cases that people on both sides keep seeing to, so that they meet
MARK = re.compile(r"\[(shop-[tn]\d+)\]")


@dataclass(frozen=True)
class Edit:
    """Somebody on one of the sides gave a field a value."""

    customer_id: int
    field: Field
    value: str
    by_us: bool
    at: float


@dataclass
class Story:
    """One run. `figures` is what it tells at the end."""

    crm: BottleCrm
    ours: Ours
    chance: random.Random
    edits: list[Edit] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=lambda: {"BottleCRM": 0, "our worker": 0})
    renames: list[tuple[str, str, float]] = field(default_factory=list)  # case, its new subject, when
    comments: list[tuple[int, str]] = field(default_factory=list)  # whose, what people there wrote
    _numbers: int = 0
    _letters: int = 0
    _handled: int = 0

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    async def everybody_meets(self, there: int, here: int, both: int) -> None:
        """Contacts there, customers here, and some who are in both before they know of each other."""
        for _ in range(there):
            await self._enter(self._person())
        for _ in range(here):
            await self.ours.customer(self._person())
        for _ in range(both):
            person = self._person()
            await self._enter(person)
            await self.ours.customer(person)
        nameless = self._person() | {Field.FAMILY_NAME: "", Field.EMAIL: ""}
        await self.ours.customer(nameless)
        took = await self.rest()
        links, contacts = await self.ours.links(), await self._contacts()
        expected = there + here + both + 1
        assert len(contacts) == len(links) == len(set(links.values())) == expected, (
            len(contacts),
            len(links),
        )
        self.figures["people"] = (
            f"{expected}: {there} there, {here} here, {both} in both, 1 without a family name"
        )
        self.figures["all linked, nobody twice, after"] = f"{took:.0f} s"

    async def deals_are_copied(self) -> None:
        """Deals with a currency of theirs and without one; roubles are refused."""
        links = sorted(await self.ours.links())
        made = {}
        for n, remote_id in enumerate(links[:12]):
            body = {"name": f"Чайник {self.number()}", "amount": "1499.50", "contacts": [remote_id]}
            currency = "EUR" if n % 2 else None
            said = await self.crm.call("POST", "api/opportunities/", body | {"currency": currency})
            made[said["id"]] = (149950, currency or "RUB")
        await self._until(self.ours.deals, made)
        try:
            await self.crm.call("POST", "api/opportunities/", {"name": "Рубли", "currency": "RUB"})
        except aiohttp.ClientResponseError as refused:
            self.figures["a deal in RUB"] = f"refused there with {refused.status}"
        self.figures["deals copied"] = str(len(made))

    async def edits_cross(self, rounds: int, each: int, letters: int) -> None:
        """People on both sides change profiles, write tickets and notes; both processes are killed."""
        await self._open_some_cases()
        for _ in range(rounds):
            links = await self.ours.links()
            work = [self._edits(links, each, by_us=True), self._edits(links, each, by_us=False)]
            work += [self._see_to_cases(each // 2, by_us=True), self._see_to_cases(each // 2, by_us=False)]
            work += [self._write_letters(links, letters), self._write_comments(links, letters)]
            await asyncio.gather(*work, self._misfortune())
        took = await self.rest()
        self.figures["edits"] = f"{len(self.edits)}, half of them on either side"
        self.figures["edits of cases"] = f"{self._handled}, half of them on either side"
        self.figures["at rest again after the last edit"] = f"{took:.0f} s"

    async def ends_equal(self) -> None:
        """Every contact and its customer say the same, and no edit is lost without a record."""
        links, contacts, customers = await self.ours.links(), await self._contacts(), await self.ours.people()
        assert set(links) == set(contacts), set(links) ^ set(contacts)
        unequal = {
            remote_id: (contacts[remote_id], customers[customer_id])
            for remote_id, customer_id in links.items()
            if any(contacts[remote_id][name] != customers[customer_id][name] for name in NAMES)
        }
        assert not unequal, unequal
        conflicts = await self.ours.conflicts()
        kept = {(c.customer_id, c.field, value) for c in conflicts for value in (c.ours, c.theirs)}
        newest = {
            (edit.customer_id, edit.field): edit for edit in sorted(self.edits, key=lambda edit: edit.at)
        }
        lost = [
            edit
            for (who, name), edit in newest.items()
            if customers[who][name] != edit.value and (who, name.value, edit.value) not in kept
        ]
        assert not lost, lost
        self.figures["contacts equal on both sides, read field by field"] = f"{len(links)} of {len(contacts)}"
        self.figures["edits that gave way, all on record"] = str(len(conflicts))
        self.figures["newest edits neither standing nor on record"] = "0"

    async def cases_end_equal(self) -> None:
        """Every case and its ticket say the same, and no new subject is lost without a record."""
        began = time.monotonic()
        while (here := await self._cases_here()) != (there := await self._cases_there()):
            assert time.monotonic() - began < PATIENCE, {k: (v, there.get(k)) for k, v in here.items()}
            await asyncio.sleep(0.5)
        conflicts = [each for each in await self.ours.conflicts() if each.ticket_id is not None]
        on_record = {value for each in conflicts for value in (each.ours, each.theirs)}
        newest = {case: subject for case, subject, _ in sorted(self.renames, key=lambda each: each[2])}
        lost = {c: text for c, text in newest.items() if here[c][2] != text and text not in on_record}
        assert not lost, lost
        self.figures["cases equal on both sides: state, priority, subject"] = f"{len(here)} of {len(there)}"
        self.figures["edits of cases that gave way, all on record"] = str(len(conflicts))

    async def notes_come_back(self) -> None:
        """What people there wrote is in the timeline once after a night in which the CRM was killed."""
        tired = asyncio.create_task(self.ours.sweep())
        await asyncio.sleep(1)
        await self.crm.kill()
        self.kills["BottleCRM"] += 1
        broken = await asyncio.gather(tired, return_exceptions=True)
        await self.crm.start()
        began = time.monotonic()
        await self.ours.sweep()
        await self.ours.sweep()
        took = (time.monotonic() - began) / 2
        assert sorted(await self.ours.notes()) == sorted(self.comments), (
            len(await self.ours.notes()),
            len(self.comments),
        )
        died = "interrupted" if isinstance(broken[0], Exception) else "whole"
        self.figures["notes written there, each once in the timeline, none of ours"] = str(len(self.comments))
        self.figures["one night's reading"] = f"{took:.0f} s; the one killed in its middle was {died}"

    async def letters_came_once(self) -> None:
        """Every ticket is one case, every note one comment, whatever was killed."""
        letters = await self.ours.letters()
        cases = await self.crm.everything("api/cases/", "cases")
        found = [mark[1] for case in cases if (mark := MARK.search(case["name"]))]
        comments = []
        for remote_id in await self.ours.links():
            detail = await self.crm.call("GET", f"api/contacts/{remote_id}/")
            comments += [m[1] for c in detail["comments"] if (m := MARK.search(c["comment"]))]
        assert sorted(found + comments) == sorted(letters), (len(found), len(comments), len(letters))
        assert all(letters.values()), "a letter without the id that it has there"
        self.figures["tickets that became one case each"] = str(len(found))
        self.figures["notes that became one comment each"] = str(len(comments))
        self.figures["killed with SIGKILL"] = ", ".join(f"{who} {n} times" for who, n in self.kills.items())

    async def cases_come_back(self) -> None:
        """What people there open is a ticket here, and what they close or open again follows."""
        contacts = sorted(await self.ours.links())
        theirs = []
        for remote_id in contacts[:10]:
            body = {"name": f"Звонок {self.number()}", "status": "New", "priority": "Normal"}
            said = await self.crm.call("POST", "api/cases/", body | {"contacts": [remote_id]})
            theirs.append(said["id"])
        cases = await self.crm.everything("api/cases/", "cases")
        own = [case["id"] for case in cases if MARK.search(case["name"]) and case["status"] != "Closed"][:8]
        await self._until(self._states_here, await self._states_there())
        for remote_id in own + theirs[:3]:
            await self.crm.call("PATCH", f"api/cases/{remote_id}/", {"status": "Closed"})
        took = await self._until(self._states_here, await self._states_there())
        for remote_id in own[:2]:
            await self.crm.call("PATCH", f"api/cases/{remote_id}/", {"status": "Pending"})
        await self._until(self._states_here, await self._states_there())
        self.figures["cases opened there, tickets here"] = str(len(theirs))
        self.figures["cases closed there / opened again, followed here"] = (
            f"{len(own) + 3} / 2, after {took:.0f} s"
        )
        tickets = await self.ours.tickets()
        solved = [*theirs[3:7], *own[:2]]
        for remote_id in solved:
            await self.ours.handle(tickets[remote_id].id, state=TicketState.SOLVED)
        wanted = await self._states_here()
        took = await self._until(self._states_there, wanted)
        assert not any(wanted[remote_id] for remote_id in solved)
        self.figures["tickets solved here, their cases closed there"] = f"{len(solved)}, after {took:.0f} s"

    async def deletions_are_found(self) -> None:
        """A contact deleted there is found by the sweep; the customer stays."""
        before = await self.ours.people()
        gone = sorted(await self.ours.links())[-3:]
        for remote_id in gone:
            await self.crm.call("DELETE", f"api/contacts/{remote_id}/")
        await self.ours.sweep()
        await self.rest()
        assert not set(gone) & set(await self.ours.links())
        assert set(await self.ours.people()) == set(before)
        self.figures["deleted there, found at night, kept here"] = str(len(gone))

    async def webhooks_are_told_apart(self) -> None:
        """A signature made by its own code is right, another one is not. It cannot send us one itself."""
        async with aiohttp.ClientSession() as http:
            crm = await self.ours.adapter(http)
            raw, signature = await self.crm.sign("hook", {"event": "contact.updated", "data": {"id": "1"}})
            [hint] = crm.verify_webhook(Received(raw, {"x-bottlecrm-signature": signature}))
            assert hint.remote_id == "1"
            try:
                crm.verify_webhook(Received(raw + b" ", {"x-bottlecrm-signature": signature}))
            except Forged:
                self.figures["webhook signed by its own code"] = "recognised; with a blank more: refused"
        try:
            await self.crm.call("POST", "api/webhooks/", {"url": "https://127.0.0.1/", "events": []})
        except aiohttp.ClientResponseError as refused:
            self.figures["registering a webhook with a token"] = f"refused there with {refused.status}"

    async def rest(self) -> float:
        """Wait until nothing is to be sent and everything was read; how many seconds that took."""
        began, since = time.monotonic(), self.ours.clock.now()
        while time.monotonic() - began < PATIENCE:
            status = await self.ours.statuses.of("shop")
            if not status.waiting and status.fresh_as_of and status.fresh_as_of > since:
                assert status.refused == 0, status
                return time.monotonic() - began
            await asyncio.sleep(0.5)
        raise AssertionError(f"no rest after {PATIENCE} s: {await self.ours.statuses.of('shop')}")

    async def _misfortune(self) -> None:
        """Each of the two is killed in the middle of work, and started again."""
        for who, side in (("BottleCRM", self.crm), ("our worker", self.ours)):
            await asyncio.sleep(self.chance.uniform(1, 3))
            await side.kill()
            self.kills[who] += 1
            await asyncio.sleep(self.chance.uniform(0.5, 2))
            await side.start()

    async def _edits(self, links: dict[str, int], count: int, *, by_us: bool) -> None:
        for _ in range(count):
            remote_id, customer_id = self.chance.choice(sorted(links.items())[:40])  # few, so that they meet
            name = self.chance.choice(list(NAMES))
            value = self._person()[name]
            if by_us:
                await self.ours.edit(customer_id, name, value)
            else:
                await self._change(remote_id, name, value)
            self.edits.append(Edit(customer_id, name, value, by_us, time.monotonic()))
            await asyncio.sleep(self.chance.uniform(0, 0.2))

    async def _open_some_cases(self) -> None:
        """On either side, so that there is something to see to from the first round on."""
        for remote_id, customer_id in sorted((await self.ours.links()).items())[: FEW // 2]:
            self._letters += 1
            await self.ours.ticket(customer_id, self._letters)
            body = {"name": f"Звонок {self.number()}", "status": "New", "priority": "Normal"}
            await self.crm.call("POST", "api/cases/", body | {"contacts": [remote_id]})
        await self.rest()

    async def _see_to_cases(self, count: int, *, by_us: bool) -> None:
        """People close cases, open them again, find them urgent, call them something else."""
        for _ in range(count):
            await asyncio.sleep(self.chance.uniform(0, 0.4))
            tickets = await self.ours.tickets()
            if not tickets:
                continue
            remote_id = self.chance.choice(sorted(tickets)[:FEW])
            what, subject = self.chance.choice(("state", "priority", "subject")), f"Тема {self.number()}"
            if by_us:
                ours: dict[str, object] = {
                    "state": self.chance.choice((TicketState.OPEN, TicketState.SOLVED)),
                    "priority": self.chance.choice(list(TicketPriority)),
                    "subject": subject,
                }
                await self.ours.handle(tickets[remote_id].id, **{what: ours[what]})
            else:
                names = {"state": "status", "priority": "priority", "subject": "name"}
                case = (await self._patiently("GET", f"api/cases/{remote_id}/"))["cases_obj"]
                sign = MARK.search(case["name"])
                theirs = {
                    "state": self.chance.choice(("Closed", "Pending")),
                    "priority": self.chance.choice(("Low", "Normal", "High", "Urgent")),
                    "subject": f"{subject} {sign[0]}" if sign else subject,
                }
                await self._patiently("PATCH", f"api/cases/{remote_id}/", {names[what]: theirs[what]})
            self._handled += 1
            if what == "subject":
                self.renames.append((remote_id, subject, time.monotonic()))

    async def _write_comments(self, links: dict[str, int], count: int) -> None:
        """People there write beside contacts, and beside cases to each other and to the customer."""
        for _ in range(count):
            remote_id, customer_id = self.chance.choice(sorted(links.items()))
            said = f"Звонок {self.number()}: просила перезвонить"
            await self._comment(f"api/contacts/{remote_id}/", {"comment": said}, customer_id)
            tickets = await self.ours.tickets()
            if tickets:
                case = self.chance.choice(sorted(tickets))
                body = {"comment": f"Дело {self.number()}", "is_internal": self.chance.random() < 0.5}
                await self._comment(f"api/cases/{case}/", body, tickets[case].customer_id)
            await asyncio.sleep(self.chance.uniform(0, 0.5))

    async def _comment(self, path: str, body: dict[str, Any], customer_id: int) -> None:
        """A comment is written once: whoever does not know whether it was looks."""
        while True:
            try:
                await self.crm.call("POST", path, body)
            except aiohttp.ClientResponseError:
                raise
            except aiohttp.ClientError:
                await asyncio.sleep(0.5)
                seen = await self._patiently("GET", path)
                said = [each["comment"] for each in seen["comments"] + seen.get("internal_notes", [])]
                if body["comment"] not in said:
                    continue
            self.comments.append((customer_id, body["comment"]))
            return

    async def _write_letters(self, links: dict[str, int], count: int) -> None:
        for _ in range(count):
            for write in (self.ours.ticket, self.ours.note):
                self._letters += 1
                await write(self.chance.choice(sorted(links.values())), self._letters)
            await asyncio.sleep(self.chance.uniform(0, 0.5))

    async def _enter(self, person: Values) -> None:
        body = {NAMES[name]: value for name, value in person.items()}
        await self.crm.call("POST", "api/contacts/", body | {"phone": _typed(person[Field.PHONE])})

    async def _change(self, remote_id: str, name: Field, value: str) -> None:
        """Somebody there saves a form, again and again until it works."""
        written = _typed(value) if name is Field.PHONE else value
        await self._patiently("PATCH", f"api/contacts/{remote_id}/", {NAMES[name]: written})

    async def _patiently(self, method: str, path: str, body: Any = None) -> Any:
        while True:
            try:
                return await self.crm.call(method, path, body)
            except aiohttp.ClientResponseError:
                raise
            except aiohttp.ClientError:
                await asyncio.sleep(0.5)

    def _person(self) -> dict[Field, str]:
        n = self.number()
        return {
            Field.GIVEN_NAME: f"{self.chance.choice(GIVEN)}{n}",
            Field.FAMILY_NAME: f"Тестова{n}",
            Field.PHONE: f"+7916{n:07d}",
            Field.EMAIL: f"p{n}@example.com",
        }

    async def _contacts(self) -> dict[str, Values]:
        rows = await self.crm.everything("api/contacts/", "results")
        return {row["id"]: _seen(row) for row in rows}

    async def _states_there(self) -> dict[str, bool]:
        cases = await self.crm.everything("api/cases/", "cases")
        return {case["id"]: case["status"] != "Closed" for case in cases}

    async def _states_here(self) -> dict[str, bool]:
        return {key: ticket.state in UNSOLVED for key, ticket in (await self.ours.tickets()).items()}

    async def _cases_here(self) -> dict[str, tuple[bool, str, str]]:
        return {
            key: (ticket.state in UNSOLVED, ticket.priority.value, ticket.subject)
            for key, ticket in (await self.ours.tickets()).items()
        }

    async def _cases_there(self) -> dict[str, tuple[bool, str, str]]:
        cases = await self.crm.everything("api/cases/", "cases")
        return {
            case["id"]: (
                case["status"] != "Closed",
                case["priority"].lower().replace("urgent", "high"),
                MARK.sub("", case["name"]).strip(),
            )
            for case in cases
        }

    async def _until(self, look: Callable[[], Awaitable[Any]], wanted: Any) -> float:
        began = time.monotonic()
        while (seen := await look()) != wanted:
            assert time.monotonic() - began < PATIENCE, (seen, wanted)
            await asyncio.sleep(0.5)
        return time.monotonic() - began


def _typed(phone: str) -> str:
    """A number as people in an office type it."""
    return f"8 ({phone[2:5]}) {phone[5:8]}-{phone[8:10]}-{phone[10:]}"


def _seen(row: dict[str, Any]) -> Values:
    """A contact as a person reads it: the phone by its digits, a dash for no name."""
    digits = re.sub(r"\D", "", row["phone"] or "")
    return {
        Field.GIVEN_NAME: row["first_name"].replace("—", ""),
        Field.FAMILY_NAME: row["last_name"].replace("—", ""),
        Field.PHONE: f"+7{digits[-10:]}" if digits else "",
        Field.EMAIL: (row["email"] or "").lower(),
    }
