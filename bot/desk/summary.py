"""What happened so far, in a few lines: who, what about, which order, what was tried. Nothing is invented:
every line is taken from the dialogue, the profile or the record of operations."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.handoffs import NO_TOPICS
from crm_bridge.models import Author, Conversation, Customer, Identity, Message, Operation, Order
from crm_bridge.orders import order_number

LOOK_BACK = 80  # messages
QUOTE = 220  # characters
# What is no news to an agent: their own lines, and codes that were asked for and read out.
QUIET = frozenset({"answer", "retry", "request_code", "check_code", "request_contact_code"})
_NUMBER = re.compile(r"[A-Za-zА-Яа-я]{0,3}-?\d{3,10}")


@dataclass(frozen=True, slots=True)
class Summary:
    """A dialogue in brief."""

    who: str | None
    vip: bool
    verified: bool
    topics: tuple[str, ...]  # intents, in the order they came up
    asked: str | None  # the customer's own words: the fullest message about the newest topic
    last: str | None  # what they wrote last
    orders: tuple[tuple[str, str], ...]  # numbers that were named and exist, with their states
    done: tuple[str, ...]  # operations that were carried out here
    bot_lines: int
    agent_lines: int


async def summarise(session: AsyncSession, conversation_id: str) -> Summary:
    """Read the newest messages and put them into a summary."""
    query = (
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(LOOK_BACK)
    )
    newest = (await session.scalars(query)).all()
    messages = sorted(newest, key=lambda one: (one.seq is None, one.seq or 0, one.created_at))
    said = [one for one in messages if one.author is Author.CUSTOMER]
    identity = (
        await session.execute(
            select(Customer, Identity.method)
            .select_from(Conversation)
            .join(Identity, Identity.id == Conversation.identity_id)
            .outerjoin(Customer, Customer.id == Identity.customer_id)
            .where(Conversation.id == conversation_id)
        )
    ).one_or_none()
    customer, method = identity if identity else (None, None)
    topics = list(dict.fromkeys(topic for one in said if (topic := topic_of(one))))
    return Summary(
        who=customer.name if customer else None,
        vip=bool(customer and customer.vip),
        verified=method is not None,
        topics=tuple(topics),
        asked=_asked(said, topics),
        last=_short(said[-1].text) if said else None,
        orders=await _orders(session, customer, said),
        done=tuple(dict.fromkeys(chain.from_iterable((await deeds(session, conversation_id)).values()))),
        bot_lines=sum(one.author is Author.ASSISTANT for one in messages),
        agent_lines=sum(one.author is Author.AGENT for one in messages),
    )


def topic_of(message: Message) -> str | None:
    """The intent of a message, if it names a matter."""
    return matter(message.details)


def matter(details: Mapping[str, Any] | None) -> str | None:
    """The intent in a message's details; None for greetings, calls for a person and the like."""
    understood = ((details or {}).get("nlu") or {}).get("intent") or {}
    name = understood.get("name")
    return name if name and name not in NO_TOPICS else None


def _asked(said: Sequence[Message], topics: Sequence[str]) -> str | None:
    about = [one for one in said if topics and topic_of(one) == topics[-1]] or list(said)
    fullest = max(about, key=lambda one: len(one.text.split()), default=None)
    return _short(fullest.text) if fullest else None


async def _orders(
    session: AsyncSession, customer: Customer | None, said: Sequence[Message]
) -> tuple[tuple[str, str], ...]:
    """Only orders of the customer who showed who they are."""
    if customer is None:
        return ()
    named = {order_number(found) for one in said for found in _NUMBER.findall(one.text)}
    query = select(Order.number, Order.state).where(Order.customer_id == customer.id, Order.number.in_(named))
    return tuple((number, state.value) for number, state in await session.execute(query))


async def deeds(session: AsyncSession, conversation_id: str) -> dict[str, tuple[str, ...]]:
    """What was carried out in a dialogue, by the message that brought it; `desk`: by an agent."""
    query = (
        select(Operation.key, Operation.name)
        .where(
            Operation.key > f"{conversation_id}:", Operation.key < f"{conversation_id};"
        )  # its keys begin so
        .order_by(Operation.id)
    )
    found: dict[str, dict[str, None]] = {}
    for key, name in await session.execute(query):
        if name not in QUIET:
            found.setdefault(key.split(":")[1], {})[name] = None
    return {message_id: tuple(names) for message_id, names in found.items()}


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= QUOTE else f"{text[:QUOTE]}…"
