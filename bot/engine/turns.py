"""Turns in order: one at a time per conversation, each message once, whatever the client does meanwhile."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from rasa.core.processor import MessageProcessor

from bot.engine import memory
from bot.engine.actions_client import ConnectionPool
from bot.engine.conversations import Conversations, RecordedTurn
from bot.engine.turn import run_turn
from bot.engine.wire import EngineError, TurnRequest

__all__ = ["Turns"]

logger = logging.getLogger(__name__)

Answer = dict[str, Any]


class Turns:
    """Answers turn requests.

    Args:
        conversations: where finished turns are recorded.
        processors: gives the models for a conversation at the moment a turn starts, the live one last; a swap
            applies to the next turn.
    """

    def __init__(
        self, conversations: Conversations, processors: Callable[[str], Sequence[MessageProcessor]]
    ) -> None:
        self._conversations = conversations
        self._processors = processors
        self._pool = ConnectionPool()
        self._running: dict[tuple[str, str], asyncio.Task[Answer]] = {}

    async def answer(self, request: TurnRequest) -> Answer:
        """The answer to `request`: computed, awaited from the same request already running, or as recorded.

        Cancelling the caller (a client that disconnected) does not cancel the turn.

        Raises:
            EngineError: as the protocol says.
        """
        key = (request.conversation_id, request.message_id)
        task = self._running.get(key)
        joined = task is not None
        if task is None:
            task = self._running[key] = asyncio.create_task(self._turn(request))
            task.add_done_callback(lambda finished: self._finished(key, finished))
        answer = await asyncio.shield(task)
        return {**answer, "repeated": True} if joined else answer

    async def close(self) -> None:
        """Let running turns end and close the connections to the action server."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._pool.close()

    def _finished(self, key: tuple[str, str], task: asyncio.Task[Answer]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen, also when the client has gone and nobody awaits it

    async def _turn(self, request: TurnRequest) -> Answer:
        async with self._conversations.lock(request.conversation_id):
            recorded = self._conversations.turn(request.conversation_id, request.message_id)
            if recorded is not None and recorded.answer is not None:
                return {**recorded.answer, "repeated": True}
            try:
                return await self._compute(request)
            except EngineError as error:
                _log_failure(request, error)
                raise

    async def _compute(self, request: TurnRequest) -> Answer:
        """What a candidate cannot answer, the live model does: the customer is no guinea pig."""
        *tried, live = self._processors(request.conversation_id)
        before = self._memory_before(request)
        failed = None
        for candidate in tried:
            try:
                return await self._answered(request, before, candidate, None)
            except EngineError as error:
                _log_failure(request, error)
                failed = candidate.model_filename
        return await self._answered(request, before, live, failed)

    async def _answered(
        self, request: TurnRequest, before: Any, processor: MessageProcessor, failed: str | None
    ) -> Answer:
        began = time.perf_counter()
        tracker = memory.restore(before, request.conversation_id, processor.domain)
        outcome = await run_turn(request, tracker, processor, self._pool)
        after = memory.dump(outcome.tracker, processor.domain)
        answer = {
            "message_id": request.message_id,
            "replies": outcome.replies,
            "nlu": outcome.nlu,
            "actions": outcome.actions,
            "memory": json.loads(after),
            "model": {
                "file": processor.model_filename,
                "failed": failed,
                "ms": round((time.perf_counter() - began) * 1000),
            },
            "repeated": False,
        }
        self._remember(request, before, RecordedTurn(request.message_id, after, answer))
        return answer

    def _memory_before(self, request: TurnRequest) -> bytes | dict[str, Any] | None:
        if request.after is None:
            return None
        if request.memory is not None:
            return request.memory
        turn = self._conversations.turn(request.conversation_id, request.after)
        if turn is None:
            raise EngineError(
                409, "unknown_conversation", "the turn named by after is not known here: send memory"
            )
        return turn.memory

    def _remember(self, request: TurnRequest, before: Any, turn: RecordedTurn) -> None:
        conversation_id, after = request.conversation_id, request.after
        if after is not None and self._conversations.turn(conversation_id, after) is None:
            # The gateway's memory becomes known here, so that this turn can be forgotten in its turn.
            base = RecordedTurn(after, json.dumps(before, ensure_ascii=False).encode())
            self._conversations.record(conversation_id, None, base)
        self._conversations.record(conversation_id, after, turn)


def _log_failure(request: TurnRequest, error: EngineError) -> None:
    cause = error.__cause__
    logger.warning(
        "turn not answered: %s: %s", error.code, error,
        extra={"conversation_id": request.conversation_id, "message_id": request.message_id},
        exc_info=cause if cause is not None else None,
    )  # fmt: skip
