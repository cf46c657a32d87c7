"""Work that must not be lost: one port, `JobQueue`, and its forms."""

from core.jobs.embedded import EmbeddedQueue
from core.jobs.port import (
    ClaimableQueue,
    Finished,
    Gate,
    Handler,
    Job,
    JobQueue,
    Park,
    ParkedJob,
    RetryAfter,
    RetryPolicy,
)
from core.jobs.worker import Worker

__all__ = [
    "ClaimableQueue",
    "EmbeddedQueue",
    "Finished",
    "Gate",
    "Handler",
    "Job",
    "JobQueue",
    "Park",
    "ParkedJob",
    "RetryAfter",
    "RetryPolicy",
    "Worker",
]
