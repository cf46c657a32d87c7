"""What an agent does for the customer beside the dialogue: by the same operations as the assistant's."""

import secrets
from typing import Any

from aiohttp import web
from sqlalchemy import select

from bot.desk.shell import Shell, number
from bot.gateway.hub import Hub
from bot.web.staff.accounts import Staff
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core.audit import Audit
from core.clock import Clock
from core.db import Database
from crm_bridge.company import Company
from crm_bridge.models import Conversation, Identity, TicketKind, TicketPriority
from crm_bridge.money import Money
from crm_bridge.operations.cases import Cases
from crm_bridge.operations.orders import OrderOperations
from crm_bridge.operations.visits import VisitOperations
from crm_bridge.orders import Orders
from crm_bridge.verification import (
    Ambiguous,
    CodeRequested,
    Expired,
    Locked,
    NotAContact,
    NothingRequested,
    TooMany,
    Verification,
    Verified,
    WrongCode,
)
from crm_bridge.visits import Visits

SUBJECT, TEXT = 200, 4000  # characters of a case
SLOTS = 40  # times that are offered for a visit
_OUTCOMES = {
    NotAContact: "not_a_contact",
    CodeRequested: "code_sent",
    TooMany: "too_many_codes",
    Verified: "verified",
    WrongCode: "wrong_code",
    Locked: "locked",
    Expired: "expired",
    NothingRequested: "nothing_requested",
    Ambiguous: "ambiguous",
}


class Service:
    """Forms under `/desk/c/{id}/do`. Each carries a key of its own, so that a double click does it once."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        hub: Hub,
        shell: Shell,
        company: Company,
        verification: Verification,
        cases: Cases,
        orders: OrderOperations,
        visits: VisitOperations,
    ) -> None:
        self._db = db
        self._clock = clock
        self._hub = hub
        self._shell = shell
        self._company = company
        self._verification = verification
        self._cases = cases
        self._order_operations = orders
        self._visit_operations = visits
        self._orders = Orders(db)
        self._visits = Visits(db)
        self._audit = Audit(clock)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_post("/desk/c/{id}/do/send_code", self.send_code)
        route.add_post("/desk/c/{id}/do/check_code", self.check_code)
        route.add_post("/desk/c/{id}/do/open_case", self.open_case)
        route.add_post("/desk/c/{id}/do/cancel_order", self.cancel_order)
        route.add_get("/desk/c/{id}/do/slots", self.slots)
        route.add_post("/desk/c/{id}/do/book_visit", self.book_visit)

    # --- who is it? -----------------------------------------------------------------------------------------

    @needs(Right.ANSWER)
    async def send_code(self, request: web.Request) -> web.Response:
        """A one-time code to the contact that the customer named; whether it is known, nobody is told."""
        form = await request.post()
        outcome = await self._verification.request(
            await self._known(request), str(form.get("contact", "")), _key(request, str(form.get("key", "")))
        )
        await self._note(request, "code sent", outcome=_OUTCOMES[type(outcome)])
        return self._said(request, _OUTCOMES[type(outcome)])

    @needs(Right.ANSWER)
    async def check_code(self, request: web.Request) -> web.Response:
        """The code that the customer has read out."""
        form = await request.post()
        outcome = await self._verification.check(
            await self._known(request), str(form.get("code", "")), _key(request, str(form.get("key", "")))
        )
        await self._note(request, "code checked", outcome=_OUTCOMES[type(outcome)])
        if isinstance(outcome, Verified):
            return web.Response(status=204, headers={"HX-Refresh": "true"})
        return self._said(request, _OUTCOMES[type(outcome)])

    # --- deeds ----------------------------------------------------------------------------------------------

    @needs(Right.ANSWER)
    async def open_case(self, request: web.Request) -> web.Response:
        form, customer_id = await request.post(), await self._customer(request)
        subject, text = str(form.get("subject", "")).strip(), str(form.get("text", "")).strip()
        try:
            kind, priority = TicketKind(str(form.get("kind"))), TicketPriority(str(form.get("priority")))
        except ValueError:
            raise web.HTTPBadRequest from None
        if not subject or len(subject) > SUBJECT or len(text) > TEXT:
            return self._said(request, "subject_missing")
        done = await self._cases.open_case(
            _key(request, str(form.get("key", ""))),
            customer_id,
            kind,
            subject,
            text,
            priority,
            conversation_id=request.match_info["id"],
        )
        await self._note(request, "case opened", customer=customer_id, case=done["number"])
        return self._said(request, "case_opened", number=done["number"])

    @needs(Right.ANSWER)
    async def cancel_order(self, request: web.Request) -> web.Response:
        """Cancel for the fee that the page showed; dearer meanwhile, and nothing is done."""
        form, customer_id = await request.post(), await self._customer(request)
        order = await self._orders.find(customer_id, str(form.get("number", "")))
        if order is None:
            raise web.HTTPNotFound
        agreed = Money(number(str(form.get("fee", ""))), order.total.currency)
        key = _key(request, f"cancel {order.number} {form.get('key', '')}")
        done = await self._order_operations.cancel(key, customer_id, order.number, agreed)
        await self._note(request, "order cancelled", customer=customer_id, order=order.id, done=done["done"])
        word = "order_cancelled" if done["done"] else "order_moved_on"
        return self._said(request, word, number=order.number)

    @needs(Right.ANSWER)
    async def slots(self, request: web.Request) -> web.Response:
        """Times with room for a service."""
        await self._customer(request)
        wanted = request.query.get("service", "")
        rules = self._company.visits
        known = {service.key: service for service in rules.services}
        free = []
        if service := known.get(wanted):
            free = await self._visits.free(service.slots, self._clock.now() + rules.lead)
        services = [(key, one.title.to(request[LOG_IN].staff.language)) for key, one in known.items()]
        values = {"slots": free[:SLOTS], "services": services, "wanted": wanted}
        values |= {"conversation_id": request.match_info["id"], "key": secrets.token_hex(8)}
        return self._shell.page("desk/slots.html", request, values)

    @needs(Right.ANSWER)
    async def book_visit(self, request: web.Request) -> web.Response:
        form, customer_id = await request.post(), await self._customer(request)
        slot_id = number(str(form.get("slot", "")))
        done = await self._visit_operations.book(
            _key(request, str(form.get("key", ""))), customer_id, slot_id
        )
        await self._note(request, "visit booked", customer=customer_id, slot=slot_id, done=done["done"])
        return self._said(request, "visit_booked" if done["done"] else "slot_full")

    # --- helpers --------------------------------------------------------------------------------------------

    async def _known(self, request: web.Request) -> str:
        conversation_id = request.match_info["id"]
        async with self._db.read() as session:
            if await session.get(Conversation, conversation_id) is None:
                raise web.HTTPNotFound
        return conversation_id

    async def _customer(self, request: web.Request) -> int:
        """Whose dialogue it is: never a number of the form.

        Raises:
            HTTPConflict: the customer has not shown who they are.
        """
        query = (
            select(Identity.customer_id)
            .join(Conversation, Conversation.identity_id == Identity.id)
            .where(Conversation.id == request.match_info["id"], Identity.method.is_not(None))
        )
        async with self._db.read() as session:
            customer_id = await session.scalar(query)
        if customer_id is None:
            raise web.HTTPConflict(text=self._shell.say(request, "do.unknown_customer"))
        return customer_id

    async def _note(self, request: web.Request, action: str, **details: Any) -> None:
        staff: Staff = request[LOG_IN].staff
        subject = f"conversation:{request.match_info['id']}"
        async with self._db.write() as session:
            await self._audit.record(session, staff.actor, action, subject, **details)
        self._hub.publish(request.match_info["id"])

    def _said(self, request: web.Request, outcome: str, **values: Any) -> web.Response:
        text = self._shell.say(request, f"do.{outcome}", **values)
        return self._shell.page("desk/outcome.html", request, {"text": text})


def _key(request: web.Request, given: str) -> str:
    """The idempotency key of a form. It begins with the conversation: so erasure finds it."""
    if not given or len(given) > 100:
        raise web.HTTPBadRequest
    return f"{request.match_info['id']}:desk:{request.path.rpartition('/')[2]}:{given}"
