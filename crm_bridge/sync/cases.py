"""Tickets in a CRM: those that people make there are ours too, and what is closed there is closed here."""

import re
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.adapters.values import Case
from crm_bridge.models import Ticket, TicketKind, TicketPriority, TicketState
from crm_bridge.sql import insert_if_absent
from crm_bridge.sync.deals import whose
from crm_bridge.sync.tables import CrmOutgoing

SUBJECT_LIMIT, NUMBER_LIMIT = 200, 64  # characters, as the table has them
_OWN = re.compile(r"t([0-9]{1,18})")


def key_of(ticket_id: int) -> str:
    """The key under which a ticket of ours is sent."""
    return f"t{ticket_id}"


def external_ref(account: str, remote_id: str) -> str:
    """How a ticket of ours names the one in the CRM."""
    return f"{account}:{remote_id}"


async def sent(session: AsyncSession, account: str, letter: CrmOutgoing, remote_id: str) -> None:
    """Note on our ticket which one it is in the CRM."""
    own = _OWN.fullmatch(letter.key.removeprefix(f"{account}-"))
    if own is not None:
        mine = Ticket.id == int(own[1]), Ticket.customer_id == letter.customer_id
        await session.execute(
            update(Ticket).where(*mine).values(external_ref=external_ref(account, remote_id))
        )


async def keep(session: AsyncSession, account: str, case: Case, now: datetime) -> None:
    """Follow what the people in the CRM did with a ticket.

    What they close is closed here, what they open again is opened. What was solved here and is still open
    there stays solved: we do not know better than whoever solved it.
    """
    customer_id = await whose(session, account, case.contact_id)
    if customer_id is None:
        return
    ref = external_ref(account, case.remote_id)
    query = select(Ticket).where(Ticket.external_ref == ref).with_for_update()
    ticket = (await session.scalars(query.execution_options(populate_existing=True))).first()
    if ticket is None:
        if not await _is_ours(session, account, case.key):
            await insert_if_absent(session, Ticket, _row(account, customer_id, case, now))
    elif not case.is_open and ticket.state is not TicketState.CLOSED:
        ticket.state, ticket.solved_at, ticket.updated_at = TicketState.CLOSED, ticket.solved_at or now, now
    elif case.is_open and ticket.state is TicketState.CLOSED:
        ticket.state, ticket.solved_at, ticket.updated_at = TicketState.OPEN, None, now
    await session.flush()


async def _is_ours(session: AsyncSession, account: str, key: str) -> bool:
    """Whether it is one that we sent, or are about to note that we sent."""
    query = select(CrmOutgoing.id).where(CrmOutgoing.key == key, CrmOutgoing.account == account)
    return key != "" and (await session.scalars(query)).first() is not None


def _row(account: str, customer_id: int, case: Case, now: datetime) -> dict[str, object]:
    return {
        "customer_id": customer_id,
        "number": f"{account[:24]}-{case.remote_id}"[:NUMBER_LIMIT],
        "external_ref": external_ref(account, case.remote_id),
        "kind": TicketKind.REQUEST,
        "state": TicketState.OPEN if case.is_open else TicketState.CLOSED,
        "priority": TicketPriority.NORMAL,
        "subject": case.subject[:SUBJECT_LIMIT],
        "text": case.text,
        "opened_at": now,
        "solved_at": None if case.is_open else now,
        "updated_at": now,
    }
