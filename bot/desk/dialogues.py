"""One dialogue whole, as the desk shows it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.desk.notes import NoteView, notes_of
from bot.desk.summary import deeds
from bot.gateway.handoffs import Handoff
from bot.proactive.explaining import why
from bot.web.staff.tables import StaffAccount
from crm_bridge.models import Author, Conversation, ConversationStatus, Customer, Identity, Message, Owner

LOG_LIMIT = 300  # messages of one dialogue on the page; older ones come by «earlier»


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log: something that was said, or a note between colleagues."""

    at: datetime
    message: Message | None = None
    note: NoteView | None = None


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
    handoff: Handoff | None
    offered: str | None  # the name of who is asked to take it
    verified_at: datetime | None  # when the account proved whose it is
    log: list[Entry]
    more: bool  # there are earlier messages
    reasons: dict[str, str]  # why we wrote unasked, by message
    deeds: dict[str, tuple[str, ...]]  # operations that the assistant carried out, by the customer's message

    @property
    def first_seq(self) -> int:
        """Where earlier messages end."""
        return min((one.message.seq for one in self.log if one.message and one.message.seq), default=0)


async def opened(session: AsyncSession, conversation_id: str, before: int | None = None) -> Dialogue | None:
    """One dialogue with its newest messages, or those before a sequence number."""
    offered = aliased(StaffAccount)
    found = (
        await session.execute(
            select(Conversation, Customer, StaffAccount.name, Handoff, offered.name, Identity.verified_at)
            .join(Identity, Identity.id == Conversation.identity_id)
            .outerjoin(Customer, Customer.id == Identity.customer_id)
            .outerjoin(StaffAccount, StaffAccount.id == Conversation.agent_id)
            .outerjoin(Handoff, Handoff.conversation_id == Conversation.id)
            .outerjoin(offered, offered.id == Handoff.offered_to)
            .where(Conversation.id == conversation_id)
        )
    ).one_or_none()
    if found is None:
        return None
    conversation, customer, agent, handoff, asked, verified_at = found
    messages = await _log(session, conversation_id, before)
    log = [Entry(one.created_at, message=one) for one in messages[-LOG_LIMIT:]]
    notes = await notes_of(session, conversation_id)
    return Dialogue(
        id=conversation.id,
        customer_id=customer.id if customer else None,
        name=customer.name if customer else None,
        channel=conversation.channel,
        language=conversation.language,
        owner=conversation.owner,
        agent_id=conversation.agent_id,
        agent=agent,
        epoch=conversation.epoch,
        resolved=conversation.status is ConversationStatus.RESOLVED,
        queued_at=conversation.queued_at,
        handoff=handoff,
        offered=asked,
        verified_at=verified_at if customer else None,
        log=_together(log, notes, whole=before is None and len(messages) <= LOG_LIMIT),
        more=len(messages) > LOG_LIMIT,
        reasons=await _reasons(session, customer, conversation.language, messages),
        deeds=await deeds(session, conversation_id),
    )


async def _reasons(
    session: AsyncSession, customer: Customer | None, language: str, messages: list[Message]
) -> dict[str, str]:
    """Why the assistant began, where it did."""
    began = any(one.author is Author.ASSISTANT and one.reply_to is None for one in messages)
    if customer is None or not began:
        return {}
    explained = await why(session, customer.id, language)
    return {one.message_id: one.reason for one in explained if one.message_id}


async def _log(session: AsyncSession, conversation_id: str, before: int | None) -> list[Message]:
    query = select(Message).where(Message.conversation_id == conversation_id)
    if before is not None:
        query = query.where(Message.seq < before)
    newest = query.order_by(Message.created_at.desc(), Message.id.desc()).limit(LOG_LIMIT + 1)
    messages = (await session.scalars(newest)).all()
    return sorted(messages, key=lambda one: (one.seq is None, one.seq or 0, one.created_at))


def _together(log: list[Entry], notes: list[NoteView], *, whole: bool) -> list[Entry]:
    """Notes among the messages, by time; the order of messages stays. Of a part of the log, its own."""
    since = log[0].at if log else None
    until = log[-1].at if log else None
    mixed = list(log)
    for note in notes:
        if not whole and since and until and not since <= note.at <= until:
            continue
        spot = next((n for n, entry in enumerate(mixed) if entry.at > note.at), len(mixed))
        mixed.insert(spot, Entry(note.at, note=note))
    return mixed
