"""BottleCRM (`django-crm` 1.35). Source: answers of a running one; github.com/MicroPyramid/Django-CRM.

It cannot list what changed since a time, so every pull reads everything and compares; offsets shift while one
reads, and the nightly sweep catches what slipped through. It knows no roubles: amounts without a currency it
accepts have none here. Webhook destinations on private addresses are refused by it.
"""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from crm_bridge.adapters import reading
from crm_bridge.adapters.auth import Request
from crm_bridge.adapters.errors import Conflict, CrmError, Forged, NotFound, Refused
from crm_bridge.adapters.http import Answer, CrmHttp, classify
from crm_bridge.adapters.reading import Json
from crm_bridge.adapters.values import (
    Capabilities,
    Change,
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

PAGE = 100  # asked for; fewer may come, and the answer's `count` says when it is over
CASE_NAME = 64  # characters of a case's name, the sign included
_PATHS = {Kind.CONTACT: "api/contacts/", Kind.DEAL: "api/opportunities/"}
_INSIDE = {Kind.CONTACT: "contact_obj", Kind.DEAL: "opportunity_obj"}
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

    capabilities = Capabilities(frozenset(_NAMES), modified_since=False)

    def __init__(self, http: CrmHttp, webhook_secret: str) -> None:
        self._http = http
        self._secret = webhook_secret

    def project(self, values: Values) -> Values:
        return {field: reading.normal(field, value) for field, value in values.items() if field in _NAMES}

    async def _get(self, path: str, params: dict[str, str] | None = None) -> tuple[Json, datetime]:
        answer = await self._http.call(Request("GET", path, params or {}))
        return reading.as_record(answer.data), answer.at

    async def _detail(self, kind: Kind, remote_id: str) -> Json:
        record, _ = await self._get(f"{_PATHS[kind]}{_safe(remote_id)}/")
        return record

    async def get_contact(self, remote_id: str) -> Contact:
        detail = await self._detail(Kind.CONTACT, remote_id)
        return _contact(reading.as_record(detail.get(_INSIDE[Kind.CONTACT])))

    async def find_contact(self, *, phone: str = "", email: str = "") -> tuple[Contact, ...]:
        """The filters find parts of a value, so what they find is compared."""
        found: dict[str, Contact] = {}
        searches = ((Field.PHONE, phone, phone[-10:]), (Field.EMAIL, email, email))
        for field, value, part in searches:
            if value:
                listed, _ = await self._get(_PATHS[Kind.CONTACT], {field.value: part, "limit": str(PAGE)})
                people = (_contact(record) for record in reading.as_records(listed.get("results")))
                found |= {who.remote_id: who for who in people if who.values[field] == value}
        return tuple(found.values())

    async def upsert_contact(self, values: Values, remote_id: str | None = None) -> Contact:
        body: Json = {name: values[field] for field, name in _NAMES.items() if field in values}
        if body.get("email") == "":
            body["email"] = None
        if remote_id is None:
            answer = await self._http.call(Request("POST", _PATHS[Kind.CONTACT], body=body))
            remote_id = reading.identifier(reading.as_record(answer.data))
        else:
            request = Request("PATCH", f"{_PATHS[Kind.CONTACT]}{_safe(remote_id)}/", body=body)
            await self._http.call(request, repeatable=True)
        return await self.get_contact(remote_id)

    async def list_changed(self, kind: Kind, since: datetime | None, cursor: str | None) -> Page:
        offset = int(cursor or 0)
        listed, at = await self._get(_PATHS[kind], {"limit": str(PAGE), "offset": str(offset)})
        records = reading.as_records(listed.get("results"))
        read = _contact if kind is Kind.CONTACT else _deal
        changes = (Change(kind, read(record)) for record in records)
        fresh = tuple(
            each for each in changes if since is None or each.updated_at is None or each.updated_at >= since
        )
        seen = offset + len(records)
        more = bool(records) and seen < int(listed.get("count") or 0)
        return Page(fresh, str(seen) if more else None, at)

    async def get_order(self, remote_id: str) -> Deal:
        detail = await self._detail(Kind.DEAL, remote_id)
        return _deal(reading.as_record(detail.get(_INSIDE[Kind.DEAL])))

    async def create_ticket(self, ticket: Ticket) -> str:
        sign = reading.mark(ticket.key)
        listed, _ = await self._get("api/cases/", {"name": sign, "limit": str(PAGE)})
        found = listed.get("results") or listed.get("cases") or []
        made = reading.find_marked(reading.as_records(found), ticket.key, "name")
        if made is not None:
            return made
        body = {
            "name": f"{ticket.subject[: CASE_NAME - len(sign) - 1]} {sign}",
            "status": "New",
            "priority": "Normal",
            "description": ticket.text,
            "contacts": [ticket.contact_id],
        }
        answer = await self._http.call(Request("POST", "api/cases/", body=body))
        return reading.identifier(reading.as_record(answer.data))

    async def append_note(self, note: Note) -> str:
        detail = await self._detail(note.kind, note.remote_id)
        written = _comment(detail, note.key)
        if written is not None:
            return written
        body = {"comment": reading.marked(note.text, note.key)}
        path = f"{_PATHS[note.kind]}{_safe(note.remote_id)}/"
        answer = await self._http.call(Request("POST", path, body=body))
        return _comment(reading.as_record(answer.data), note.key) or ""

    def verify_webhook(self, received: Received) -> tuple[WebhookHint, ...]:
        """`X-BottleCRM-Signature`: hex HMAC-SHA256 of the body, with or without `sha256=` before it."""
        given = received.headers.get("x-bottlecrm-signature", "").removeprefix("sha256=")
        wanted = hmac.new(self._secret.encode(), received.body, hashlib.sha256).hexdigest()
        if not self._secret or not hmac.compare_digest(wanted.encode(), given.encode()):
            raise Forged("wrong signature")
        try:
            said = json.loads(received.body)
        except (ValueError, RecursionError):
            raise Forged("the body is not JSON") from None
        return _hints(said)


def _hints(said: Any) -> tuple[WebhookHint, ...]:
    """`{"event": "contact.updated", "data": {"id": …}}`."""
    if not isinstance(said, dict) or not isinstance(said.get("data"), dict):
        return ()
    kinds = {"contact": Kind.CONTACT, "deal": Kind.DEAL, "opportunity": Kind.DEAL}
    kind = kinds.get(reading.text(said.get("event")).partition(".")[0])
    remote_id = reading.text(said["data"].get("id"))
    return (WebhookHint(kind, remote_id),) if kind and remote_id else ()


def _safe(remote_id: str) -> str:
    """An id as a part of an address: a UUID."""
    if not remote_id or not all(letter.isalnum() or letter == "-" for letter in remote_id):
        raise NotFound("ids of BottleCRM are UUIDs")
    return remote_id


def _comment(detail: Json, key: str) -> str | None:
    return reading.find_marked(reading.as_records(detail.get("comments") or []), key, "comment")


def _contact(record: Json) -> Contact:
    values = {field: reading.normal(field, record.get(name)) for field, name in _NAMES.items()}
    if normalised := reading.text(record.get("phone_e164")):
        values[Field.PHONE] = normalised
    return Contact(reading.identifier(record), values, reading.moment(record.get("updated_at")))


def _deal(record: Json) -> Deal:
    contacts = record.get("contacts")
    first = contacts[0] if isinstance(contacts, list) and contacts else None
    contact_id = reading.text(first.get("id") if isinstance(first, dict) else first)
    return Deal(
        reading.identifier(record),
        reading.text(record.get("name")),
        reading.text(record.get("stage")),
        reading.money(record.get("amount"), record.get("currency")),
        contact_id or None,
        reading.moment(record.get("updated_at")),
    )
