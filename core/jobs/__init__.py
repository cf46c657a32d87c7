"""Work that must not be lost: one port, `JobQueue`, and its forms."""

from core.jobs.embedded import EmbeddedQueue
from core.jobs.port import Handler, Job, JobQueue, Park, RetryAfter, RetryPolicy
from core.jobs.worker import Worker

__all__ = ["EmbeddedQueue", "Handler", "Job", "JobQueue", "Park", "RetryAfter", "RetryPolicy", "Worker"]
