"""What the demo company is made of: names, places, goods, and the customers one can play."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core import yml
from crm_bridge.models import CheckpointKind, OrderState

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Place:
    """A town where the company delivers, and the way there."""

    city: str
    zone: str
    hub: str
    points: tuple[str, ...]  # addresses of pick-up points
    language: str
    warehouse: str
    carriers: tuple[str, ...]
    currency: str = "RUB"
    phone: str = "+7900000"
    border: str | None = None  # where customs are; None inside the country


@dataclass(frozen=True, slots=True)
class Good:
    """Something that is sold."""

    titles: dict[str, str]
    roubles: int


@dataclass(frozen=True, slots=True)
class Part:
    """An order of a customer one can play."""

    number: str
    state: OrderState
    item: int
    cause: CheckpointKind | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A customer one can play."""

    ref: str
    name: tuple[str, str | None, str]
    phone: str
    email: str
    city: str
    orders: tuple[Part, ...]
    situation: dict[str, str]


@cache
def read(name: str) -> Any:
    """One of the YAML files."""
    return yml.parse((HERE / f"{name}.yml").read_text(encoding="utf-8"))


@cache
def places(language: str) -> tuple[Place, ...]:
    """The towns whose people speak a language."""
    given = read("places")
    shared = {
        "language": language,
        "warehouse": given["warehouse"][language],
        "carriers": tuple(given["carriers"][language]),
    }
    return tuple(Place(**{**place, "points": tuple(place["points"])}, **shared) for place in given[language])


def place(city: str) -> Place:
    """The town of that name."""
    return next(town for language in ("ru", "en") for town in places(language) if town.city == city)


@cache
def goods() -> tuple[Good, ...]:
    """Everything that is sold."""
    return tuple(Good({"ru": good["ru"], "en": good["en"]}, good["price"]) for good in read("goods")["goods"])


def price(good: Good, currency: str) -> int:
    """The price in minor units; abroad it ends in 99, as prices do."""
    rate: int = read("goods")["rates"][currency]
    return good.roubles * 100 if rate == 1 else round(good.roubles / rate) * 100 - 1


@cache
def cast() -> tuple[Role, ...]:
    """The customers one can play."""
    return tuple(_role(role) for role in read("cast"))


def _role(role: dict[str, Any]) -> Role:
    given, patronymic, family = role["name"]
    return Role(
        ref=role["ref"],
        name=(given, patronymic, family),
        phone=role["contacts"]["phone"],
        email=role["contacts"]["email"],
        city=role["city"],
        orders=tuple(_part(order) for order in role["orders"]),
        situation=role["situation"],
    )


def _part(order: dict[str, Any]) -> Part:
    cause = order.get("cause")
    return Part(
        order["number"],
        OrderState(order["state"]),
        order["item"],
        CheckpointKind(cause) if cause else None,
    )
