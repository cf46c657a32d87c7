"""Synchronisation as a whole: its accounts, its jobs, its webhooks."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import aiohttp
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import logs
from core.clock import Clock
from core.db import Database
from core.jobs import Handler, Job, JobQueue, Park, RetryAfter, RetryPolicy
from crm_bridge.adapters import Builder, Kind, Received, WebhookHint
from crm_bridge.adapters.accounts import AnyAccount
from crm_bridge.adapters.oauth import Tokens
from crm_bridge.models import Ticket
from crm_bridge.sync import jobs
from crm_bridge.sync.cases import Cases, external_ref
from crm_bridge.sync.config import CrmConfig
from crm_bridge.sync.deals import Deals
from crm_bridge.sync.meeting import Party, find_link
from crm_bridge.sync.notes import Notes
from crm_bridge.sync.outgoing import Announcements, Sender
from crm_bridge.sync.pull import Puller
from crm_bridge.sync.push import Pusher, Restless
from crm_bridge.sync.state import WHILE_LOCKED_OUT, answering, failed
from crm_bridge.sync.sweep import Sweeper
from crm_bridge.sync.tables import CrmShadow
from crm_bridge.sync.tokens import DatabaseTokens

log = logs.get("crm sync")

PATIENT = RetryPolicy(attempts=20, first=timedelta(seconds=1), longest=timedelta(minutes=10))
SOON = timedelta(seconds=1)
ID_LIMIT = 128  # characters of an id, as the table has it; a longer one names nobody whom we know
GAVE_UP = "tried again and again without a clear answer"  # unless the CRM has said why


class UnknownAccount(LookupError):
    """There is no account of that name."""


class Sync:
    """All accounts. Build it once in a process; its handlers may run in several."""

    def __init__(
        self, db: Database, queue: JobQueue, clock: Clock, parties: Mapping[str, Party], time_zone: str
    ) -> None:
        """`time_zone` is the installation's: its night is when everything is swept."""
        self._db = db
        self._queue = queue
        self._clock = clock
        self._parties = dict(parties)
        self._zone = ZoneInfo(time_zone)
        self.announcements = Announcements(queue, clock, tuple(self._parties))

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(self._parties)

    async def start(self) -> None:
        """See to it that every account is pulled and swept. Calling it again adds nothing."""
        for name, party in self._parties.items():
            payload = {"account": name}
            await self._queue.enqueue(jobs.PULL, payload, dedupe_key=f"{jobs.PULL}:{name}")
            await self._queue.enqueue(
                jobs.SWEEP,
                payload,
                dedupe_key=f"{jobs.SWEEP}:{name}",
                due_at=self._next_night(party),
                priority=jobs.BACKGROUND,
            )

    def handlers(self) -> dict[str, Handler]:
        """How the jobs of synchronisation are run."""
        runs: dict[str, Callable[[Job], Awaitable[None]]] = {
            jobs.PULL: self._run_pull,
            jobs.SWEEP: self._run_sweep,
            jobs.LOOK: self._run_look,
            jobs.NOTES: self._run_notes,
            jobs.PUSH: self._run_push,
            jobs.SEND: self._run_send,
        }
        parked = {
            jobs.LOOK: self._gave_up_look,
            jobs.PUSH: self._gave_up_push,
            jobs.SEND: self._gave_up_send,
        }
        return {kind: Handler(run, PATIENT, parked.get(kind)) for kind, run in runs.items()}

    async def pull(self, account: str) -> int:
        """Read what changed, now. How many records were looked at."""
        return await Puller(self._db, self._queue, self._clock, self._party(account)).pull()

    async def sweep(self, account: str) -> int:
        """Read everything, now. How many links seem to have lost their contact."""
        return await Sweeper(self._db, self._queue, self._clock, self._party(account)).sweep()

    async def receive(self, account: str, received: Received) -> int:
        """A webhook of an account: what it names will be read again. How many records that are.

        Raises:
            UnknownAccount
            Forged
        """
        told = self._party(account).crm.verify_webhook(received)
        hints = {hint for hint in told if len(hint.remote_id) <= ID_LIMIT}
        async with self._db.write() as session:
            for hint in hints:
                customer_id = await self._touched(session, account, hint)
                await jobs.enqueue_look(self._queue, session, account, hint.kind, hint.remote_id, customer_id)
        return len(hints)

    async def _touched(self, session: AsyncSession, account: str, hint: WebhookHint) -> int | None:
        """The customer whom a hint is about, when they are known."""
        if hint.kind is Kind.TICKET:
            query = select(Ticket.customer_id).where(
                Ticket.external_ref == external_ref(account, hint.remote_id)
            )
            return (await session.scalars(query)).first()
        link = await find_link(session, account, hint.remote_id) if hint.kind is Kind.CONTACT else None
        return link.customer_id if link else None

    def deals(self, account: str) -> Deals:
        """The orders that live in a CRM."""
        return Deals(self._db, self._clock, self._party(account))

    def _party(self, account: str) -> Party:
        if account not in self._parties:
            raise UnknownAccount(account)
        return self._parties[account]

    def _cases(self, account: str) -> Cases:
        return Cases(self._db, self._queue, self._clock, self._party(account))

    def _sender(self, account: str) -> Sender:
        return Sender(self._db, self._clock, self._party(account), self._cases(account))

    def _pusher(self, account: str) -> Pusher:
        return Pusher(self._db, self._queue, self._clock, self._party(account))

    async def _run_pull(self, job: Job) -> None:
        account = str(job.payload["account"])
        if account in self._parties:
            await self._periodically(account, self.pull)
            raise RetryAfter(self._party(account).rules.every)

    async def _run_sweep(self, job: Job) -> None:
        account = str(job.payload["account"])
        if account in self._parties:
            await self._periodically(account, self.sweep)
            raise RetryAfter(self._next_night(self._party(account)) - self._clock.now())

    async def _periodically(self, account: str, work: Callable[[str], Awaitable[int]]) -> None:
        """Work that must go on for ever: what goes wrong is put on record, and the job is never set aside."""
        try:
            async with answering(self._db, self._clock, account):
                await work(account)
        except RetryAfter:
            raise
        except Exception as error:
            log.exception("cannot synchronise", account=account)
            await failed(self._db, self._clock, account, f"{type(error).__name__}: {error}")
            raise RetryAfter(WHILE_LOCKED_OUT) from None

    async def _run_look(self, job: Job) -> None:
        account, kind, remote_id = self._still(job), Kind(job.payload["kind"]), job.payload["remote_id"]
        cases = self._cases(account)
        try:
            async with answering(self._db, self._clock, account):
                if kind is Kind.TICKET:
                    await self._touch(cases.sync(remote_id))
                else:
                    await self._touch(self._pusher(account).look(kind, remote_id))
                if kind is not Kind.DEAL:
                    await Notes(self._db, self._clock, self._party(account)).read(kind, remote_id)
        except Park as why:
            if kind is Kind.TICKET:
                await cases.refused(remote_id, str(why))
            raise

    async def _gave_up_look(self, job: Job) -> None:
        account = job.payload["account"]
        if account in self._parties and job.payload["kind"] == Kind.TICKET:
            await self._cases(account).refused(job.payload["remote_id"], GAVE_UP)

    async def _run_notes(self, job: Job) -> None:
        account, kind = self._still(job), Kind(job.payload["kind"])
        async with answering(self._db, self._clock, account):
            await Notes(self._db, self._clock, self._party(account)).read(kind, job.payload["remote_id"])

    async def _run_push(self, job: Job) -> None:
        account, customer_id = self._still(job), job.payload["customer_id"]
        try:
            async with answering(self._db, self._clock, account):
                await self._touch(self._pusher(account).push(customer_id))
        except Park as why:
            await self._note_problem(account, customer_id, str(why))
            raise

    async def _gave_up_push(self, job: Job) -> None:
        await self._note_problem(job.payload["account"], job.payload["customer_id"], GAVE_UP)

    async def _run_send(self, job: Job) -> None:
        account, key = self._still(job), job.payload["key"]
        sender = self._sender(account)
        try:
            async with answering(self._db, self._clock, account):
                await sender.send(key)
        except Park as why:
            await sender.refused(key, str(why))
            raise

    async def _gave_up_send(self, job: Job) -> None:
        if job.payload["account"] in self._parties:
            await self._sender(job.payload["account"]).refused(job.payload["key"], GAVE_UP)

    async def _touch(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Restless:
            raise RetryAfter(SOON) from None

    async def _note_problem(self, account: str, customer_id: int, why: str) -> None:
        async with self._db.write() as session:
            await session.execute(
                update(CrmShadow)
                .where(CrmShadow.account == account, CrmShadow.customer_id == customer_id)
                .values(problem=func.coalesce(CrmShadow.problem, why), dirty_since=None)
            )

    def _still(self, job: Job) -> str:
        """The account of a job. One that is not configured any more parks its jobs."""
        account = str(job.payload["account"])
        if account not in self._parties:
            raise Park("the account is not configured any more")
        return account

    def _next_night(self, party: Party) -> datetime:
        local = self._clock.now().astimezone(self._zone)
        tonight = datetime.combine(local.date(), party.rules.sweep_at, self._zone)
        return tonight if tonight > local else tonight + timedelta(days=1)


def connect(
    config: CrmConfig, session: aiohttp.ClientSession, db: Database, clock: Clock, key: bytes
) -> dict[str, Party]:
    """The configured accounts, ready to be used for as long as the HTTP session is open.

    Args:
        key: encrypts tokens that expire.
    """
    builder = Builder(session, clock)
    parties = {}
    for name, account in config.accounts.items():
        tokens = DatabaseTokens(db, clock, key, name, _first_tokens(account.crm))
        parties[name] = Party(name, builder.build(name, account.crm, tokens), account.sync)
    return parties


def announcements(config: CrmConfig, queue: JobQueue, clock: Clock) -> Announcements:
    """For services of a process that does not synchronise itself: whoever does finds the jobs."""
    return Announcements(queue, clock, tuple(config.accounts))


def _first_tokens(account: AnyAccount) -> Tokens:
    application = getattr(account, "application", None)
    if application is None:
        return Tokens("", "")
    return Tokens(application.access_token.get_secret_value(), application.refresh_token.get_secret_value())
