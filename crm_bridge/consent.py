"""What a customer may be written to for, and by which channel.

Records are only ever added. Of those about a purpose and a channel (or all channels) the newest one decides.
Where the customer said nothing, service messages follow from the contract, and everything else is forbidden.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.texts import Texts
from crm_bridge.models import (
    Appointment,
    Asset,
    ConsentRecord,
    Customer,
    Decision,
    Order,
    Purpose,
    Subscription,
    Ticket,
)

_texts = Texts(Path(__file__).with_name("texts.yml"))
CLOCKS_DIFFER = timedelta(minutes=5)  # a decision may come from a machine that runs ahead


class Ground(StrEnum):
    """Why a message may go out, or may not."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    CONTRACT = "contract"  # they bought or asked something: service messages need no consent
    NO_CONTRACT = "no_contract"
    NEVER_GRANTED = "never_granted"
    DO_NOT_DISTURB = "do_not_disturb"
    UNKNOWN_CUSTOMER = "unknown_customer"


@dataclass(frozen=True, slots=True)
class Said:
    """One consent record."""

    id: int
    purpose: Purpose
    channel: str | None  # None: every channel
    decision: Decision
    text_version: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Permission:
    """The answer to «may I send this?». `record` is the one that decided, if one did."""

    allowed: bool
    ground: Ground
    record: Said | None = None

    def in_words(self, language: str) -> str:
        """Why, for staff."""
        return _texts(f"consent.{self.ground}", language)


class SaidInFuture(ValueError):
    """A decision cannot have been made later than now."""


class Consents:
    """The consent records of all customers."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def record(
        self,
        session: AsyncSession,
        customer_id: int,
        purpose: Purpose,
        channel: str | None,
        decision: Decision,
        *,
        text_version: str,
        source: str,
        at: datetime | None = None,
    ) -> Said:
        """Write down what a customer decided.

        Args:
            channel: None means every channel.
            at: when they said it; now, unless it comes from elsewhere.

        Raises:
            SaidInFuture
        """
        now = self._clock.now()
        if at is not None and at > now + CLOCKS_DIFFER:
            raise SaidInFuture(f"{at.isoformat()} has not come yet")
        row = ConsentRecord(
            customer_id=customer_id,
            purpose=purpose,
            channel=channel,
            decision=decision,
            text_version=text_version,
            source=source,
            at=min(at, now) if at else now,
            created_at=now,
        )
        session.add(row)
        await session.flush()
        return _said(row)

    async def may_send(
        self, customer_id: int, purpose: Purpose, channel: str, at: datetime | None = None
    ) -> Permission:
        """Whether a message of this purpose may go to the customer by this channel.

        Args:
            at: the moment in question; now, if not given. What was said later does not count.
        """
        async with self._db.read() as session:
            return await may_send(session, customer_id, purpose, channel, at or self._clock.now())

    async def history(self, customer_id: int) -> list[Said]:
        """Everything a customer ever decided, newest first."""
        query = select(ConsentRecord).where(ConsentRecord.customer_id == customer_id)
        newest = query.order_by(ConsentRecord.at.desc(), ConsentRecord.id.desc())
        async with self._db.read() as session:
            return [_said(row) for row in await session.scalars(newest)]


async def may_send(
    session: AsyncSession, customer_id: int, purpose: Purpose, channel: str, at: datetime
) -> Permission:
    """`Consents.may_send` within the caller's session: the last look before a message goes out."""
    found = (await session.execute(_standing(customer_id))).one_or_none()
    if found is None:
        return Permission(False, Ground.UNKNOWN_CUSTOMER)
    query = select(ConsentRecord).where(
        ConsentRecord.customer_id == found.id,
        ConsentRecord.purpose == purpose,
        ConsentRecord.at <= at,
        or_(ConsentRecord.channel.is_(None), ConsentRecord.channel == channel),
    )
    newest = query.order_by(ConsentRecord.at.desc(), ConsentRecord.id.desc()).limit(1)
    said = [_said(row) for row in await session.scalars(newest)]
    return decide(said, purpose, channel, at, undisturbed=found.do_not_disturb, contract=found.contract)


def _standing(customer_id: int) -> Select[int, bool, bool]:
    """Who is meant (a merged customer is the one they were merged into), and do they deal with us."""
    meant = select(func.coalesce(Customer.merged_into_id, Customer.id)).where(Customer.id == customer_id)
    dealings = [
        exists().where(table.customer_id == Customer.id)
        for table in (Order, Subscription, Appointment, Ticket, Asset)
    ]
    return select(Customer.id, Customer.do_not_disturb, or_(*dealings).label("contract")).where(
        Customer.id == meant.scalar_subquery()
    )


def decide(
    records: Iterable[Said],
    purpose: Purpose,
    channel: str,
    at: datetime,
    *,
    undisturbed: bool = False,
    contract: bool = False,
) -> Permission:
    """The rule itself.

    Args:
        undisturbed: the customer asked not to be disturbed. Profiling disturbs nobody.
        contract: the customer bought, booked or asked something.
    """
    speaking = [
        said
        for said in records
        if said.purpose is purpose and said.at <= at and said.channel in (None, channel)
    ]
    record = max(speaking, key=lambda said: (said.at, said.id), default=None)
    if record is not None and record.decision is Decision.WITHDRAWN:
        return Permission(False, Ground.WITHDRAWN, record)
    if undisturbed and purpose is not Purpose.PROFILING:
        return Permission(False, Ground.DO_NOT_DISTURB)
    if record is not None:
        return Permission(True, Ground.GRANTED, record)
    if purpose is not Purpose.SERVICE:
        return Permission(False, Ground.NEVER_GRANTED)
    return Permission(contract, Ground.CONTRACT if contract else Ground.NO_CONTRACT)


def _said(row: ConsentRecord) -> Said:
    return Said(row.id, row.purpose, row.channel, row.decision, row.text_version, row.source, row.at)
