"""Which tests share a worker when several run at a time (`pytest -n 2`).

A scheduler of our own: `--dist loadgroup` of pytest-xdist 3.8 does not see its marks under pytest 9.2, and
says nothing about it.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Folders whose tests start whole systems, and share them: each in one worker, and the longest first.
WHOLE = ("conversations", "faults", "product")  # not two at once that wait for the model to be trained


class ByFile(LoadScopeScheduling):
    """The tests of a file stay together, and so do those of a folder of `WHOLE`."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False  # `longest_first` has put them in order
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        folder = file.split("/")[1]
        return folder if folder in WHOLE else file


def longest_first(items: list[pytest.Item]) -> None:
    """So that no worker begins with minutes of work when the others have nothing left."""

    def place(item: pytest.Item) -> int:
        folder = item.nodeid.split("/")[1]
        return WHOLE.index(folder) if folder in WHOLE else len(WHOLE)

    items.sort(key=place)
