"""The one open matter that a returning customer most likely writes about."""

from dataclasses import dataclass, field
from datetime import timedelta

from actions.services import Services
from actions.wording import Wording
from crm_bridge.models import TicketState

SOON = timedelta(hours=36)  # a visit in this time is worth a word


@dataclass(frozen=True, slots=True)
class Matter:
    """What to say about it, the likely next steps, and what a yes means."""

    text: str
    buttons: tuple[str, ...]
    offer: str
    slots: dict[str, str] = field(default_factory=dict)


async def open_matter(services: Services, customer_id: int, words: Wording) -> Matter | None:
    """A late order before a visit that is near, before a case that is open; None when all is well."""
    return (
        await _late_order(services, customer_id, words)
        or await _near_visit(services, customer_id, words)
        or await _open_case(services, customer_id, words)
    )


async def _late_order(services: Services, customer_id: int, words: Wording) -> Matter | None:
    now = services.clock.now()
    orders = await services.orders.of_customer(customer_id)
    late = next((one for one in orders if one.is_open and one.lateness(now)), None)
    if late is None:
        return None
    text = words.text("matter.late", number=late.number)
    return Matter(text, ("delivery_delay",), "delivery_delay", {"order_id": late.number})


async def _near_visit(services: Services, customer_id: int, words: Wording) -> Matter | None:
    now = services.clock.now()
    visits = await services.visits.of_customer(customer_id, now)
    if not visits or visits[0].starts_at - now > SOON:
        return None
    visit = visits[0]
    text = words.text("matter.visit", at=words.at(visit.starts_at), place=visit.place)
    return Matter(text, ("reschedule_appointment", "cancel_appointment"), "reschedule_appointment")


async def _open_case(services: Services, customer_id: int, words: Wording) -> Matter | None:
    tickets = (await services.profiles.read(customer_id)).tickets
    if not tickets:
        return None
    newest = max(tickets, key=lambda one: one.id)
    waiting = newest.state == TicketState.WAITING
    text = words.text("matter.case_waits" if waiting else "matter.case", subject=newest.title)
    return Matter(text, ("human_agent",), "human_agent")
