"""What the desk shows: lists of dialogues, and one of them whole."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.web.staff.tables import StaffAccount
from crm_bridge.models import Conversation, ConversationStatus, Customer, Identity, Message, Owner

LIST_LIMIT = 100
LOG_LIMIT = 300  # messages of one dialogue on the page; older ones come by «earlier»
EXCERPT = 140  # characters of the last line


class View(StrEnum):
    """A list of dialogues."""

    QUEUE = "queue"  # nobody answers yet
    MINE = "mine"
    ALL = "all"  # open ones, the bot's too


@dataclass(frozen=True, slots=True)
class Row:
    """A dialogue in a list."""

    id: str
    name: str | None  # None: a guest
    vip: bool
    channel: str
    language: str
    owner: Owner
    agent: str | None
    last_line: str
    last_author: str | None
    queued_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One dialogue, as a page shows it."""

    id: str
    customer_id: int | None
    name: str | None
    channel: str
    language: str
    owner: Owner
    agent_id: int | None
    agent: str | None
    epoch: int
    resolved: bool
    queued_at: datetime | None
    log: list[Message]
    more: bool  # there are earlier messages


async def listed(session: AsyncSession, view: View, staff_id: int) -> list[Row]:
    """The dialogues of a list: those that wait longest first, in the others the newest first."""
    query = _rows()
    if view is View.QUEUE:
        query = query.where(Conversation.owner == Owner.QUEUE).order_by(Conversation.queued_at)
    elif view is View.MINE:
        mine = Conversation.owner == Owner.AGENT, Conversation.agent_id == staff_id
        query = query.where(*mine).order_by(Conversation.updated_at.desc())
    else:
        unsolved = Conversation.status != ConversationStatus.RESOLVED
        query = query.where(unsolved).order_by(Conversation.updated_at.desc())
    return [_row(found) for found in await session.execute(query.limit(LIST_LIMIT))]


async def waiting(session: AsyncSession) -> int:
    """How many dialogues nobody answers yet; counting ends at the length of a list."""
    query = select(Conversation.id).where(Conversation.owner == Owner.QUEUE).limit(LIST_LIMIT)
    return len((await session.scalars(query)).all())


async def opened(session: AsyncSession, conversation_id: str, before: int | None = None) -> Dialogue | None:
    """One dialogue with its newest messages, or those before a sequence number."""
    found = (
        await session.execute(
            select(Conversation, Customer, StaffAccount.name)
            .join(Identity, Identity.id == Conversation.identity_id)
            .outerjoin(Customer, Customer.id == Identity.customer_id)
            .outerjoin(StaffAccount, StaffAccount.id == Conversation.agent_id)
            .where(Conversation.id == conversation_id)
        )
    ).one_or_none()
    if found is None:
        return None
    conversation, customer, agent = found
    log = await _log(session, conversation_id, before)
    return Dialogue(
        id=conversation.id,
        customer_id=customer.id if customer else None,
        name=_name(customer),
        channel=conversation.channel,
        language=conversation.language,
        owner=conversation.owner,
        agent_id=conversation.agent_id,
        agent=agent,
        epoch=conversation.epoch,
        resolved=conversation.status is ConversationStatus.RESOLVED,
        queued_at=conversation.queued_at,
        log=log[-LOG_LIMIT:],
        more=len(log) > LOG_LIMIT,
    )


async def _log(session: AsyncSession, conversation_id: str, before: int | None) -> list[Message]:
    query = select(Message).where(Message.conversation_id == conversation_id)
    if before is not None:
        query = query.where(Message.seq < before)
    newest = query.order_by(Message.created_at.desc(), Message.id.desc()).limit(LOG_LIMIT + 1)
    messages = (await session.scalars(newest)).all()
    return sorted(messages, key=lambda one: (one.seq is None, one.seq or 0, one.created_at))


def _rows() -> "Select[*tuple[Any, ...]]":
    return (
        select(
            Conversation,
            Customer,
            StaffAccount.name.label("agent"),
            Message.text.label("last_line"),
            Message.author.label("last_author"),
        )
        .join(Identity, Identity.id == Conversation.identity_id)
        .outerjoin(Customer, Customer.id == Identity.customer_id)
        .outerjoin(StaffAccount, StaffAccount.id == Conversation.agent_id)
        .outerjoin(
            Message, (Message.conversation_id == Conversation.id) & (Message.seq == Conversation.last_seq)
        )
    )


def _row(found: Any) -> Row:
    conversation, customer = found[0], found[1]
    line = " ".join((found.last_line or "").split())
    return Row(
        id=conversation.id,
        name=_name(customer),
        vip=bool(customer and customer.vip),
        channel=conversation.channel,
        language=conversation.language,
        owner=conversation.owner,
        agent=found.agent,
        last_line=line if len(line) <= EXCERPT else f"{line[:EXCERPT]}…",
        last_author=found.last_author,
        queued_at=conversation.queued_at,
        updated_at=conversation.updated_at,
    )


def _name(customer: Customer | None) -> str | None:
    return f"{customer.given_name} {customer.family_name}".strip() if customer else None
