"""The shadow: a model on trial reads what customers write, and says what it would have understood.

This runs beside the turns: a message was answered by the live model long before the candidate sees it, so
replies cannot change, and a turn waits for one classification at most.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.engine import EngineAway, EngineClient, EngineRefused
from bot.studio.inbox import redacted
from bot.studio.rollout import opened
from bot.studio.tables import Difference, Trial, TrialStage
from bot.studio.tallies import settled
from core.clock import Clock
from core.db import Database
from crm_bridge.models import Author, Message

BATCH = 40  # messages of one look
STALE = timedelta(
    minutes=10
)  # older messages are left out: after a rush the shadow keeps up with the present
DIFFERENCES = 1000  # that are kept of one trial
_OUTSIDE = "out_of_scope"


@dataclass(frozen=True)
class _Seen:
    """One message, and how both models understand it."""

    message_id: str
    live: dict[str, Any]  # {"name", "confidence"}
    new: dict[str, Any]


class Shadow:
    """Has the candidate classify new messages while a shadow trial is open."""

    def __init__(self, db: Database, clock: Clock, engines: EngineClient) -> None:
        self._db = db
        self._clock = clock
        self._engines = engines

    async def look(self) -> int:
        """Score the next messages; how many were looked at. An engine without the candidate: later again."""
        now = self._clock.now()
        async with self._db.read() as session:
            trial = await _shadowed(session)
            if trial is None:
                return 0
            rows = await settled(session, trial.inbox_id, BATCH, now)
            fresh = [f"m{id_}" for id_, _, came in rows if came > now - STALE]
            messages = await _understood(session, fresh)
        if not rows:
            return 0
        try:
            seen = [await self._scored(message) for message in messages]
        except (EngineAway, EngineRefused):
            return 0
        async with self._db.write() as session:
            kept = await opened(session)
            if kept is None or (kept.id, kept.inbox_id) != (trial.id, trial.inbox_id):
                return 0  # another gateway was quicker, or the trial is over
            kept.inbox_id = rows[-1][0]
            await self._note(session, kept, seen)
        return len(rows)

    async def _scored(self, message: Message) -> _Seen:
        understood = (message.details or {})["nlu"]
        new = await self._engines.parse(message.text, understood.get("language"), candidate=True)
        return _Seen(message.id, understood["intent"], new["intent"])

    async def _note(self, session: AsyncSession, trial: Trial, seen: list[_Seen]) -> None:
        trial.scored += len(seen)
        trial.agreed += sum(one.live["name"] == one.new["name"] for one in seen)
        trial.rejected_live += sum(one.live["name"] == _OUTSIDE for one in seen)
        trial.rejected_new += sum(one.new["name"] == _OUTSIDE for one in seen)
        room = DIFFERENCES - (
            await session.scalar(select(func.count()).where(Difference.trial_id == trial.id)) or 0
        )
        for one in [one for one in seen if one.live["name"] != one.new["name"]][:room]:
            message = await session.get(Message, one.message_id)
            if message is None:  # erased meanwhile
                continue
            language, text = await redacted(session, message)
            session.add(
                Difference(
                    trial_id=trial.id, message_id=message.id, text=text, language=language,
                    at=message.created_at,
                    live=one.live["name"], live_confidence=one.live["confidence"],
                    new=one.new["name"], new_confidence=one.new["confidence"],
                )
            )  # fmt: skip


async def _shadowed(session: AsyncSession) -> Trial | None:
    query = select(Trial).where(Trial.ended_at.is_(None), Trial.stage == TrialStage.SHADOW)
    found: Trial | None = await session.scalar(query.limit(1))
    return found


async def _understood(session: AsyncSession, ids: list[str]) -> list[Message]:
    """Those of the messages that the live model classified: free text that she answered."""
    query = select(Message).where(Message.id.in_(ids), Message.author == Author.CUSTOMER)
    found = await session.scalars(query.order_by(Message.created_at, Message.id))
    return [
        one
        for one in found
        if ((one.details or {}).get("nlu") or {}).get("intent") and not (one.details or {}).get("press")
    ]
