"""Cases on the desk: those of the customer beside the dialogue, and all that wait for somebody.

They are changed by the same operation as by the assistant and the company's CRM, which hears of it.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.shell import Shell
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core.audit import Audit
from core.clock import Clock
from core.db import Database, UtcDateTime
from crm_bridge.models import UNSOLVED, Customer, Ticket, TicketKind, TicketPriority, TicketState
from crm_bridge.operations.cases import Cases

PAGE = 50
NO_HURRY = datetime(9999, 1, 1, tzinfo=UTC)  # the deadline of what has none
OURS = (TicketState.OPEN, TicketState.IN_PROGRESS)  # it is our turn
CHANGES = (TicketState.OPEN, TicketState.IN_PROGRESS, TicketState.WAITING, TicketState.SOLVED)


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in a list."""

    id: int
    number: str
    kind: TicketKind
    state: TicketState
    priority: TicketPriority
    subject: str
    text: str
    due_at: datetime | None
    opened_at: datetime
    customer_id: int
    customer: str
    conversation_id: str | None


async def cases_of(session: AsyncSession, customer_id: int) -> list[CaseLine]:
    """The customer's cases that are not solved, the newest first."""
    query = _lines().where(Ticket.customer_id == customer_id, Ticket.state.in_(UNSOLVED))
    query = query.order_by(Ticket.opened_at.desc(), Ticket.id.desc()).limit(PAGE)
    return [CaseLine(*found) for found in await session.execute(query)]


async def waiting_cases(
    session: AsyncSession, states: Sequence[TicketState] = OURS, after: tuple[datetime, int] | None = None
) -> list[CaseLine]:
    """A page of all cases in these states, the soonest deadline first; those without one come last.

    Args:
        after: `position` of the last one that was shown.
    """
    order = func.coalesce(Ticket.due_at, literal(NO_HURRY, UtcDateTime())), Ticket.id
    query = _lines().where(Ticket.state.in_(states))
    if after:
        place = literal(after[0], UtcDateTime()), literal(after[1])
        query = query.where(tuple_(*order) > tuple_(*place))
    query = query.order_by(*order).limit(PAGE)
    return [CaseLine(*found) for found in await session.execute(query)]


class CasePages:
    """Routes under `/desk/cases`."""

    def __init__(self, db: Database, clock: Clock, shell: Shell, cases: Cases) -> None:
        self._db = db
        self._clock = clock
        self._shell = shell
        self._cases = cases
        self._audit = Audit(clock)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/desk/cases", self.waiting)
        app.router.add_post("/desk/cases/{number}", self.change)

    @needs(Right.ANSWER)
    async def waiting(self, request: web.Request) -> web.Response:
        """Who waits for what, until when; `?of=waiting` shows those in which the customer has the word."""
        theirs = request.query.get("of") == TicketState.WAITING
        states = (TicketState.WAITING,) if theirs else OURS
        after = _after(request.query.get("after", ""))
        async with self._db.read() as session:
            found = await waiting_cases(session, states, after)
        async with self._db.write() as session:
            actor = request[LOG_IN].staff.actor
            await self._audit.record(session, actor, "cases read", "desk", found=len(found))
        last = found[-1] if len(found) == PAGE else None
        more = f"{(last.due_at or NO_HURRY).isoformat()}~{last.id}" if last else None
        values: dict[str, Any] = {"cases": found, "more": more, "theirs": theirs, "now": self._clock.now()}
        return self._shell.page("desk/cases.html", request, choices() | values | {"whose": True})

    @needs(Right.ANSWER)
    async def change(self, request: web.Request) -> web.Response:
        """A new state and urgency. Whose case it is stands in the case, not in the form."""
        form, number = await request.post(), request.match_info["number"]
        key = str(form.get("key", ""))
        try:
            state, priority = TicketState(str(form.get("state"))), TicketPriority(str(form.get("priority")))
        except ValueError:
            raise web.HTTPBadRequest from None
        if not 0 < len(key) <= 64 or state not in CHANGES:
            raise web.HTTPBadRequest
        ticket = await self._line(number)
        await self._cases.change_case(
            f"case:{ticket.id}:desk:{key}", ticket.customer_id, number, state=state, priority=priority
        )
        async with self._db.write() as session:
            actor, subject = request[LOG_IN].staff.actor, f"customer:{ticket.customer_id}"
            changed = {"case": number, "state": state.value, "priority": priority.value}
            await self._audit.record(session, actor, "case changed", subject, **changed)
        whose = form.get("whose") == "1"  # the list says so, the page of the customer need not
        values = choices() | {"case": await self._line(number), "said": True, "whose": whose}
        return self._shell.page("desk/case.html", request, values)

    async def _line(self, number: str) -> CaseLine:
        async with self._db.read() as session:
            found = (await session.execute(_lines().where(Ticket.number == number))).first()
        if found is None:
            raise web.HTTPNotFound
        return CaseLine(*found)


def choices() -> dict[str, Any]:
    """What the form of a case offers."""
    return {
        "case_states": [one.value for one in CHANGES],
        "case_priorities": [one.value for one in TicketPriority],
        "case_key": secrets.token_hex(8),
        "said": False,
        "whose": False,
    }


def _lines() -> "Select[*tuple[Any, ...]]":
    name = (Customer.given_name + " " + Customer.family_name).label("customer")
    return select(
        Ticket.id,
        Ticket.number,
        Ticket.kind,
        Ticket.state,
        Ticket.priority,
        Ticket.subject,
        Ticket.text,
        Ticket.due_at,
        Ticket.opened_at,
        Ticket.customer_id,
        name,
        Ticket.conversation_id,
    ).join(Customer, Customer.id == Ticket.customer_id)


def _after(text: str) -> tuple[datetime, int] | None:
    at, _, id_ = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment, int(id_)) if moment.tzinfo and id_.isdecimal() and len(id_) < 19 else None
