"""EspoCRM 9. Source: github.com/espocrm/documentation at b73eb2d (2026-08-21).

Times are UTC without a zone. A ticket is a `Case`, a note a `Post` in the stream, an order an `Opportunity`.
Webhook bodies are always lists, sent in batches every few minutes.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from crm_bridge.adapters import reading
from crm_bridge.adapters.auth import Request
from crm_bridge.adapters.errors import Forged
from crm_bridge.adapters.http import CrmHttp
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
from crm_bridge.adapters.window import Window

PAGE = 200  # the largest
_ENTITIES = {Kind.CONTACT: "Contact", Kind.DEAL: "Opportunity", Kind.TICKET: "Case"}
DONE = frozenset({"Closed", "Rejected", "Duplicate"})  # states of a case that nobody sees to any more
_STATES = {OPEN: "New", CLOSED: "Closed"}
_PRIORITIES = {"low": "Low", "normal": "Normal", "high": "High"}
_KNOWN = {name: ours for ours, name in _PRIORITIES.items()} | {"": "normal"}  # «Urgent» is high, too
_NAMES = {
    Field.GIVEN_NAME: "firstName",
    Field.FAMILY_NAME: "lastName",
    Field.PHONE: "phoneNumber",  # the primary one; further ones stay as they are
    Field.EMAIL: "emailAddress",
}
_COLUMNS = {
    Kind.CONTACT: ["id", *_NAMES.values(), "modifiedAt"],
    Kind.DEAL: ["id", "name", "stage", "amount", "amountCurrency", "contactId", "modifiedAt"],
    Kind.TICKET: ["id", "name", "status", "priority", "description", "contactId", "modifiedAt"],
}


class EspoCrm:
    """One site."""

    capabilities = Capabilities(frozenset(_NAMES), TICKET_FIELDS, frozenset(Kind))

    def __init__(self, http: CrmHttp, webhook_secrets: Mapping[str, str]) -> None:
        """`webhook_secrets`: the secretKey of every webhook, by its id, as EspoCRM gave them."""
        self._http = http
        self._secrets = dict(webhook_secrets)

    def project(self, values: Values) -> Values:
        return {field: reading.normal(field, value) for field, value in values.items() if field in _NAMES}

    async def _search(self, entity: str, **search: object) -> tuple[list[Json], datetime]:
        params = {"searchParams": json.dumps(search, separators=(",", ":"), ensure_ascii=False)}
        request = Request("GET", f"api/v1/{entity}", params, headers={"X-No-Total": "true"})
        answer = await self._http.call(request)
        return reading.as_records(reading.as_record(answer.data).get("list")), answer.at

    async def _record(self, method: str, path: str, body: Json | None = None) -> Json:
        answer = await self._http.call(Request(method, f"api/v1/{path}", body=body))
        return reading.as_record(answer.data)

    async def get_contact(self, remote_id: str) -> Contact:
        return _contact(await self._record("GET", f"Contact/{_safe(remote_id)}"))

    async def find_contact(self, *, phone: str = "", email: str = "") -> tuple[Contact, ...]:
        found: dict[str, Contact] = {}
        for attribute, value in (("phoneNumber", phone), ("emailAddress", email)):
            if value:
                where = [{"type": "equals", "attribute": attribute, "value": value}]
                records, _ = await self._search("Contact", maxSize=PAGE, where=where)
                found |= {reading.identifier(record): _contact(record) for record in records}
        return tuple(found.values())

    async def upsert_contact(self, values: Values, remote_id: str | None = None) -> Contact:
        body: Json = {name: values[field] for field, name in _NAMES.items() if field in values}
        if remote_id is None:
            return _contact(await self._record("POST", "Contact", body))
        return _contact(await self._record("PUT", f"Contact/{_safe(remote_id)}", body))

    async def list_changed(self, kind: Kind, since: datetime | None, cursor: str | None) -> Page:
        window = Window.read(cursor, since)
        start = window.start.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        records, at = await self._search(
            _ENTITIES[kind],
            maxSize=PAGE,
            offset=window.number * PAGE,
            orderBy="modifiedAt",
            order="asc",
            select=_COLUMNS[kind],
            where=[{"type": "greaterThanOrEquals", "attribute": "modifiedAt", "value": start}],
        )
        changes = tuple(Change(kind, _read(kind, record)) for record in records)
        return Page(changes, window.after(changes, PAGE), at)

    async def get_order(self, remote_id: str) -> Deal:
        return _deal(await self._record("GET", f"Opportunity/{_safe(remote_id)}"))

    async def _made(self, entity: str, attribute: str, key: str) -> str | None:
        where = [{"type": "contains", "attribute": attribute, "value": reading.mark(key)}]
        records, _ = await self._search(entity, maxSize=1, select=["id", attribute], where=where)
        return reading.find_marked(records, key, attribute)

    async def create_ticket(self, ticket: Ticket) -> str:
        made = await self._made("Case", "description", ticket.key)
        if made is not None:
            return made
        body = {
            "name": ticket.subject,
            "status": "New",
            "contactId": ticket.contact_id,
            "description": reading.marked(ticket.text, ticket.key),
        }
        return reading.identifier(await self._record("POST", "Case", body))

    def project_ticket(self, values: Values, key: str) -> Values:
        return {field: reading.text(value) for field, value in values.items()}

    async def get_ticket(self, remote_id: str) -> Case:
        return _case(await self._record("GET", f"Case/{_safe(remote_id)}"))

    async def update_ticket(self, case: Case, values: Values) -> Case:
        body: Json = {}
        if Field.TICKET_STATE in values:
            body["status"] = _STATES[values[Field.TICKET_STATE]]
        if Field.TICKET_PRIORITY in values:
            body["priority"] = _PRIORITIES[values[Field.TICKET_PRIORITY]]
        if Field.TICKET_SUBJECT in values:
            body["name"] = values[Field.TICKET_SUBJECT]
        return _case(await self._record("PUT", f"Case/{_safe(case.remote_id)}", body))

    async def append_note(self, note: Note) -> str:
        made = await self._made("Note", "post", note.key)
        if made is not None:
            return made
        body = {
            "type": "Post",
            "parentType": _ENTITIES[note.kind],
            "parentId": note.remote_id,
            "post": reading.marked(note.text, note.key),
        }
        return reading.identifier(await self._record("POST", "Note", body))

    async def list_notes(self, kind: Kind, remote_id: str) -> tuple[Comment, ...]:
        """The newest page of what people posted in the stream of a record."""
        about = {"type": "Post", "parentType": _ENTITIES[kind], "parentId": _safe(remote_id)}
        records, _ = await self._search(
            "Note",
            maxSize=PAGE,
            orderBy="createdAt",
            order="desc",
            select=["id", "post", "createdByName", "createdAt"],
            where=[{"type": "equals", "attribute": name, "value": value} for name, value in about.items()],
        )
        return tuple(_note(record) for record in records)

    def verify_webhook(self, received: Received) -> tuple[WebhookHint, ...]:
        """`Signature: base64("<webhook id>:<hex HMAC-SHA256 of the body>")`. The records carry no event name,
        so the id of the webhook must say what they are: `Contact.update:<id>` in the configuration."""
        try:
            signed = base64.b64decode(received.headers.get("signature", ""), validate=True).decode()
            records = json.loads(received.body)
        except (ValueError, RecursionError):
            raise Forged("unreadable signature or body") from None
        webhook_id, _, given = signed.partition(":")
        name, secret = next(
            ((name, secret) for name, secret in self._secrets.items() if name.endswith(f":{webhook_id}")),
            ("", ""),
        )
        wanted = hmac.new(secret.encode(), received.body, hashlib.sha256).hexdigest()
        if not name or not hmac.compare_digest(wanted.encode(), given.encode()):
            raise Forged("wrong signature")
        entity = name.partition(".")[0]
        kind = next((kind for kind, known in _ENTITIES.items() if known == entity), None)
        if kind is None or not isinstance(records, list):
            return ()
        ids = (reading.text(each.get("id")) for each in records if isinstance(each, dict))
        return tuple(WebhookHint(kind, remote_id) for remote_id in ids if remote_id)


def _safe(remote_id: str) -> str:
    """An id as a part of an address: EspoCRM's are letters and digits."""
    return "".join(letter for letter in remote_id if letter.isalnum()) or "-"


def _contact(record: Json) -> Contact:
    values = {field: reading.normal(field, record.get(name)) for field, name in _NAMES.items()}
    return Contact(reading.identifier(record), values, reading.moment(record.get("modifiedAt")))


def _read(kind: Kind, record: Json) -> Contact | Deal | Case:
    if kind is Kind.CONTACT:
        return _contact(record)
    return _deal(record) if kind is Kind.DEAL else _case(record)


def _case(record: Json) -> Case:
    said = reading.text(record.get("description"))
    values = {
        Field.TICKET_STATE: CLOSED if reading.text(record.get("status")) in DONE else OPEN,
        Field.TICKET_PRIORITY: _KNOWN.get(reading.text(record.get("priority")), "high"),
        Field.TICKET_SUBJECT: reading.text(record.get("name")),
    }
    contact_id = reading.text(record.get("contactId")) or None
    changed = reading.moment(record.get("modifiedAt"))
    return Case(reading.identifier(record), reading.key_in(said), contact_id, values, said, changed)


def _note(record: Json) -> Comment:
    said = reading.text(record.get("post"))
    return Comment(
        reading.identifier(record),
        reading.key_in(said),
        said,
        reading.text(record.get("createdByName")),
        reading.moment(record.get("createdAt")),
    )


def _deal(record: Json) -> Deal:
    return Deal(
        reading.identifier(record),
        reading.text(record.get("name")),
        reading.text(record.get("stage")),
        reading.money(record.get("amount"), record.get("amountCurrency")),
        reading.text(record.get("contactId")) or None,
        reading.moment(record.get("modifiedAt")),
    )
