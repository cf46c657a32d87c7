"""Where a name stands in a YAML file, to the character: so it can be changed and nothing else is touched."""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Scalar:
    """A scalar of a file. `path`: keys and numbers that lead to it, its own key too."""

    path: tuple[str | int, ...]
    value: str
    start: int  # characters from the beginning of the text
    end: int
    line: int  # from 1
    last_line: int
    is_key: bool
    style: str | None  # as YAML's: a quotation mark, | or >; empty for a plain one

    @property
    def under(self) -> str:
        """The nearest key above, its own for a value of a mapping."""
        return next((one for one in reversed(self.path) if isinstance(one, str)), "")


def scalars(text: str) -> list[Scalar]:
    """All scalars in their order. What an alias repeats counts once, where it stands."""
    root = yaml.compose(text, Loader=_Loader)
    seen: set[int] = set()
    return list(_walk(root, (), text, seen)) if root is not None else []


def _walk(
    node: yaml.Node, path: tuple[str | int, ...], text: str, seen: set[int], is_key: bool = False
) -> Iterator[Scalar]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            yield from _walk(key, inner, text, seen, is_key=True)
            yield from _walk(value, inner, text, seen)
    elif isinstance(node, yaml.SequenceNode):
        for n, item in enumerate(node.value):
            yield from _walk(item, (*path, n), text, seen)
    elif isinstance(node, yaml.ScalarNode):
        start = node.start_mark.index
        end = start + len(text[start : node.end_mark.index].rstrip())
        line = node.start_mark.line + 1
        last = line + text.count("\n", start, end)
        yield Scalar(path, str(node.value), start, end, line, last, is_key, node.style)


def replaced(text: str, spots: list[tuple[int, int, str]]) -> str:
    """The text with other words at some spots: start, end, what is to stand there."""
    for start, end, new in sorted(spots, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def without_lines(text: str, spans: list[tuple[int, int]]) -> str:
    """The text without some lines, from 1, both ends among them; no two empty lines stay behind."""
    lines = text.split("\n")
    for first, last in sorted(spans, reverse=True):
        del lines[first - 1 : last]
        if (
            first > 1
            and first <= len(lines)
            and not lines[first - 2].strip()
            and not lines[first - 1].strip()
        ):
            del lines[first - 1]
    return "\n".join(lines).rstrip("\n") + "\n"


def block(found: list[Scalar], path: tuple[str | int, ...]) -> tuple[int, int]:
    """First and last line of everything under a path."""
    own = [one for one in found if one.path[: len(path)] == path]
    return min(one.line for one in own), max(one.last_line for one in own)
