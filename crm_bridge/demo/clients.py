"""The demo company's customers with what they bought."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from crm_bridge.demo.catalogue import goods, read
from crm_bridge.models import Customer, Order, OrderState

DAY = timedelta(days=1)
_RUSSIAN = {title: good.titles["ru"] for good in goods() for title in good.titles.values()}


@dataclass(frozen=True, slots=True)
class Bought:
    """An order, as far as the relation follows from it."""

    id: int
    number: str
    state: OrderState
    placed_at: datetime
    delivered_at: datetime | None
    total: int  # minor units
    currency: str
    titles: tuple[str, ...]

    @classmethod
    def of(cls, order: Order) -> "Bought":
        titles = tuple(item.title for item in order.items)
        return cls(
            order.id,
            order.number,
            order.state,
            order.placed_at,
            order.delivered_at,
            order.total_minor,
            order.currency,
            titles,
        )

    @property
    def roubles(self) -> int:
        """What it is worth in roubles."""
        rate: int = read("goods")["rates"][self.currency]
        return self.total * rate // 100


@dataclass(frozen=True, slots=True)
class Client:
    """A customer with what they bought."""

    id: int
    ref: str
    language: str
    city: str
    since: datetime
    orders: tuple[Bought, ...]

    @classmethod
    def of(cls, customer: Customer, orders: tuple[Bought, ...]) -> "Client":
        city = customer.city or ("Москва" if customer.language == "ru" else "London")
        ref = customer.external_ref or ""
        return cls(customer.id, ref, customer.language, city, customer.created_at, orders)

    @property
    def certain(self) -> dict[str, Any]:
        """What must be so about this customer, because one can play them."""
        known: dict[str, Any] = read("relations")["played"].get(self.ref, {})
        return known

    @property
    def currency(self) -> str:
        return self.orders[0].currency if self.orders else "RUB"

    @property
    def delivered(self) -> tuple[Bought, ...]:
        return tuple(order for order in self.orders if order.state is OrderState.DELIVERED)


def in_russian(title: str) -> str:
    """The Russian name of a good that is named in either language."""
    return _RUSSIAN[title]


def minutes_between(rng: Random, low: timedelta, high: timedelta) -> timedelta:
    """A random time of whole minutes between two."""
    return timedelta(minutes=rng.randint(int(low / DAY * 1440), int(high / DAY * 1440)))
