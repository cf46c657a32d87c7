"""Files that somebody broke by hand: which they are, and where."""

from pathlib import Path

import yaml
from ruamel.yaml.error import YAMLError as StyledYAMLError

from bot.studio.changes import Refused
from core import yml

UNREADABLE = (yaml.YAMLError, StyledYAMLError, UnicodeDecodeError)


def refusal(root: Path) -> Refused:
    """What to tell people: file and line of everything in a project that is no YAML."""
    paths = [root / "domain.yml", *sorted((root / "data").rglob("*.yml"))]
    return Refused("unreadable", *(place for path in paths if (place := _broken(path, root))))


def _broken(path: Path, root: Path) -> str | None:
    name = path.relative_to(root).as_posix()
    try:
        yml.parse(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as why:
        return f"{name}:{why.problem_mark.line + 1}" if why.problem_mark else name
    except UNREADABLE:
        return name
    return None
