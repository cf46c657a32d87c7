"""One transaction for everybody who asks at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from core import logs

log = logs.get("batch")

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batch(Generic[Item, Result]):
    """Collects what is asked while the last batch is under way, and does it together.

    Nobody waits for a timer: alone, an item is done at once. A batch that fails is done again item by item,
    so that one bad item harms nobody else; `work` must therefore undo what it did before it raised.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], limit: int = 200
    ) -> None:
        self._work = work
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """What `work` answers for this item."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        await asyncio.sleep(0)  # whoever is ready now comes along
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._do(batch)
        finally:
            self._running = None

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
