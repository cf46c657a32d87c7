"""No conversation is forgotten in the queue: when people have not answered in time, the customer hears so.

The bot is back then, and the dialogue stays in the queue: people still owe an answer.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.outbox import Line, OutboxShelf
from bot.gateway.ownership import Ownership
from core.clock import Clock
from core.db import Database
from core.jobs import Job, JobQueue
from core.texts import Texts
from crm_bridge.models import Author, Conversation, Owner

STILL_WAITING = "still_waiting"  # kind of job


class Watchdog:
    """Handler of `still_waiting` jobs."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        queue: JobQueue,
        ownership: Ownership,
        outbox: OutboxShelf,
        texts: Texts,
        patience: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._queue = queue
        self._ownership = ownership
        self._outbox = outbox
        self._texts = texts
        self._patience = patience

    async def watch(self, session: AsyncSession, conversation_id: str, epoch: int) -> None:
        """Come back to this conversation when its customer has waited long enough."""
        await self._queue.enqueue(
            STILL_WAITING,
            {"conversation_id": conversation_id, "epoch": epoch},
            due_at=self._clock.now() + self._patience,
            conn=session,
        )

    async def run(self, job: Job) -> None:
        """Give the conversation back to the bot and say so, if nobody took it meanwhile."""
        conversation_id, epoch = job.payload["conversation_id"], job.payload["epoch"]
        async with self._db.write() as session:
            conversation = await session.get_one(Conversation, conversation_id, with_for_update=True)
            if conversation.owner is not Owner.QUEUE or conversation.epoch != epoch:
                return
            now_bot = await self._ownership.hand_back(session, conversation_id, epoch)
            await self._ownership.handoffs.missed(session, conversation_id)
            await self._outbox.say(
                session,
                conversation_id,
                [Line(self._text(conversation.language))],
                author=Author.SYSTEM,
                epoch=now_bot,
            )

    def _text(self, language: str) -> str:
        """The truth: nobody came yet, or nobody works now, and when they will."""
        now, rules = self._clock.now(), self._ownership.handoffs.rules
        opens = rules.opening(now)
        if opens <= now or rules.hours is None:
            return self._texts("still_waiting", language)
        there = opens.astimezone(ZoneInfo(rules.hours.time_zone))
        return self._texts(
            "still_closed", language, day=there.strftime("%d.%m"), hour=there.strftime("%H:%M")
        )
