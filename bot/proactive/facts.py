"""What a decision must know about customers, read for many of them at once."""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.policy import Facts, Way
from bot.proactive.tables import DecisionRow, Verdict
from crm_bridge.consent import Said
from crm_bridge.models import (
    Appointment,
    Asset,
    Author,
    ConsentRecord,
    ContactFrequency,
    ContactKind,
    ContactPoint,
    Customer,
    Identity,
    Message,
    NoticeChannel,
    Order,
    Subscription,
    Ticket,
)

WEB_CHAT = "webchat"
WINDOWS = {"whatsapp": timedelta(hours=24)}  # how long after the customer's last message free text may go
MONTH = timedelta(days=30)
AT_ONCE = 2000  # customers in one statement


@dataclass(slots=True)
class History:
    """What was said or kept back before. A simulation keeps its own."""

    sent: dict[int, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    subjects: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def remember(self, customer_id: int, subject: str, at: datetime | None) -> None:
        """A message that goes out at a moment, or is kept back (None)."""
        self.subjects[customer_id].add(subject)
        if at is not None:
            self.sent[customer_id].append(at)


async def history_of(
    session: AsyncSession, ids: Collection[int], now: datetime, *, besides: int | None = None
) -> History:
    """What was said, is about to be said, or was kept back.

    Args:
        besides: a decision that does not count, since it is the one that is looked at.
    """
    row, known = DecisionRow, History()
    query = select(row.customer_id, row.subject, row.verdict, row.sent_at, row.until).where(
        row.customer_id.in_(ids), row.verdict.in_([Verdict.SEND, Verdict.HOLDOUT])
    )
    if besides is not None:
        query = query.where(row.id != besides)
    for customer_id, subject, verdict, sent_at, until in await session.execute(query):
        at = (sent_at or until or now) if verdict is Verdict.SEND else None
        known.subjects[customer_id].add(subject)
        if at is not None and at > now - MONTH:
            known.sent[customer_id].append(at)
    return known


async def facts_of(
    session: AsyncSession,
    ids: Collection[int],
    now: datetime,
    channels: Collection[str],
    known: History,
) -> dict[int, Facts]:
    """The facts as of now, by customer. Who was merged into somebody else or erased is not there.

    Args:
        channels: through which the company can write at all.
    """
    found: dict[int, Facts] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        consents = await _consents(session, some, now)
        ways = await _ways(session, some, now, channels)
        weekly = await _weekly(session, some)
        for row in await session.execute(_customers(some)):
            customer = row.Customer
            found[customer.id] = Facts(
                customer_id=customer.id,
                time_zone=customer.time_zone,
                language=customer.language,
                city=customer.city,
                segment=customer.segment,
                vip=customer.vip,
                undisturbed=customer.do_not_disturb,
                contract=row.contract,
                preferred=_preferred(customer.preferred_from, customer.preferred_until),
                per_week=weekly.get(customer.id),
                ways=tuple(sorted(ways[customer.id], key=_liked(customer.preferred_channel))),
                consents=tuple(consents[customer.id]),
                sent=tuple(known.sent.get(customer.id, ())),
                subjects=frozenset(known.subjects.get(customer.id, ())),
            )
    return found


def _liked(preferred: str | None) -> Callable[[Way], bool]:
    return lambda way: way.channel != preferred


def _preferred(begin: int | None, until: int | None) -> tuple[int, int] | None:
    if begin is None and until is None:
        return None
    return begin or 0, 24 if until is None else until


def _customers(ids: list[int]) -> Any:
    dealings = [
        exists().where(table.customer_id == Customer.id)
        for table in (Order, Subscription, Appointment, Ticket, Asset)
    ]
    return select(Customer, or_(*dealings).label("contract")).where(
        Customer.id.in_(ids), Customer.merged_into_id.is_(None)
    )


async def _consents(session: AsyncSession, ids: list[int], now: datetime) -> dict[int, list[Said]]:
    row = ConsentRecord
    query = select(
        row.customer_id, row.id, row.purpose, row.channel, row.decision, row.text_version, row.source, row.at
    ).where(row.customer_id.in_(ids), row.at <= now)
    found: dict[int, list[Said]] = defaultdict(list)
    for said in await session.execute(query):
        values: tuple[Any, ...] = tuple(said)[1:]
        found[said.customer_id].append(Said(*values))
    return found


async def _weekly(session: AsyncSession, ids: list[int]) -> dict[int, int]:
    query = select(ContactFrequency.customer_id, ContactFrequency.per_week)
    return {
        row[0]: row[1] for row in await session.execute(query.where(ContactFrequency.customer_id.in_(ids)))
    }


async def _ways(
    session: AsyncSession, ids: list[int], now: datetime, channels: Collection[str]
) -> dict[int, list[Way]]:
    """As `crm_bridge.addresses.ways_to` gives them for one: accounts by the last message, then contacts."""
    last = (
        select(func.max(Message.created_at))
        .where(Message.identity_id == Identity.id, Message.author == Author.CUSTOMER)
        .correlate(Identity)
        .scalar_subquery()
    )
    accounts = (
        await session.execute(
            select(
                Identity.customer_id, Identity.id, Identity.channel, Identity.external_id, Identity.dead_at,
                Identity.method, last.label("last"),
            ).where(Identity.customer_id.in_(ids))
        )
    ).all()  # fmt: skip
    found: dict[int, list[Way]] = defaultdict(list)
    taken = {(row.customer_id, row.channel, row.external_id) for row in accounts}
    alive = [row for row in accounts if row.dead_at is None and row.method is not None]
    for row in sorted(alive, key=lambda row: row.last.timestamp() if row.last else 0.0, reverse=True):
        if row.channel in channels:
            window = WINDOWS.get(row.channel)
            is_open = window is None or (row.last is not None and now - row.last <= window)
            found[row.customer_id].append(Way(row.channel, row.id, is_open))
    contact = ContactPoint
    verified = (
        select(contact.customer_id, contact.kind, contact.value)
        .where(contact.customer_id.in_(ids), contact.verified_at.is_not(None))
        .order_by(contact.id)
    )
    for customer_id, kind, value in await session.execute(verified):
        channel = NoticeChannel.SMS if kind is ContactKind.PHONE else NoticeChannel.EMAIL
        if channel in channels and (customer_id, channel, value) not in taken:
            found[customer_id].append(Way(channel.value, None))
    return found
