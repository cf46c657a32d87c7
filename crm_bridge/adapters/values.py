"""What travels between the product and a CRM, whichever CRM it is. Nothing inside sees a provider's dict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crm_bridge.money import Money


class Kind(StrEnum):
    """What a record of a CRM is about."""

    CONTACT = "contact"
    DEAL = "deal"
    TICKET = "ticket"


class Field(StrEnum):
    """What is kept in step: of a person, and of a ticket."""

    GIVEN_NAME = "given_name"
    PATRONYMIC = "patronymic"
    FAMILY_NAME = "family_name"
    PHONE = "phone"  # the first one, E.164
    EMAIL = "email"  # the first one, lower case
    TICKET_STATE = "ticket_state"  # OPEN or CLOSED
    TICKET_PRIORITY = "ticket_priority"  # low, normal or high
    TICKET_SUBJECT = "ticket_subject"


TICKET_FIELDS = frozenset({Field.TICKET_STATE, Field.TICKET_PRIORITY, Field.TICKET_SUBJECT})
PERSON_FIELDS = frozenset(Field) - TICKET_FIELDS
OPEN, CLOSED = "open", "closed"  # somebody still has to see to a ticket; nobody has


Values = Mapping[Field, str]  # an empty text: there is none


@dataclass(frozen=True, slots=True)
class Contact:
    """A person as a CRM holds them. `values` has every field that the CRM can hold."""

    remote_id: str
    values: Values
    updated_at: datetime | None  # by the CRM's clock; None when it does not say


@dataclass(frozen=True, slots=True)
class Deal:
    """An order, deal or opportunity."""

    remote_id: str
    title: str
    stage: str  # the CRM's own word
    amount: Money | None
    contact_id: str | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Case:
    """A ticket as the CRM holds it, whoever made it."""

    remote_id: str
    key: str  # of the ticket of ours that it was made for; empty when people there made it
    contact_id: str | None
    values: Values  # every field of a ticket that the CRM can hold
    text: str
    updated_at: datetime | None = None  # by the CRM's clock; None when it does not say


@dataclass(frozen=True, slots=True)
class Ticket:
    """A matter for the people who work in the CRM. `key` is written into it, so that it is made once."""

    key: str
    contact_id: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A remark beside a contact or a deal. `key` is written into it, so that it is made once."""

    key: str
    kind: Kind  # CONTACT or DEAL
    remote_id: str  # of that contact or deal
    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A note as the CRM holds it, whoever wrote it."""

    remote_id: str
    key: str  # of the note of ours that it is; empty when people there wrote it
    text: str
    author: str = ""  # as the CRM calls them; empty when it does not say
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A record that changed, as a list shows it. A list may lag behind the record itself."""

    kind: Kind
    record: Contact | Deal | Case

    @property
    def remote_id(self) -> str:
        return self.record.remote_id

    @property
    def updated_at(self) -> datetime | None:
        return self.record.updated_at


@dataclass(frozen=True, slots=True)
class Page:
    """One page of changes."""

    changes: tuple[Change, ...]
    next: str | None  # cursor of the next page; None after the last one
    as_of: datetime  # the CRM's clock when it answered


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook as it came: the raw body, header names in lower case, and the secret part of our address."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""


@dataclass(frozen=True, slots=True)
class WebhookHint:
    """Something happened to a record. What it is now, the CRM must be asked."""

    kind: Kind
    remote_id: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a CRM can do for us."""

    fields: frozenset[Field]  # of a person
    ticket_fields: frozenset[Field] = frozenset()  # of a ticket; none: tickets only go there
    kinds: frozenset[Kind] = frozenset({Kind.CONTACT, Kind.DEAL})  # that can be listed
    modified_since: bool = True  # lists only what changed; otherwise every pull reads everything
