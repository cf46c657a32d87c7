"""amoCRM and Kommo, API v4. Source: amocrm.ru/developers/content/crm_platform; amocrm-api-php at 1354d8a.

An empty list is status 204. There are no patronymics. A ticket is a task beside the contact. Webhooks are not
signed: a secret part of our address proves them, and whatever they say is read again.
"""

import hmac
import re
from datetime import datetime, timedelta
from typing import Any

from core.clock import Clock
from crm_bridge.adapters import reading
from crm_bridge.adapters.auth import Request
from crm_bridge.adapters.errors import Forged, NotFound
from crm_bridge.adapters.http import CrmHttp
from crm_bridge.adapters.reading import Json
from crm_bridge.adapters.values import (
    CLOSED,
    OPEN,
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

PAGE = 250  # the largest
TASK_TIME = timedelta(days=1)  # a task must say until when
DONE = "✓"  # the result of a task that was done here
_PATHS = {Kind.CONTACT: "contacts", Kind.DEAL: "leads", Kind.TICKET: "tasks"}
_NAMES = {Field.GIVEN_NAME: "first_name", Field.FAMILY_NAME: "last_name"}
_MULTI = {Field.PHONE: "PHONE", Field.EMAIL: "EMAIL"}
_EVENT = re.compile(r"(contacts|leads)\[(?:add|update|delete|restore|status)\]\[\d+\]\[id\]")


class AmoCrm:
    """One account. Deals carry no currency: it is the account's, so it is configured."""

    capabilities = Capabilities(
        frozenset({*_NAMES, *_MULTI}), frozenset({Field.TICKET_STATE}), frozenset(Kind)
    )

    def __init__(self, http: CrmHttp, clock: Clock, webhook_secret: str, currency: str = "RUB") -> None:
        self._http = http
        self._clock = clock
        self._secret = webhook_secret
        self._currency = currency

    def project(self, values: Values) -> Values:
        held = self.capabilities.fields
        return {field: reading.normal(field, value) for field, value in values.items() if field in held}

    async def _get(self, path: str, params: dict[str, str] | None = None) -> tuple[Json, datetime]:
        answer = await self._http.call(Request("GET", f"api/v4/{path}", params or {}))
        return ({} if answer.data is None else reading.as_record(answer.data)), answer.at

    async def _one(self, path: str, remote_id: str) -> Json:
        if not remote_id.isascii() or not remote_id.isdigit():
            raise NotFound("ids of amoCRM are numbers")
        record, _ = await self._get(f"{path}/{remote_id}")
        if not record:  # 204
            raise NotFound("no such record")
        return record

    async def _many(self, path: str, params: dict[str, str]) -> tuple[list[Json], datetime]:
        found, at = await self._get(path, params)
        return _embedded(found, path.rsplit("/", 1)[-1]), at

    async def get_contact(self, remote_id: str) -> Contact:
        return _contact(await self._one("contacts", remote_id))

    async def find_contact(self, *, phone: str = "", email: str = "") -> tuple[Contact, ...]:
        """`query` searches in all fields, so what it finds is compared."""
        found: dict[str, Contact] = {}
        for field, value in ((Field.PHONE, phone), (Field.EMAIL, email)):
            if value:
                records, _ = await self._many("contacts", {"query": value.lstrip("+"), "limit": str(PAGE)})
                for record in records:
                    if value in [reading.normal(field, each.get("value")) for each in _held(record, field)]:
                        found[reading.identifier(record)] = _contact(record)
        return tuple(found.values())

    async def upsert_contact(self, values: Values, remote_id: str | None = None) -> Contact:
        held = await self._one("contacts", remote_id) if remote_id else {}
        change = _change(values, held)
        if remote_id is None:
            request = Request("POST", "api/v4/contacts", body=[change])
            answer = await self._http.call(request)
            remote_id = reading.identifier(_first(answer.data, "contacts"))
        else:
            request = Request("PATCH", "api/v4/contacts", body=[{"id": int(remote_id), **change}])
            await self._http.call(request, repeatable=True)
        return await self.get_contact(remote_id)

    async def list_changed(self, kind: Kind, since: datetime | None, cursor: str | None) -> Page:
        window = Window.read(cursor, since)
        params = {
            "page": str(window.number + 1),
            "limit": str(PAGE),
            "filter[updated_at][from]": str(int(window.start.timestamp())),
            "order[updated_at]": "asc",
        }
        if kind is Kind.TICKET:
            params["filter[entity_type]"] = "contacts"
        records, at = await self._many(_PATHS[kind], params)
        changes = tuple(Change(kind, self._read(kind, record)) for record in records)
        return Page(changes, window.after(changes, PAGE), at)

    async def get_order(self, remote_id: str) -> Deal:
        record, _ = await self._get(f"leads/{remote_id}", {"with": "contacts"})
        if not record:
            raise NotFound("no such record")
        return self._deal(record)

    async def create_ticket(self, ticket: Ticket) -> str:
        about = {"filter[entity_type]": "contacts", "filter[entity_id]": ticket.contact_id}
        tasks, _ = await self._many("tasks", {**about, "order[id]": "desc", "limit": str(PAGE)})
        made = reading.find_marked(tasks, ticket.key, "text")
        if made is not None:
            return made
        until = self._clock.now() + TASK_TIME
        task = {
            "text": reading.marked(f"{ticket.subject}\n{ticket.text}", ticket.key),
            "complete_till": int(until.timestamp()),
            "entity_id": int(ticket.contact_id),
            "entity_type": "contacts",
        }
        answer = await self._http.call(Request("POST", "api/v4/tasks", body=[task]))
        return reading.identifier(_first(answer.data, "tasks"))

    def project_ticket(self, values: Values, key: str) -> Values:
        return {field: value for field, value in values.items() if field in self.capabilities.ticket_fields}

    async def get_ticket(self, remote_id: str) -> Case:
        return _case(await self._one("tasks", remote_id))

    async def update_ticket(self, case: Case, values: Values) -> Case:
        """A task is done with a result: without one, an account may refuse to complete it."""
        done = values[Field.TICKET_STATE] == CLOSED
        change: Json = {"id": int(case.remote_id), "is_completed": done}
        if done:
            change["result"] = {"text": DONE}
        await self._http.call(Request("PATCH", "api/v4/tasks", body=[change]), repeatable=True)
        return await self.get_ticket(case.remote_id)

    async def append_note(self, note: Note) -> str:
        path = f"{_PATHS[note.kind]}/{int(note.remote_id)}/notes"
        notes, _ = await self._many(path, {"order[id]": "desc", "limit": str(PAGE)})
        for each in notes:
            params = each.get("params")
            if isinstance(params, dict) and reading.mark(note.key) in reading.text(params.get("text")):
                return reading.identifier(each)
        body = {
            "entity_id": int(note.remote_id),
            "note_type": "common",
            "params": {"text": reading.marked(note.text, note.key)},
        }
        answer = await self._http.call(Request("POST", f"api/v4/{_PATHS[note.kind]}/notes", body=[body]))
        return reading.identifier(_first(answer.data, "notes"))

    async def list_notes(self, kind: Kind, remote_id: str) -> tuple[Comment, ...]:
        """The newest page of what people wrote beside a contact. A task has no notes of its own."""
        if kind is Kind.TICKET or not remote_id.isascii() or not remote_id.isdigit():
            return ()
        asked = {"filter[note_type]": "common", "order[id]": "desc", "limit": str(PAGE)}
        notes, _ = await self._many(f"{_PATHS[kind]}/{remote_id}/notes", asked)
        return tuple(_note(note) for note in notes)

    def verify_webhook(self, received: Received) -> tuple[WebhookHint, ...]:
        if not self._secret or not hmac.compare_digest(received.secret.encode(), self._secret.encode()):
            raise Forged("wrong address")
        hints = []
        for key, value in reading.form(received.body).items():
            found = _EVENT.fullmatch(key)
            if found and value.isdigit():
                kind = Kind.CONTACT if found[1] == "contacts" else Kind.DEAL
                hints.append(WebhookHint(kind, value))
        return tuple(hints)

    def _read(self, kind: Kind, record: Json) -> Contact | Deal | Case:
        if kind is Kind.CONTACT:
            return _contact(record)
        return self._deal(record) if kind is Kind.DEAL else _case(record)

    def _deal(self, record: Json) -> Deal:
        contacts = _embedded(record, "contacts")
        main = next((each for each in contacts if each.get("is_main")), contacts[0] if contacts else None)
        return Deal(
            reading.identifier(record),
            reading.text(record.get("name")),
            reading.text(record.get("status_id")),
            reading.money(record.get("price"), self._currency),
            reading.identifier(main) if main else None,
            reading.moment(record.get("updated_at")),
        )


def _case(record: Json) -> Case:
    said = reading.text(record.get("text"))
    return Case(
        reading.identifier(record),
        reading.key_in(said),
        reading.text(record.get("entity_id")) or None,
        {Field.TICKET_STATE: CLOSED if record.get("is_completed") is True else OPEN},
        said,
        reading.moment(record.get("updated_at")),
    )


def _note(record: Json) -> Comment:
    params = record.get("params")
    said = reading.text(params.get("text")) if isinstance(params, dict) else ""
    made = reading.moment(record.get("created_at"))
    return Comment(reading.identifier(record), reading.key_in(said), said, "", made)


def _embedded(record: Json, name: str) -> list[Json]:
    inside = record.get("_embedded")
    return reading.as_records(inside.get(name) or []) if isinstance(inside, dict) else []


def _first(data: Any, name: str) -> Json:
    made = _embedded(reading.as_record(data), name)
    return made[0] if made else {}


def _held(record: Json, field: Field) -> list[Json]:
    """All values of a phone or e-mail field."""
    for custom in record.get("custom_fields_values") or []:
        if isinstance(custom, dict) and custom.get("field_code") == _MULTI[field]:
            return reading.as_records(custom.get("values") or [])
    return []


def _contact(record: Json) -> Contact:
    values = {field: reading.normal(field, record.get(name)) for field, name in _NAMES.items()}
    for field in _MULTI:
        first = next(iter(_held(record, field)), {})
        values[field] = reading.normal(field, first.get("value"))
    return Contact(reading.identifier(record), values, reading.moment(record.get("updated_at")))


def _change(values: Values, held: Json) -> Json:
    """A field is written whole, so the further phones and addresses are sent along."""
    change: Json = {name: values[field] for field, name in _NAMES.items() if field in values}
    custom = []
    for field, code in _MULTI.items():
        if field in values:
            first = [{"value": values[field], "enum_code": "WORK"}] if values[field] else []
            others = [
                {"value": each.get("value"), "enum_code": each.get("enum_code") or "WORK"}
                for each in _held(held, field)[1:]
            ]
            custom.append({"field_code": code, "values": [*first, *others] or None})
    return {**change, "custom_fields_values": custom} if custom else change
