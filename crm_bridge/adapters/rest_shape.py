"""How a plain REST API is described in YAML. `docs/crm.md` has a whole example."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from crm_bridge.adapters import values

Path = Annotated[
    str, StringConstraints(pattern=r"^[^\s?#]+$")
]  # relative to the account's address; {id} inside
Dotted = Annotated[
    str, StringConstraints(pattern=r"^[\w-]+(\.[\w-]+)*$")
]  # where a value stands: contact.phone


class Strict(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Since(StrEnum):
    """How the API writes a time in a query."""

    ISO = "iso"
    UNIX = "unix"


class Paging(Strict):
    """How a list goes on. Prefer `keyset` or `cursor`: the other two shift when records change meanwhile."""

    style: Literal["page", "offset", "cursor", "keyset", "none"] = "page"
    parameter: str = (
        "page"  # page: the number; offset: the offset; cursor: the token; keyset: «id greater than»
    )
    size_parameter: str = "limit"
    size: int = Field(default=100, ge=1, le=1000)
    first: int = 1  # number of the first page
    next: Dotted | None = None  # cursor: where the answer holds the next token


class Records(Strict):
    """A kind of record: where it is listed and read, and where its values stand."""

    list: Path
    get: Path  # with {id}
    items: Dotted | None = None  # where the list stands in the answer; none: the answer is the list
    item: Dotted | None = None  # where the record stands in the answer of `get`
    id: Dotted = "id"
    updated_at: Dotted | None = None
    since_parameter: str | None = None  # the filter «changed at or after»
    since: Since = Since.ISO
    order: dict[str, str] = Field(default_factory=dict)  # query that sorts the list, oldest change first
    paging: Paging = Paging()


class Contacts(Records):
    """People."""

    fields: dict[values.Field, Dotted] = Field(min_length=1)
    create: Path
    update: Path  # with {id}
    update_method: Literal["PATCH", "PUT"] = "PATCH"
    find_phone: str | None = None  # query parameters of `list` that search
    find_email: str | None = None


class Deals(Records):
    """Orders, deals or opportunities."""

    title: Dotted
    stage: Dotted | None = None
    amount: Dotted | None = None
    currency: Dotted | None = None
    default_currency: str = "RUB"
    contact: Dotted | None = None


class Writing(Strict):
    """How a ticket or a note is made. Records that were made are found again by a sign in `text`."""

    create: Path  # {id}: of the contact or deal that it belongs to
    list: Path | None = None  # where made ones are looked for
    find: str | None = None  # query parameter of `list` that searches texts
    items: Dotted | None = None
    id: Dotted = "id"
    text: Dotted = "text"
    subject: Dotted | None = None
    contact: Dotted | None = None
    author: Dotted | None = None  # of a note, and when it was written
    at: Dotted | None = None


class Tickets(Writing):
    """How a ticket is made, and what lets it be followed: `get`, `update` and `state` together."""

    get: Path | None = None  # with {id}
    item: Dotted | None = None
    update: Path | None = None  # with {id}
    update_method: Literal["PATCH", "PUT"] = "PATCH"
    changed: Path | None = None  # lists what changed, paged and ordered as `paging` says
    updated_at: Dotted | None = None
    since_parameter: str | None = None
    since: Since = Since.ISO
    order: dict[str, str] = Field(default_factory=dict)
    paging: Paging = Paging()
    state: Dotted | None = None
    open_as: str = "open"  # the word that is written; every word but `closed_as` is read as open
    closed_as: tuple[str, ...] = ("closed",)  # the first one is written
    priority: Dotted | None = None  # in the words low, normal and high

    @property
    def two_way(self) -> bool:
        return all((self.get, self.update, self.state, self.contact, self.changed))


class Webhook(Strict):
    """How the API proves its webhooks and what they say."""

    header: str  # of the signature: HMAC-SHA256 of the body
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""  # before the signature, such as sha256=
    event: Dotted = "event"
    id: Dotted = "id"
    contact_events: tuple[str, ...] = ("contact",)  # beginnings of event names
    deal_events: tuple[str, ...] = ("deal", "order")
    ticket_events: tuple[str, ...] = ("ticket",)


class RestShape(Strict):
    """A whole API."""

    contacts: Contacts
    deals: Deals | None = None
    tickets: Tickets | None = None
    contact_notes: Writing | None = None
    deal_notes: Writing | None = None
    webhook: Webhook | None = None
