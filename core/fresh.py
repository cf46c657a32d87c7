"""What stands in files and may be changed while we run: read again as soon as a file has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from core import logs

_T = TypeVar("_T")
_log = logs.get("files")

Mark = tuple[tuple[str, int, int, int], ...]


class Fresh(Generic[_T]):
    """What files of a folder say now.

    Looking costs some microseconds a file, so whoever needs the value asks for it each time. A file that
    cannot be read, because somebody is in the middle of writing it, leaves the value as it was; the log says
    so once.
    """

    def __init__(self, folder: Path, pattern: str, read: Callable[[Path], _T]) -> None:
        """Read at once: nobody should start with a broken file.

        Args:
            pattern: of the files in the folder that count.
            read: what the folder says. Whatever it raises here is raised.
        """
        self._folder = folder
        self._pattern = pattern
        self._read = read
        self._seen = self._mark()
        self._value = read(folder)

    def now(self) -> _T:
        """The value, read again if a file came, went or changed."""
        mark = self._mark()
        if mark != self._seen:
            self._seen = mark  # before reading: what changes meanwhile is seen the next time
            try:
                self._value = self._read(self._folder)
            except Exception as why:  # whatever stands in a file, the service goes on
                _log.error("what stood in the files before holds", folder=self._folder.name, why=str(why))
        return self._value

    def _mark(self) -> Mark:
        found = ((path, path.stat()) for path in sorted(self._folder.glob(self._pattern)))
        return tuple((str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in found)
