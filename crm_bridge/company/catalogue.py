"""What is sold: `data/catalogue.yml`. Prices are in whole units of the first currency of `rates`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from core import yml
from crm_bridge.company.words import Words
from crm_bridge.money import Money


class Good(BaseModel):
    """Something that is sold. `words`: beginnings of words by which customers call it, both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    title: Words
    group: str
    price: int = Field(gt=0)
    stock: int = Field(ge=0)  # pieces in the warehouse
    restock_days: int | None = None  # when more come; None: it is not known
    words: tuple[str, ...]
    good_for: Words  # one sentence: for whom it is right


class Catalogue(BaseModel):
    """All goods, by group."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rates: dict[str, int]
    currency: dict[str, str]  # for people whose own is not known
    groups: dict[str, Words]
    goods: tuple[Good, ...]

    def good(self, key: str) -> Good:
        """The good of that key."""
        return next(good for good in self.goods if good.key == key)

    def price(self, good: Good, currency: str) -> Money:
        """What it costs; abroad the price ends in 99, as prices do."""
        rate = self.rates[currency]
        minor = good.price * 100 if rate == 1 else round(good.price / rate) * 100 - 1
        return Money(minor, currency)


def load_catalogue(path: Path) -> Catalogue:
    """Read the file.

    Raises:
        ValidationError: something in it is missing or unknown.
    """
    return Catalogue.model_validate(yml.parse(path.read_text(encoding="utf-8")))
