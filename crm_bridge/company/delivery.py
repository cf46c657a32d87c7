"""Where the company delivers, how, for how much and how fast; and what it owes when it is late."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from crm_bridge.company.words import Note, Words
from crm_bridge.models import DeliveryMethod, OrderState
from crm_bridge.money import Money


class Way(BaseModel):
    """One way to deliver within a zone. `days`: from the order to the door, the fewest and the most."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    price: Decimal = Field(ge=0)
    free_from: Decimal | None = None  # total of an order from which it costs nothing
    days: tuple[int, int]


class City(BaseModel):
    """A city. `also`: how else people call it; `points`: addresses of pick-up points."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Words
    to: Words  # «в Казань», "to Kazan"
    also: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


class Zone(BaseModel):
    """Cities where delivery costs and takes the same. A way without points of its own city is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str
    ways: dict[DeliveryMethod, Way]
    cities: tuple[City, ...]


class Method(BaseModel):
    """What a way to deliver is called, and how it goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Words
    about: Words


class AddressChange(BaseModel):
    """In these states an order may go elsewhere, for so much in whole units of its currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    states: tuple[OrderState, ...]
    fee: dict[str, Decimal] = Field(default_factory=dict)  # by currency; none named means free


class Compensation(BaseModel):
    """Points for an order that is this late, by the date that is expected now. Once an order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int = Field(gt=0)
    points: int = Field(gt=0)
    live_days: int = Field(gt=0)  # then they burn
    claim_days: int = Field(gt=0)  # so long after the delivery it is still given


@dataclass(frozen=True, slots=True)
class Destination:
    """A city with its zone."""

    city: City
    zone: Zone

    @property
    def ways(self) -> dict[DeliveryMethod, Way]:
        """The ways that lead there."""
        pickup = DeliveryMethod.PICKUP
        return {
            method: way for method, way in self.zone.ways.items() if method is not pickup or self.city.points
        }

    def price(self, way: Way) -> Money:
        return money(way.price, self.zone.currency)

    def free_from(self, way: Way) -> Money | None:
        return None if way.free_from is None else money(way.free_from, self.zone.currency)


class DeliveryRules(BaseModel):
    """Everything about delivery. `notes`: answers to questions beyond cost and time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: dict[DeliveryMethod, Method]
    zones: tuple[Zone, ...]
    address_changes: tuple[AddressChange, ...]
    compensation: Compensation | None = None
    watch_days: int = Field(gt=0)  # a late order is watched so long after its expected date
    notes: tuple[Note, ...] = ()

    @model_validator(mode="after")
    def _methods_are_described(self) -> Self:
        used = {method for zone in self.zones for method in zone.ways}
        if missing := used - set(self.methods):
            raise ValueError(f"methods lacks {', '.join(sorted(missing))}")
        return self

    def destination(self, city: str) -> Destination | None:
        """The city of that name in any language; None: the company does not deliver there."""
        wanted = plain(city)
        for zone in self.zones:
            for one in zone.cities:
                if wanted in {plain(name) for name in (one.name.ru, one.name.en, *one.also)}:
                    return Destination(one, zone)
        return None

    def destination_in(self, text: str) -> Destination | None:
        """The first city whose name stands in a text word for word."""
        words = f" {plain(text)} "
        for zone in self.zones:
            for one in zone.cities:
                if any(f" {plain(name)} " in words for name in (one.name.ru, one.name.en, *one.also)):
                    return Destination(one, zone)
        return None

    def address_fee(self, state: OrderState, currency: str) -> Money | None:
        """What it costs to send an order elsewhere now; None: it is too late."""
        rule = next((rule for rule in self.address_changes if state in rule.states), None)
        return None if rule is None else money(rule.fee.get(currency, Decimal()), currency)


def money(amount: Decimal, currency: str) -> Money:
    """An amount of the company's file, which is in whole units."""
    return Money(int(amount * 100), currency)


def plain(name: str) -> str:
    """A name for comparing: no case, no ё, no signs."""
    kept = "".join(char if char.isalnum() else " " for char in name.lower().replace("ё", "е"))
    return " ".join(kept.split())
