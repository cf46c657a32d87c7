"""How much one visitor may write and one address may open, in this process's memory."""

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

SESSIONS_PER_MINUTE = 60  # one office behind one address
UPLOADS_PER_MINUTE = 10


class Limits:
    """Moving windows of one minute."""

    def __init__(self, messages_per_minute: int) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._write = RateLimitItemPerMinute(messages_per_minute, namespace="write")
        self._upload = RateLimitItemPerMinute(UPLOADS_PER_MINUTE, namespace="upload")
        self._open = RateLimitItemPerMinute(SESSIONS_PER_MINUTE, namespace="open")

    async def may_write(self, sender: str) -> bool:
        return await self._window.hit(self._write, sender)

    async def may_upload(self, sender: str) -> bool:
        return await self._window.hit(self._upload, sender)

    async def may_open(self, address: str) -> bool:
        return await self._window.hit(self._open, address)
