"""Which channels the company may use, and what for: a bank may be barred from foreign messengers by law."""

from pathlib import Path
from typing import Literal

from pydantic import RootModel, TypeAdapter

from core import yml

Purpose = Literal["reply", "service", "marketing"]


class ChannelRules(RootModel[dict[str, tuple[Purpose, ...]]]):
    """What each channel may carry: answers, service messages that we begin, advertising.

    A channel that is not named is not used at all. Without any rule, every channel may carry everything.
    """

    root: dict[str, tuple[Purpose, ...]] = {}


def read(path: Path) -> ChannelRules:
    """The rules alone, for those who need nothing else of the company.

    Raises:
        ValueError: they are not understood.
    """
    written = yml.parse(path.read_text(encoding="utf-8")) or {}
    return TypeAdapter(ChannelRules).validate_python(written.get("channels") or {})
