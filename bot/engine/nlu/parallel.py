"""Work beside one another, one process a core: liblinear keeps a thread for itself and one random state."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

_jobs: list[Callable[[], Any]] = []  # read by the forked workers


def run(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """The jobs' results in order.

    The workers are forked, so they share the matrices that a job refers to; elsewhere than on Linux, and on
    one core, the jobs run one after the other.
    """
    if min(cores(), len(jobs)) < 2:
        return [job() for job in jobs]
    _jobs[:] = jobs
    try:
        with ProcessPoolExecutor(min(cores(), len(jobs)), multiprocessing.get_context("fork")) as pool:
            return list(pool.map(_run, range(len(jobs))))
    finally:
        _jobs.clear()


def cores() -> int:
    """How many processes may work beside one another here."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def _run(number: int) -> Any:
    return _jobs[number]()
