"""The jobs of synchronisation: their names, and how they are ordered.

Whatever touches one customer runs one after another: their partition is the customer.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from core.jobs import JobQueue
from core.jobs.port import TRANSACTIONAL

PULL = "crm_pull"  # what changed in the CRM; comes back by itself
SWEEP = "crm_sweep"  # everything, deletions too; every night
LOOK = "crm_look"  # one record, because something said that it changed, here or there
NOTES = "crm_notes"  # what people there wrote beside one record
PUSH = "crm_push"  # our changes of one customer
SEND = "crm_send"  # one ticket or note
BACKGROUND = 6  # priority of what nobody waits for


def of_customer(account: str, customer_id: int) -> str:
    """The partition of everything that touches a customer."""
    return f"crm:{account}:c{customer_id}"


async def enqueue_push(queue: JobQueue, session: AsyncSession, account: str, customer_id: int) -> None:
    """Send a customer's changes. Not left out when such a job is there: it may have read before ours."""
    payload = {"account": account, "customer_id": customer_id}
    partition = of_customer(account, customer_id)
    await queue.enqueue(PUSH, payload, partition_key=partition, priority=TRANSACTIONAL, conn=session)


async def enqueue_look(
    queue: JobQueue, session: AsyncSession, account: str, kind: str, remote_id: str, customer_id: int | None
) -> None:
    """Read one record of the CRM again."""
    payload = {"account": account, "kind": kind, "remote_id": remote_id}
    own = f"crm:{account}:{kind}:{remote_id}"
    partition = own if customer_id is None else of_customer(account, customer_id)
    await queue.enqueue(LOOK, payload, partition_key=partition, priority=BACKGROUND, conn=session)


async def enqueue_notes(
    queue: JobQueue, session: AsyncSession, account: str, kind: str, remote_id: str
) -> None:
    """Read the notes beside a contact or a ticket of the CRM."""
    payload = {"account": account, "kind": kind, "remote_id": remote_id}
    partition = f"crm:{account}:notes:{kind}:{remote_id}"
    await queue.enqueue(NOTES, payload, partition_key=partition, priority=BACKGROUND, conn=session)
