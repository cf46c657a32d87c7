"""The queue that the settings name."""

from core.clock import Clock
from core.db import Database
from core.jobs.embedded import EmbeddedQueue
from core.settings import Settings


def make_queue(settings: Settings, db: Database, clock: Clock) -> EmbeddedQueue:
    """Open it before use, and close it at the end.

    Raises:
        ValueError: Procrastinate was asked for, and the database is not PostgreSQL.
    """
    if settings.job_queue == "embedded":
        return EmbeddedQueue(db, clock, settings.job_lease)
    if db.is_sqlite:
        raise ValueError("ZABOTA_JOB_QUEUE=procrastinate needs PostgreSQL: set ZABOTA_DATABASE_URL")
    from core.jobs.cluster import ProcrastinateQueue  # a heavy import, for those who use it

    return ProcrastinateQueue(db, clock, settings.job_lease)
