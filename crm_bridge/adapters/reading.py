"""Reading what a CRM answered. Nothing here trusts the answer to have the right shape."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

from crm_bridge.adapters.errors import Forged, Unavailable
from crm_bridge.adapters.values import Field
from crm_bridge.contacts import read_contact
from crm_bridge.money import Money

Json = dict[str, Any]
_NAME_FIELDS = (Field.GIVEN_NAME, Field.PATRONYMIC, Field.FAMILY_NAME)
DIGITS = 15  # of an amount; the database holds no more than eighteen with the minor units
_LINE_END = re.compile(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6])>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_MARK = re.compile(r"\[([\w-]+)\]$")
MINOR = 100  # of the currencies that the supported CRMs sell in


def as_record(data: Any) -> Json:
    """An object.

    Raises:
        Unavailable: it is something else.
    """
    if isinstance(data, dict):
        return data
    raise Unavailable(f"an object was expected, {type(data).__name__} came")


def as_records(data: Any) -> list[Json]:
    """A list of objects.

    Raises:
        Unavailable: it is something else.
    """
    if isinstance(data, list):
        return [as_record(each) for each in data]
    raise Unavailable(f"a list was expected, {type(data).__name__} came")


def text(value: Any) -> str:
    """A text without blanks around it. Null and Odoo's `false` are no text.

    NUL and halves of characters, which no database takes, are left out: one such record must not stop all.
    """
    if value is None or value is False:
        return ""
    return str(value).replace("\x00", "").encode(errors="ignore").decode().strip()


def plain(html: Any) -> str:
    """What a piece of HTML says, with the ends of its lines."""
    parted = _LINE_END.sub("\n", text(html))
    lines = unescape(_TAG.sub("", parted)).replace("\xa0", " ").split("\n")
    return re.sub("\n{3,}", "\n\n", "\n".join(line.strip() for line in lines)).strip()


def identifier(record: Json, key: str = "id") -> str:
    """The id of a record.

    Raises:
        Unavailable: it has none.
    """
    found = text(record.get(key))
    if not found:
        raise Unavailable(f"a record without {key!r} came")
    return found


def phone(value: Any) -> str:
    """A phone number in E.164 when it can be read, as it was written otherwise."""
    written = text(value)
    found = read_contact(written) if written and "@" not in written else None
    return found.value if found else written


def email(value: Any) -> str:
    return text(value).lower()


def normal(field: Field, value: Any) -> str:
    """A value as it is compared and stored."""
    if field is Field.PHONE:
        return phone(value)
    if field is Field.EMAIL:
        return email(value)
    return " ".join(text(value).split()) if field in _NAME_FIELDS else text(value)


def moment(value: Any) -> datetime | None:
    """A time: unix seconds or ISO 8601; without a time zone it is UTC."""
    if isinstance(value, bool) or value in (None, ""):
        return None
    try:
        if isinstance(value, (int, float)) or str(value).isdigit():
            seconds = float(value)
            return datetime.fromtimestamp(seconds, UTC) if math.isfinite(seconds) else None
        read = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def money(amount: Any, currency: Any) -> Money | None:
    """An amount in whole units, as CRMs give it; None when there is none."""
    try:
        whole = Decimal(text(amount))
        if not currency or not whole.is_finite() or whole.adjusted() > DIGITS:
            return None
        return Money(int((whole * MINOR).to_integral_value()), text(currency).upper())
    except (InvalidOperation, ValueError, OverflowError):
        return None


def mark(key: str) -> str:
    """The sign in a ticket or note by which it is found again."""
    return f"[{key}]"


def key_in(body: str) -> str:
    """The key of the sign at the end of a text; empty when there is none."""
    found = _MARK.search(body)
    return found[1] if found else ""


def marked(body: str, key: str) -> str:
    """A text that carries its sign."""
    return f"{body}\n\n{mark(key)}".strip()


def find_marked(records: Iterable[Json], key: str, *fields: str) -> str | None:
    """The id of the record that carries the sign in one of the fields."""
    for record in records:
        if any(mark(key) in text(record.get(name)) for name in fields):
            return identifier(record, "id" if "id" in record else "ID")
    return None


def form(body: bytes) -> dict[str, str]:
    """A form that was posted.

    Raises:
        Forged: it is not a form.
    """
    try:
        return dict(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=2000))
    except (ValueError, UnicodeDecodeError):
        raise Forged("the body is not a form") from None
