"""Carries lines from the outbox to the customer, in order per conversation.

Who owns the conversation is checked in the very transaction that marks a line as going out. So a bot line
computed before a takeover never goes out after it; and a line that was going out when the process died is
known to be in doubt.
"""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.port import (
    Channel,
    Outgoing,
    OutgoingFile,
    Permanent,
    RateLimited,
    Reason,
    SendError,
    Sent,
    Transient,
    Uncertain,
)
from bot.gateway.failover import Failover
from bot.gateway.hub import Hub
from bot.gateway.pacing import AccountPace
from bot.gateway.sending import REPEATS, UNREACHABLE, Closed, Halt, HeldFile, Ledger, Line, Outcome, later
from bot.gateway.tables import LineState
from core import logs
from core.clock import Clock
from core.jobs import Finished, Job, RetryAfter, RetryPolicy
from core.media import MediaStore
from core.texts import Texts
from crm_bridge.models import Author, Message, MessageState

log = logs.get("delivery")

# A provider that is away for a few minutes is waited for; then the next way is tried.
RETRY = RetryPolicy(attempts=10, first=timedelta(seconds=1), longest=timedelta(minutes=2))
TICK = timedelta(milliseconds=1)  # no timer is finer
IN_DOUBT = timedelta(seconds=5)  # before a line is said again: an answer may only be late
ACCOUNT_REFUSED = timedelta(minutes=1)  # nothing goes out until a person acts; look again then


class Delivery:
    """Handler of the jobs of one channel account."""

    def __init__(
        self,
        *,
        clock: Clock,
        channel: Channel,
        ledger: Ledger,
        pace: AccountPace,
        failover: Failover,
        media: MediaStore,
        hub: Hub,
        texts: Texts,
    ) -> None:
        self._clock = clock
        self._channel = channel
        self._ledger = ledger
        self._pace = pace
        self._failover = failover
        self._media = media
        self._hub = hub
        self._texts = texts

    async def run(self, job: Job) -> None:
        """Send one message of one line."""
        if held := self._pace.held_until:
            raise RetryAfter(later(self._clock.now(), held), keep_place=True)
        slot = await self._pace.slot()
        if slot > self._clock.now() + TICK:
            await self._clock.sleep_until(slot)
        async with self._pace.request():
            found = await self._ledger.open(job.payload["outbox_id"])
            if isinstance(found, Halt):
                await self._halted(found)
                return
            self._hub.publish(found.conversation_id)
            await self._send(found, job)

    async def give_up(self, job: Job) -> None:
        """It was tried long enough: another way, or people."""
        found = await self._ledger.open(job.payload["outbox_id"])
        line = found if isinstance(found, Line) else found.line
        if isinstance(found, Halt) and found.closed is not Closed.WAIT:
            await self._halted(found)
        elif line and line.doubtful:
            await self._uncertain(line)
        elif line:
            await self._failover.elsewhere(line, UNREACHABLE)

    async def _halted(self, halt: Halt) -> None:
        line = halt.line
        if line is None:
            return
        if halt.closed is Closed.WAIT:
            raise RetryAfter(later(self._clock.now(), halt.until), keep_place=True)
        if halt.closed is Closed.ELSEWHERE:
            await self._failover.elsewhere(line, halt.why)
        elif halt.closed in (Closed.FAILED, Closed.UNCERTAIN):
            await self._failover.fail(line, halt.why or halt.closed)
        else:
            log.info("line not sent", line=line.outbox_id, why=halt.closed)
        self._hub.publish(line.conversation_id)

    async def _send(self, line: Line, job: Job) -> None:
        try:
            sent = await self._channel.send(await self._outgoing(line))
        except RateLimited as limit:
            await self._slow_down(line, limit)
        except Transient:
            await self._ledger.close(self._again(line))
            raise
        except Permanent as refusal:
            await self._refused(line, refusal)
        except Uncertain:
            await self._in_doubt(line)
        except SendError:
            raise
        except Exception as error:  # a defect of ours; whether it went out, nobody knows
            log.exception("a channel failed", channel=self._channel.name, error=type(error).__name__)
            await self._in_doubt(line)
        else:
            await self._went_out(line, job, sent)
        finally:
            self._hub.publish(line.conversation_id)

    async def _went_out(self, line: Line, job: Job, sent: Sent) -> None:
        part = line.part + 1
        if part < sent.parts:
            await self._ledger.close(Outcome(line, LineState.READY, sent.ref, part, line.repeats))
            raise RetryAfter(timedelta(0), keep_place=True)  # each part at the pace of the chat
        await self._ledger.close(Outcome(line, LineState.SENT, sent.ref, part, line.repeats, job=job))
        raise Finished

    async def _slow_down(self, line: Line, limit: RateLimited) -> None:
        until = self._clock.now() + limit.retry_after
        if limit.whole_account:
            await self._pace.hold(until)
        chat = None if limit.whole_account else until
        await self._ledger.close(replace(self._again(line), chat_silent_until=chat))
        raise RetryAfter(limit.retry_after, keep_place=True)

    async def _refused(self, line: Line, refusal: Permanent) -> None:
        if refusal.reason is Reason.ACCOUNT:
            log.error("the account is refused", channel=self._channel.name, account=self._channel.account)
        ours = refusal.reason is Reason.ACCOUNT
        if ours:
            await self._pace.hold(self._clock.now() + ACCOUNT_REFUSED)
        if line.doubtful and not ours:
            await self._uncertain(line)
        elif not await self._failover.elsewhere(line, refusal.reason) and ours:
            await self._ledger.close(self._again(line))
            raise RetryAfter(ACCOUNT_REFUSED, keep_place=True)

    async def _in_doubt(self, line: Line) -> None:
        """It may have arrived. Where the provider recognises a repeat, it is repeated.

        Elsewhere an answer is said again and called a repeat; what we began ourselves is not.
        """
        if self._channel.capabilities.idempotent:
            raise Uncertain("no answer came; the provider will recognise a repeat")  # it stays in doubt
        if line.unasked or line.repeats >= REPEATS:
            await self._uncertain(line)
            return
        await self._ledger.close(Outcome(line, LineState.READY, part=0, repeats=line.repeats + 1))
        raise RetryAfter(IN_DOUBT, keep_place=True)

    async def _uncertain(self, line: Line) -> None:
        """Nobody knows, and it must not be said again: people may ask the customer."""
        await self._ledger.close(Outcome(line, LineState.UNCERTAIN, part=line.part, repeats=line.repeats))
        await self._failover.fail(line, Closed.UNCERTAIN)

    def _again(self, line: Line) -> Outcome:
        """It did not go out this time; what was in doubt stays so."""
        in_doubt = line.doubtful and self._channel.capabilities.idempotent
        state = LineState.SENDING if in_doubt else LineState.READY
        return Outcome(line, state, part=line.part, repeats=line.repeats)

    async def _outgoing(self, line: Line) -> Outgoing:
        text = line.text
        if line.repeats:
            text = self._texts("said_again", line.language) + "\n\n" + text
        return Outgoing(
            key=str(line.outbox_id),
            address=line.address,
            text=text,
            buttons=line.buttons,
            files=[await self._file(file) for file in line.files],
            language=line.language,
            reply_to=line.reply_to,
            last_inbound=line.last_inbound,
            template=line.template,
            proactive=line.unasked,
            part=line.part,
        )

    async def _file(self, file: HeldFile) -> OutgoingFile:
        content = await self._media.read(file.sha256)
        return OutgoingFile(file.kind, file.name, content.type, content.data)


async def mark_read(session: AsyncSession, conversation_id: str, identity_id: int, seq: int) -> None:
    """The customer has seen on their page everything up to `seq`."""
    await session.execute(
        update(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.identity_id == identity_id,
            Message.author != Author.CUSTOMER,
            Message.state == MessageState.SENT,
            Message.seq <= seq,
        )
        .values(state=MessageState.READ)
        .execution_options(synchronize_session=False)
    )
