"""Quality: a supervisor reads a finished dialogue and judges the help by a score card."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.tables import QualityReview
from bot.gateway.handoffs import Handoff, Place
from bot.web.staff.tables import StaffAccount

CRITERIA = ("understood", "correct", "polite", "complete")
LOOK_BACK = timedelta(days=30)
OFFERED = 10  # dialogues to judge
COMMENT = 2000  # characters


class BadScores(ValueError):
    """A criterion is missing, or is not one to five."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How somebody's dialogues were judged."""

    name: str
    count: int
    mean: float  # of all criteria


async def review(
    session: AsyncSession,
    conversation_id: str,
    reviewer_id: int,
    scores: Mapping[str, str],
    comment: str,
    now: datetime,
) -> None:
    """Write a score card for whoever answered last.

    Raises:
        BadScores
    """
    given = {key: int(scores[key]) for key in CRITERIA if scores.get(key, "") in set("12345")}
    if len(given) < len(CRITERIA) or len(comment) > COMMENT:
        raise BadScores
    handoff = await session.get(Handoff, conversation_id)
    session.add(
        QualityReview(
            conversation_id=conversation_id,
            reviewer_id=reviewer_id,
            agent_id=(handoff.agent_id or handoff.last_agent_id) if handoff else None,
            scores=given,
            comment=comment,
            at=now,
        )
    )
    await session.flush()


async def to_review(session: AsyncSession, now: datetime) -> list[tuple[str, str, datetime | None]]:
    """Finished dialogues that nobody has judged, newest first: id, who answered, when it ended."""
    judged = select(QualityReview.conversation_id)
    query = (
        select(Handoff.conversation_id, StaffAccount.name, Handoff.closed_at)
        .join(StaffAccount, StaffAccount.id == Handoff.last_agent_id)
        .where(
            Handoff.place == Place.DONE,
            Handoff.queued_at > now - LOOK_BACK,
            Handoff.first_answer_at.is_not(None),
            Handoff.conversation_id.not_in(judged),
        )
        .order_by(Handoff.queued_at.desc())
        .limit(OFFERED)
    )
    return [(id_, name, at) for id_, name, at in await session.execute(query)]


async def judged(session: AsyncSession, now: datetime) -> list[Judged]:
    """Everybody who was judged lately, best first."""
    query = (
        select(StaffAccount.name, QualityReview.scores)
        .join(StaffAccount, StaffAccount.id == QualityReview.agent_id)
        .where(QualityReview.at > now - LOOK_BACK)
    )
    by_name: dict[str, list[float]] = {}
    for name, scores in await session.execute(query):
        by_name.setdefault(name, []).append(sum(scores.values()) / len(scores))
    found = [Judged(name, len(means), sum(means) / len(means)) for name, means in by_name.items()]
    return sorted(found, key=lambda one: -one.mean)


async def reviews_of(session: AsyncSession, conversation_id: str) -> list[tuple[QualityReview, str]]:
    """Score cards of a dialogue, and who wrote them."""
    query = (
        select(QualityReview, StaffAccount.name)
        .join(StaffAccount, StaffAccount.id == QualityReview.reviewer_id)
        .where(QualityReview.conversation_id == conversation_id)
        .order_by(QualityReview.at.desc())
    )
    return [(card, name) for card, name in await session.execute(query)]
