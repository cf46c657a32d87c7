"""What can be subscribed to."""

from decimal import Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from crm_bridge.company.words import Note, Words
from crm_bridge.models import Period
from crm_bridge.money import Money


class Plan(BaseModel):
    """One plan. `title` is what stands in a customer's subscription, in one of the languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    title: Words
    about: Words
    period: Period
    prices: dict[str, Decimal]  # currency → price of a period
    words: tuple[str, ...] = ()  # beginnings of words that mean this plan

    def price(self, currency: str) -> Money | None:
        """What a period costs; None when the plan is not sold in this currency."""
        amount = self.prices.get(currency)
        return None if amount is None else Money(int(amount * 100), currency)


class Family(BaseModel):
    """Plans that a customer may change between."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    name: Words
    plans: tuple[Plan, ...]


class PlanRules(BaseModel):
    """`url`: where a first subscription is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    families: tuple[Family, ...]
    url: str
    notes: tuple[Note, ...] = ()

    @model_validator(mode="after")
    def _keys_are_unique(self) -> Self:
        keys = [plan.key for plan in self.all()]
        if len(keys) != len(set(keys)):
            raise ValueError("two plans have one key")
        return self

    def all(self) -> list[Plan]:
        """Every plan."""
        return [plan for family in self.families for plan in family.plans]

    def plan(self, key: str) -> Plan | None:
        """The plan of that key."""
        return next((plan for plan in self.all() if plan.key == key), None)

    def of_title(self, title: str) -> tuple[Family, Plan] | None:
        """The plan of a subscription, by its title."""
        for family in self.families:
            for plan in family.plans:
                if title in (plan.title.ru, plan.title.en):
                    return family, plan
        return None
