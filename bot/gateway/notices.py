"""One-time codes and other notices on their way to a phone or an e-mail address, beside any conversation.

They go by the company's own SMS and e-mail accounts. A notice whose fate is unknown is sent again, whatever
the provider: the same code twice says nothing new, and without it the customer stands before a closed door.
"""

from collections.abc import Callable
from datetime import timedelta

from bot.channels.port import Channel, Channels, Outgoing, Permanent, RateLimited
from bot.gateway.pacing import AccountPace
from bot.gateway.policy import ChannelPolicy, Use
from core import logs
from core.clock import Clock
from core.db import Database
from core.jobs import Job, RetryAfter, RetryPolicy
from crm_bridge.notices import Notices, NoticeView
from crm_bridge.verification import CODE_LIVES

log = logs.get("notices")

RETRY = RetryPolicy(attempts=8, first=timedelta(seconds=1), longest=timedelta(minutes=1))
NO_ACCOUNT = timedelta(seconds=30)  # until an administrator connects one
STALE = CODE_LIVES  # older ones would only puzzle the customer


class NoticeSender:
    """Handler of the jobs that `Notices` adds."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        notices: Notices,
        channels: Channels,
        policy: ChannelPolicy,
        pace: Callable[[Channel], AccountPace],
        language: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._notices = notices
        self._channels = channels
        self._policy = policy
        self._pace = pace
        self._language = language

    async def run(self, job: Job) -> None:
        """Send one notice; what it says is forgotten then."""
        notice = await self._notices.waiting(job.payload["notice_id"])
        if notice is None:
            return
        if self._clock.now() - notice.created_at > STALE:
            log.error("a notice could not be sent in time", notice=notice.id, channel=notice.channel)
            await self._done(notice)
            return
        channel = self._channel(notice)
        if channel is None:
            log.error("nothing is connected that could send a notice", channel=notice.channel)
            raise RetryAfter(NO_ACCOUNT)
        await self._send(notice, channel)

    async def give_up(self, job: Job) -> None:
        """It was tried long enough; the customer may ask for another one."""
        notice = await self._notices.waiting(job.payload["notice_id"])
        if notice is not None:
            await self._done(notice)

    def _channel(self, notice: NoticeView) -> Channel | None:
        if not self._policy.allows(notice.channel, Use.REPLY):  # the customer asked for it
            return None
        return next((each for each in self._channels.all() if each.name == notice.channel), None)

    async def _send(self, notice: NoticeView, channel: Channel) -> None:
        pace = self._pace(channel)
        await self._clock.sleep_until(await pace.slot())
        said = Outgoing(f"notice{notice.id}", notice.address, notice.text, language=self._language)
        try:
            async with pace.request():
                await channel.send(said)
        except RateLimited as limit:
            raise RetryAfter(limit.retry_after) from None
        except Permanent as why:
            log.error("a notice was refused", notice=notice.id, channel=channel.name, why=why.reason)
        await self._done(notice)

    async def _done(self, notice: NoticeView) -> None:
        async with self._db.write() as session:
            await self._notices.mark_sent(session, notice.id)
