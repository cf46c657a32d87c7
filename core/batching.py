"""One transaction for everybody who asks at the same moment."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar

from core import logs

log = logs.get("batch")

GATHER = timedelta(milliseconds=20)  # of real time

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batch(Generic[Item, Result]):
    """Collects what is asked while the last batch is under way, and does it together.

    Nobody waits for a timer: alone, an item is done at once. Where it is known how many are going to ask
    (`expected`, those who wait included), a batch waits `GATHER` for them at most. A batch that fails is done
    again item by item, so that one bad item harms nobody else; `work` must therefore undo what it did before
    it raised.

    Batches begin `apart` seconds of real time apart, so that under load there are few of them.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        limit: int = 200,
        expected: Callable[[], int] = lambda: 0,
        apart: float = 0,
    ) -> None:
        self._work = work
        self._limit = limit
        self._expected = expected
        self._apart, self._not_before = apart, 0.0
        self._complete = asyncio.Event()  # everybody who is expected is here
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """What `work` answers for this item."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if len(self._waiting) >= self._expected():
            self._complete.set()
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                await self._gather()
                if (early := self._not_before - loop.time()) > 0:
                    await asyncio.sleep(early)
                self._not_before = loop.time() + self._apart
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._do(batch)
        finally:
            self._running = None

    async def _gather(self) -> None:
        await asyncio.sleep(0)  # whoever is ready now comes along
        if len(self._waiting) < self._expected():
            self._complete.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._complete.wait(), GATHER.total_seconds())

    async def _do(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                log.warning("a batch failed; its items are done one by one", error=type(error).__name__)
                for one in batch:
                    await self._do([one])
            else:
                _settle(batch[0][1], error=error)
            return
        for (_, answer), result in zip(batch, results, strict=True):
            _settle(answer, result=result)


def _settle(answer: asyncio.Future[Any], *, result: Any = None, error: Exception | None = None) -> None:
    if answer.done():  # whoever asked is gone
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
