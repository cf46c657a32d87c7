"""All recognisers over one message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from bot.engine.nlu.entities import catalogue, codes, contacts, counts, dates, money, people, places, times
from bot.engine.nlu.entities.base import Context, Found, Lookups, without_overlaps
from bot.engine.nlu.text import script_language

LIMIT = 2000  # characters; what a longer message says after that is not searched

Recogniser = Callable[[Context], Iterator[Found]]

RECOGNISERS: tuple[Recogniser, ...] = (
    contacts.find_emails,
    contacts.find_phones,
    codes.find_tracking_numbers,
    codes.find_order_ids,
    codes.find_promo_codes,
    money.find_amounts,
    dates.find_dates,
    times.find_times,
    counts.find_ratings,
    counts.find_quantities,
    places.find_addresses,
    places.find_cities,
    people.find_people,
    catalogue.find_plans,
    catalogue.find_products,
)
NAMES = (
    "order_id",
    "tracking_number",
    "phone",
    "email",
    "product",
    "quantity",
    "amount",
    "date",
    "time",
    "address",
    "city",
    "person",
    "promo_code",
    "plan",
    "rating",
    "code",
)


def find_entities(
    text: str, now: datetime, language: str | None = None, lookups: Lookups | None = None
) -> list[Found]:
    """Entities of a message in order of place, without overlaps (but a bare number may be a code as well).

    Args:
        text: the message as the customer wrote it.
        now: aware time in the customer's time zone; «завтра» is counted from it.
        language: ru or en; guessed from the script when not given.
        lookups: the company's own names.
    """
    text = text[:LIMIT]
    context = Context(text, language or script_language(text), now, lookups or Lookups())
    found = without_overlaps(f for recogniser in RECOGNISERS for f in recogniser(context))
    strong = [f for f in found if f.entity in {"phone", "email", "tracking_number", "promo_code"}]
    for code in codes.find_one_time_codes(context):
        if all(code.end <= f.start or code.start >= f.end for f in strong):
            found = [
                f
                for f in found
                if (f.entity == "order_id" and len(text.strip()) <= 10)
                or f.end <= code.start
                or f.start >= code.end
            ]
            found.append(code)
    return sorted(found, key=lambda f: (f.start, f.entity))
