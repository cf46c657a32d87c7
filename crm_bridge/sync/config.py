"""`crm.yml`: which CRMs there are and how each is synchronised. `docs/crm.md` explains every key."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, StringConstraints, ValidationError

from core import yml
from crm_bridge.adapters.accounts import AnyAccount
from crm_bridge.adapters.rest_shape import Strict
from crm_bridge.sync.rules import SyncRules

FILE = "crm.yml"
TOKEN_KEY = "crm_tokens"  # noqa: S105 - the name of the file whose secret encrypts the tokens
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_KINDS = {"bitrix24", "amocrm", "odoo", "espocrm", "bottlecrm", "rest"}
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")]


class Account(Strict):
    """One account in one CRM."""

    crm: AnyAccount
    sync: SyncRules = SyncRules()


class CrmConfig(Strict):
    """The whole file."""

    accounts: dict[Name, Account] = Field(default_factory=dict)


class BadConfig(ValueError):
    """The file is wrong. Each line names the place and what to do about it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def load(path: Path, environment: Mapping[str, str] = os.environ) -> CrmConfig:
    """Read the file; `${NAME}` stands for an environment variable. No file: no CRM.

    Raises:
        BadConfig
    """
    if not path.exists():
        return CrmConfig()
    try:
        written = yml.parse(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfig([f"{path.name}: not YAML: {_place(error)}"]) from None
    return read(written if written is not None else {}, environment)


def read(written: Any, environment: Mapping[str, str] = os.environ) -> CrmConfig:
    """Check what was written.

    Raises:
        BadConfig
    """
    missing: list[str] = []
    filled = _fill(written, environment, "", missing)
    if missing:
        raise BadConfig(missing)
    try:
        return CrmConfig.model_validate(filled)
    except ValidationError as error:
        raise BadConfig([_line(each["loc"], each["msg"]) for each in error.errors()]) from None


def _fill(value: Any, environment: Mapping[str, str], place: str, missing: list[str]) -> Any:
    """Put in the environment variables; note those that are not set."""
    if isinstance(value, dict):
        return {key: _fill(each, environment, f"{place}.{key}", missing) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, environment, f"{place}.{n}", missing) for n, each in enumerate(value)]
    if not isinstance(value, str):
        return value
    for name in _VARIABLE.findall(value):
        if name not in environment:
            missing.append(f"{place.lstrip('.')}: the environment variable {name} is not set")
    return _VARIABLE.sub(lambda found: environment.get(found[1], ""), value)


def _line(place: tuple[int | str, ...], message: str) -> str:
    steps = [str(step) for step in place if step not in _KINDS and step != "[key]"]
    return f"{'.'.join(steps)}: {message}"


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "it must be UTF-8"
