"""BottleCRM (`django-crm` 1.35). Source: answers of a running one (`make crm-real`, docs/crm.md).

It cannot list what changed since a time, so every pull reads everything and compares; offsets shift while one
reads, and the nightly sweep catches what slipped through. Deals do not say when they changed. It knows no
roubles: deals without a currency are in the one that the account names. It demands both names of a person.
"""

import hashlib
import hmac
import json
import re
from datetime import datetime
from typing import Any

from crm_bridge.adapters import reading
from crm_bridge.adapters.auth import Request
from crm_bridge.adapters.errors import Conflict, CrmError, Forged, NotFound, Refused
from crm_bridge.adapters.http import Answer, CrmHttp, classify
from crm_bridge.adapters.reading import Json
from crm_bridge.adapters.values import (
    CLOSED,
    OPEN,
    TICKET_FIELDS,
    Capabilities,
    Case,
    Change,
    Comment,
    Contact,
    Deal,
    Field,
    Kind,
    Note,
    Page,
    Received,
    Ticket,
    Values,
    WebhookHint,
)

PAGE = 100  # asked for; fewer may come, and the answer's count says when it is over
CASE_NAME = 64  # characters of a case's name, the sign included
COMMENT = 10_000  # characters of a comment, the sign included
NO_NAME = "—"  # stands where a person's name is not known: an empty one is refused
UNFINISHED = frozenset({"New", "Assigned", "Pending"})  # states of a case that somebody still sees to
_OWN = re.compile(r".+-t[0-9]+")  # the key of a ticket of ours
_STATES = {OPEN: "New", CLOSED: "Closed"}
_PRIORITIES = {"low": "Low", "normal": "Normal", "high": "High"}
_KNOWN = {name: ours for ours, name in _PRIORITIES.items()} | {"": "normal"}  # «Urgent» is high, too
_PATHS = {Kind.CONTACT: "api/contacts/", Kind.DEAL: "api/opportunities/", Kind.TICKET: "api/cases/"}
_INSIDE = {Kind.CONTACT: "contact_obj", Kind.DEAL: "opportunity_obj", Kind.TICKET: "cases_obj"}
_SEEN = {Kind.TICKET: {"show_merged": "true"}}  # one that was merged into another is closed, not gone
_LISTED = {  # where a list has its rows, and how many there are
    Kind.CONTACT: ("results", "count"),
    Kind.DEAL: ("opportunities", "opportunities_count"),
    Kind.TICKET: ("cases", "cases_count"),
}
_NAMES = {
    Field.GIVEN_NAME: "first_name",
    Field.FAMILY_NAME: "last_name",
    Field.PHONE: "phone",
    Field.EMAIL: "email",
}


def classify_bottle(answer: Answer) -> CrmError | None:
    """A refusal names the fields: `{"error": true, "errors": {field: [...]}}`. Values are not repeated."""
    if answer.status != 400 or not isinstance(answer.data, dict):
        return classify(answer)
    errors = answer.data.get("errors")
    fields = ", ".join(map(str, errors)) if isinstance(errors, dict) else "?"
    if "already exists" in json.dumps(errors):
        return Conflict(f"exists already: {fields}")
    return Refused(f"not accepted: {fields}")


class BottleCrm:
    """One organisation."""

    capabilities = Capabilities(frozenset(_NAMES), TICKET_FIELDS, frozenset(Kind), modified_since=False)

    def __init__(self, http: CrmHttp, webhook_secret: str, currency: str = "") -> None:
        """`currency` is that of deals which have none of their own; without it their sums are not known."""
        self._http = http
        self._secret = webhook_secret
        self._currency = currency

    def project(self, values: Values) -> Values:
        return {field: _read(field, value) for field, value in values.items() if field in _NAMES}

    async def _get(self, path: str, params: dict[str, str] | None = None) -> tuple[Json, datetime]:
        answer = await self._http.call(Request("GET", path, params or {}))
        return reading.as_record(answer.data), answer.at

    async def _detail(self, kind: Kind, remote_id: str) -> Json:
        record, _ = await self._get(f"{_PATHS[kind]}{_safe(remote_id)}/", _SEEN.get(kind))
        return record

    async def get_contact(self, remote_id: str) -> Contact:
        detail = await self._detail(Kind.CONTACT, remote_id)
        return _contact(reading.as_record(detail.get(_INSIDE[Kind.CONTACT])))

    async def find_contact(self, *, phone: str = "", email: str = "") -> tuple[Contact, ...]:
        """Its own search for duplicates: the filters of the list do not see a phone through its brackets.

        It knows phones by their last ten digits, so what it finds is compared.
        """
        wanted = {Field.PHONE: phone, Field.EMAIL: email}
        body = {_NAMES[field]: value for field, value in wanted.items() if value}
        search = Request("POST", f"{_PATHS[Kind.CONTACT]}duplicates/", body=body)
        answer = await self._http.call(search, repeatable=True)
        hits = reading.as_records(reading.as_record(answer.data).get("duplicates"))
        found = [await self.get_contact(reading.identifier(hit)) for hit in hits]
        return tuple(who for who in found if any(v and who.values[field] == v for field, v in wanted.items()))

    async def upsert_contact(self, values: Values, remote_id: str | None = None) -> Contact:
        body: Json = {
            name: _written(field, values[field]) for field, name in _NAMES.items() if field in values
        }
        if remote_id is None:
            body = {"first_name": NO_NAME, "last_name": NO_NAME} | body
            answer = await self._http.call(Request("POST", _PATHS[Kind.CONTACT], body=body))
            remote_id = reading.identifier(reading.as_record(answer.data))
        else:
            request = Request("PATCH", f"{_PATHS[Kind.CONTACT]}{_safe(remote_id)}/", body=body)
            await self._http.call(request, repeatable=True)
        return await self.get_contact(remote_id)

    async def list_changed(self, kind: Kind, since: datetime | None, cursor: str | None) -> Page:
        offset = int(cursor or 0)
        asked = {"limit": str(PAGE), "offset": str(offset), "slim": "true"} | _SEEN.get(kind, {})
        listed, at = await self._get(_PATHS[kind], asked)
        rows, count = _LISTED[kind]
        records = reading.as_records(listed.get(rows))
        changes = (Change(kind, self._record(kind, record)) for record in records)
        fresh = tuple(
            each for each in changes if since is None or each.updated_at is None or each.updated_at >= since
        )
        seen = offset + len(records)
        more = bool(records) and seen < int(listed.get(count) or 0)
        return Page(fresh, str(seen) if more else None, at)

    async def get_order(self, remote_id: str) -> Deal:
        detail = await self._detail(Kind.DEAL, remote_id)
        return self._deal(reading.as_record(detail.get(_INSIDE[Kind.DEAL])))

    async def create_ticket(self, ticket: Ticket) -> str:
        asked = {"name": reading.mark(ticket.key), "slim": "true", "include_deleted": "true"}
        asked |= _SEEN[Kind.TICKET]
        listed, _ = await self._get("api/cases/", asked)
        made = reading.find_marked(reading.as_records(listed.get("cases")), ticket.key, "name")
        if made is not None:
            return made
        body = {
            "name": _name(ticket.subject, ticket.key),
            "status": _STATES[OPEN],
            "priority": "Normal",
            "description": ticket.text,
            "contacts": [ticket.contact_id],
        }
        answer = await self._http.call(Request("POST", "api/cases/", body=body))
        return reading.identifier(reading.as_record(answer.data))

    def project_ticket(self, values: Values, key: str) -> Values:
        """A long subject is cut; blanks are as they come back."""
        shown = dict(values)
        if Field.TICKET_SUBJECT in shown:
            shown[Field.TICKET_SUBJECT] = _subject(_name(shown[Field.TICKET_SUBJECT], key), key)
        return shown

    async def get_ticket(self, remote_id: str) -> Case:
        detail = await self._detail(Kind.TICKET, remote_id)
        return _case(reading.as_record(detail.get(_INSIDE[Kind.TICKET])))

    async def update_ticket(self, case: Case, values: Values) -> Case:
        body: Json = {}
        if Field.TICKET_STATE in values:
            body["status"] = _STATES[values[Field.TICKET_STATE]]
        if Field.TICKET_PRIORITY in values:
            body["priority"] = _PRIORITIES[values[Field.TICKET_PRIORITY]]
        if Field.TICKET_SUBJECT in values:
            body["name"] = _name(values[Field.TICKET_SUBJECT], case.key)
        request = Request("PATCH", f"{_PATHS[Kind.TICKET]}{_safe(case.remote_id)}/", body=body)
        await self._http.call(request, repeatable=True)
        return await self.get_ticket(case.remote_id)

    async def append_note(self, note: Note) -> str:
        detail = await self._detail(note.kind, note.remote_id)
        written = _comment(detail, note.key)
        if written is not None:
            return written
        room = COMMENT - len(reading.marked("", note.key)) - 2
        body = {"comment": reading.marked(note.text[:room], note.key), "is_internal": True}
        path = f"{_PATHS[note.kind]}{_safe(note.remote_id)}/"
        answer = await self._http.call(Request("POST", path, body=body))
        return _comment(reading.as_record(answer.data), note.key) or ""

    async def list_notes(self, kind: Kind, remote_id: str) -> tuple[Comment, ...]:
        """All of them: they stand in the record. A case keeps what only colleagues see apart."""
        detail = await self._detail(kind, remote_id)
        both = [*(detail.get("comments") or []), *(detail.get("internal_notes") or [])]
        return tuple(_note(record) for record in reading.as_records(both))

    def verify_webhook(self, received: Received) -> tuple[WebhookHint, ...]:
        """`X-BottleCRM-Signature: t=<unix>,v1=<hex HMAC-SHA256 of "<unix>.<body>">`.

        How old it is does not matter: it only makes us look again.
        """
        parts = dict(
            p.split("=", 1) for p in received.headers.get("x-bottlecrm-signature", "").split(",") if "=" in p
        )
        signed = f"{parts.get('t', '')}.".encode() + received.body
        wanted = hmac.new(self._secret.encode(), signed, hashlib.sha256).hexdigest()
        if not self._secret or not hmac.compare_digest(wanted.encode(), parts.get("v1", "").encode()):
            raise Forged("wrong signature")
        try:
            said = json.loads(received.body)
        except (ValueError, RecursionError):
            raise Forged("the body is not JSON") from None
        return _hints(said)

    def _record(self, kind: Kind, record: Json) -> Contact | Deal | Case:
        if kind is Kind.CONTACT:
            return _contact(record)
        return self._deal(record) if kind is Kind.DEAL else _case(record)

    def _deal(self, record: Json) -> Deal:
        return Deal(
            reading.identifier(record),
            reading.text(record.get("name")),
            reading.text(record.get("stage")),
            reading.money(record.get("amount"), record.get("currency") or self._currency),
            _whose(record),
            None,
        )


def _hints(said: Any) -> tuple[WebhookHint, ...]:
    """`{"event": "contact.updated", "data": {"id": …}}`; a comment names its ticket in `ticket_id`."""
    if not isinstance(said, dict) or not isinstance(said.get("data"), dict):
        return ()
    event = reading.text(said.get("event"))
    kinds = {"contact": Kind.CONTACT, "deal": Kind.DEAL, "ticket": Kind.TICKET}
    kind = kinds.get(event.partition(".")[0])
    remote_id = reading.text(said["data"].get("ticket_id" if event == "ticket.comment_added" else "id"))
    return (WebhookHint(kind, remote_id),) if kind and remote_id else ()


def _safe(remote_id: str) -> str:
    """An id as a part of an address: a UUID."""
    if not remote_id or not all(letter.isalnum() or letter == "-" for letter in remote_id):
        raise NotFound("ids of BottleCRM are UUIDs")
    return remote_id


def _comment(detail: Json, key: str) -> str | None:
    return reading.find_marked(reading.as_records(detail.get("comments") or []), key, "comment")


def _contact(record: Json) -> Contact:
    values = {field: _read(field, record.get(name)) for field, name in _NAMES.items()}
    if normalised := reading.text(record.get("phone_e164")):
        values[Field.PHONE] = normalised
    return Contact(reading.identifier(record), values, reading.moment(record.get("updated_at")))


def _case(record: Json) -> Case:
    name = reading.text(record.get("name"))
    key = reading.key_in(name)
    is_open = reading.text(record.get("status")) in UNFINISHED
    values = {
        Field.TICKET_STATE: OPEN if is_open else CLOSED,
        Field.TICKET_PRIORITY: _KNOWN.get(reading.text(record.get("priority")), "high"),
        Field.TICKET_SUBJECT: _subject(name, key),
    }
    text = reading.text(record.get("description"))
    return Case(reading.identifier(record), key, _whose(record), values, text)


def _sign(key: str) -> str:
    """What the name of a case ends with that was made for a ticket of ours. «[urgent]» is no such sign."""
    return f" {reading.mark(key)}" if _OWN.fullmatch(key) else ""


def _name(subject: str, key: str) -> str:
    """The name of a case: short, and with its sign."""
    sign = _sign(key)
    return f"{subject[: CASE_NAME - len(sign)]}{sign}"


def _subject(name: str, key: str) -> str:
    return name.removesuffix(_sign(key)).strip()


def _note(record: Json) -> Comment:
    said = reading.text(record.get("comment"))
    author = record.get("commented_by")
    user = author.get("user_details") if isinstance(author, dict) else None
    return Comment(
        reading.identifier(record),
        reading.key_in(said),
        said,
        reading.text(user.get("email")) if isinstance(user, dict) else "",
        reading.moment(record.get("commented_on")),
    )


def _whose(record: Json) -> str | None:
    """The first of the contacts that a deal or a case names."""
    contacts = record.get("contacts")
    first = contacts[0] if isinstance(contacts, list) and contacts else None
    return reading.text(first.get("id") if isinstance(first, dict) else first) or None


def _read(field: Field, value: Any) -> str:
    found = reading.normal(field, value)
    return "" if found == NO_NAME else found


def _written(field: Field, value: str) -> str | None:
    """A value as it is accepted: a name is never empty, and two empty addresses would be the same one."""
    if value:
        return value
    return NO_NAME if field in (Field.GIVEN_NAME, Field.FAMILY_NAME) else None
