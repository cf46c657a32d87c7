"""Reading what providers push: JSON of which nothing is certain."""

import json
from typing import Any

from bot.channels.inbound import Location, clean

Json = dict[str, Any]

LONGEST_ID = 100  # characters; longer ones are not ids, and the inbox has a column of 160


def read(body: bytes) -> Json:
    """The JSON object of a request's body; empty when it is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def obj(value: Any, *path: str) -> Json:
    """The object at a path; empty when there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: Any, key: str) -> list[Json]:
    """The objects of a list; what is no object is left out."""
    found = value.get(key) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def text(value: Any, key: str) -> str:
    """A text without what no customer types; empty when there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return clean(found) if isinstance(found, str) else ""


def ident(value: Any, key: str) -> str:
    """An id, number or text; empty when there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, bool) or not isinstance(found, int | str):
        return ""
    known = str(found)
    return known if 0 < len(known) <= LONGEST_ID else ""


def number(value: Any, key: str) -> float | None:
    """A finite number, or None."""
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if abs(found) < 10**15 else None


def size(value: Any, key: str) -> int | None:
    """A size in bytes, or None."""
    found = number(value, key)
    return int(found) if found is not None and found >= 0 else None


def language(value: Any, key: str) -> str | None:
    """`ru` or `en` of a language code such as `ru-RU`; None for others."""
    code = ident(value, key)[:2].lower()
    return code if code in ("ru", "en") else None


def location(place: Any, title: str = "") -> Location | None:
    """A place with `latitude` and `longitude`; None when it is none on this earth."""
    latitude, longitude = number(place, "latitude"), number(place, "longitude")
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return Location(latitude, longitude, title)
