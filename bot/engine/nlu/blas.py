"""The fastest matrix kernels that this processor has.

NumPy 1.24 brings an OpenBLAS of 2022, which does not know later AMD processors and takes them for ones
without AVX-512: the sentence encoder then needs 2.4 times as long. The choice is made by an environment
variable that is read when NumPy is imported, so `choose_kernels` must run before.
"""

from __future__ import annotations

import os
from pathlib import Path

_WIDE = {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"}


def choose_kernels(processor: Path = Path("/proc/cpuinfo")) -> None:
    """Name the AVX-512 kernels in the environment where the processor has them and nobody chose others."""
    if "OPENBLAS_CORETYPE" in os.environ:
        return
    try:
        flags = next(line for line in processor.read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return
    if set(flags.split()) >= _WIDE:
        os.environ["OPENBLAS_CORETYPE"] = "SKYLAKEX"
