"""The company's stores: where they are and when they are open."""

from pydantic import BaseModel, ConfigDict

from crm_bridge.company.hours import Hours
from crm_bridge.company.words import Words


class Store(BaseModel):
    """A store. `near`: towns around whose people come here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    city: str
    address: str
    phone: str
    hours: Hours
    way: Words | None = None  # how to find it
    near: tuple[str, ...] = ()


class Stores(BaseModel):
    """All of them; `other_names`: how else a city is called, in any language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all: tuple[Store, ...]
    other_names: dict[str, str] = {}

    def cities(self) -> list[str]:
        """The cities that have a store, each once."""
        return list(dict.fromkeys(store.city for store in self.all))

    def in_city(self, city: str) -> list[Store]:
        """The stores of a city, or those that its people go to."""
        meant = _plain(self.other_names.get(_plain(city), city))
        there = [store for store in self.all if _plain(store.city) == meant]
        return there or [store for store in self.all if meant in {_plain(town) for town in store.near}]


def _plain(city: str) -> str:
    return city.strip().lower().replace("ё", "е")
