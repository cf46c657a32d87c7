"""Proposed merges: kept once a pair, told in words, decided by people."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.texts import Texts
from crm_bridge.duplicates.matching import Match, ReasonCode
from crm_bridge.models import FoundBy, MergeProposal, ProposalState
from crm_bridge.sql import insert_if_absent

_texts = Texts(Path(__file__).parents[1] / "texts.yml")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two customers who may be one person."""

    id: int
    first_id: int
    second_id: int
    score: float
    reasons: tuple[ReasonCode, ...]
    administrator: bool  # only an administrator may merge them
    found_by: FoundBy
    state: ProposalState
    created_at: datetime

    def in_words(self, language: str) -> list[str]:
        """The reasons, a phrase each, and a warning if there is something to be careful about."""
        told = [_texts(f"duplicate.{reason}", language) for reason in self.reasons]
        return [*told, _texts("duplicate.administrator", language)] if self.administrator else told


class Proposals:
    """The proposals in the database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def propose(
        self, session: AsyncSession, one: int, other: int, match: Match, found_by: FoundBy
    ) -> bool:
        """Keep a proposal. False when this pair is there already, open or decided: nobody is asked twice."""
        return await insert_if_absent(
            session,
            MergeProposal,
            {
                "first_id": min(one, other),
                "second_id": max(one, other),
                "score": match.score,
                "reasons": [{"code": reason.value} for reason in match.reasons],
                "administrator": match.administrator,
                "found_by": found_by,
                "state": ProposalState.OPEN,
                "created_at": self._clock.now(),
            },
        )

    async def open(self, limit: int = 50) -> list[Proposal]:
        """What waits for a decision, the likeliest first."""
        query = select(MergeProposal).where(MergeProposal.state == ProposalState.OPEN)
        best = query.order_by(MergeProposal.score.desc(), MergeProposal.id).limit(limit)
        async with self._db.read() as session:
            return [view(row) for row in await session.scalars(best)]

    async def refuse(self, session: AsyncSession, proposal_id: int, by: str) -> bool:
        """They are two people. True when the proposal was open."""
        decided = (
            update(MergeProposal)
            .where(MergeProposal.id == proposal_id, MergeProposal.state == ProposalState.OPEN)
            .values(state=ProposalState.REFUSED, decided_at=self._clock.now(), decided_by=by)
            .returning(MergeProposal.id)
        )
        return (await session.execute(decided)).first() is not None


def view(row: MergeProposal) -> Proposal:
    """A row as a proposal."""
    return Proposal(
        id=row.id,
        first_id=row.first_id,
        second_id=row.second_id,
        score=row.score,
        reasons=tuple(ReasonCode(reason["code"]) for reason in row.reasons),
        administrator=row.administrator,
        found_by=row.found_by,
        state=row.state,
        created_at=row.created_at,
    )
