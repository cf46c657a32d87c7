"""The company's own rules: fees, deadlines, hours. They stand in `data/company.yml`, never in code."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from crm_bridge.company.conversation import Conversation
from crm_bridge.company.orders import OrderRules


class BadCompany(ValueError):
    """The file cannot be used; the message says where and why."""


class Company(BaseModel):
    """Everything in `data/company.yml`, one part a topic."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    conversation: Conversation
    orders: OrderRules


def load(path: Path) -> Company:
    """Read the file.

    Raises:
        BadCompany: something in it is missing, unknown or impossible.
    """
    try:
        return Company.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError, OSError) as error:
        raise BadCompany(f"{path.name}: {_in_words(error)}") from error


def _in_words(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
