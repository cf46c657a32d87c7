"""Why a customer was written to, or was not: for the desk, the command line, and the customer who asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.cases import signal_of
from bot.proactive.compose import Reader, in_words, texts
from bot.proactive.tables import DecisionRow, OutcomeRow, RuleRow, SignalRow
from crm_bridge.models import Customer

LAST = 20


@dataclass(frozen=True, slots=True)
class Explained:
    """One decision in words."""

    rule: str
    title: str
    verdict: str
    why: str  # why it was decided so
    reason: str  # what the prediction rested on
    probability: float
    expected_at: datetime
    decided_at: datetime
    until: datetime | None
    sent_at: datetime | None
    channel: str | None
    message_id: str | None
    outcome: str  # what came of it; empty while nobody knows
    inputs: Mapping[str, Any]


async def why(
    session: AsyncSession, customer_id: int, language: str = "ru", limit: int = LAST
) -> list[Explained]:
    """The latest decisions about a customer, the newest first."""
    customer = await session.get(Customer, customer_id)
    if customer is None:
        return []
    reader = Reader(customer.given_name, language, customer.time_zone)
    query = (
        select(DecisionRow, SignalRow, RuleRow.text, OutcomeRow)
        .join(SignalRow, SignalRow.id == DecisionRow.signal_id)
        .outerjoin(RuleRow, RuleRow.name == DecisionRow.rule)
        .outerjoin(OutcomeRow, OutcomeRow.decision_id == DecisionRow.id)
        .where(DecisionRow.customer_id == customer_id)
        .order_by(DecisionRow.decided_at.desc(), DecisionRow.id.desc())
        .limit(limit)
    )
    rows = (await session.execute(query)).all()
    return [_explained(row[0], row[1], row[2], row[3], reader) for row in rows]


def _explained(
    decision: DecisionRow, found: SignalRow, rule: str | None, came: OutcomeRow | None, reader: Reader
) -> Explained:
    return Explained(
        rule=decision.rule,
        title=_title(rule, reader.language) or decision.rule,
        verdict=decision.verdict.value,
        why=texts.find(f"why.{decision.why}", reader.language) or decision.why,
        reason=reason_of(found, reader),
        probability=found.probability,
        expected_at=found.expected_at,
        decided_at=decision.decided_at,
        until=decision.until,
        sent_at=decision.sent_at,
        channel=decision.channel,
        message_id=decision.message_id,
        outcome=_outcome(came, reader.language),
        inputs=decision.inputs,
    )


def reason_of(found: SignalRow, reader: Reader) -> str:
    """What a prediction rests on, in words."""
    signal = signal_of(found)
    return said_of(signal.reason, signal.words, reader)


def said_of(reason: str, words: Mapping[str, Any], reader: Reader) -> str:
    """A reason in words; its key, if nobody wrote a text for it."""
    said = texts.find(f"reason.{reason}", reader.language)
    return said.format_map(in_words(words, reader)) if said else reason


def _title(text: str | None, language: str) -> str:
    """The rule's title; nothing where its text is not understood any more."""
    from bot.proactive.rules import BadRule, parse_rule

    try:
        return parse_rule(text).title.to(language) if text else ""
    except BadRule:
        return ""


def _outcome(came: OutcomeRow | None, language: str) -> str:
    if came is None:
        return ""
    flags = ("contacted", "complained", "cancelled", "bought", "opted_out")
    said = [texts(f"outcome.{flag}", language) for flag in flags if getattr(came, flag)]
    return ", ".join(said) or texts("outcome.nothing", language)
