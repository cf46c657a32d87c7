"""A plain REST API that is described in YAML: see `rest_shape`."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from crm_bridge.adapters import reading
from crm_bridge.adapters.auth import Request
from crm_bridge.adapters.errors import Forged, Refused, Unavailable
from crm_bridge.adapters.http import CrmHttp
from crm_bridge.adapters.reading import Json
from crm_bridge.adapters.rest_shape import Deals, Records, RestShape, Since, Tickets, Writing
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


class Rest:
    """One account of a described API."""

    def __init__(self, http: CrmHttp, shape: RestShape, webhook_secret: str) -> None:
        self._http = http
        self._shape = shape
        self._secret = webhook_secret
        held = _ticket_places(shape.tickets) if shape.tickets and shape.tickets.two_way else {}
        kinds = {Kind.CONTACT}
        kinds |= {Kind.DEAL} if shape.deals else set()
        kinds |= {Kind.TICKET} if held else set()
        self.capabilities = Capabilities(
            frozenset(shape.contacts.fields),
            frozenset(held),
            frozenset(kinds),
            modified_since=shape.contacts.since_parameter is not None,
        )

    def project(self, values: Values) -> Values:
        held = self._shape.contacts.fields
        return {field: reading.normal(field, value) for field, value in values.items() if field in held}

    async def _get(self, path: str, params: dict[str, str] | None = None) -> tuple[Any, datetime]:
        answer = await self._http.call(Request("GET", path, params or {}))
        return answer.data, answer.at

    async def get_contact(self, remote_id: str) -> Contact:
        shape = self._shape.contacts
        data, _ = await self._get(_fill(shape.get, remote_id))
        return self._contact(reading.as_record(_at(data, shape.item)))

    async def find_contact(self, *, phone: str = "", email: str = "") -> tuple[Contact, ...]:
        shape = self._shape.contacts
        searches = ((Field.PHONE, shape.find_phone, phone), (Field.EMAIL, shape.find_email, email))
        found: dict[str, Contact] = {}
        for field, parameter, value in searches:
            if value and parameter:
                data, _ = await self._get(shape.list, {parameter: value})
                people = (self._contact(record) for record in reading.as_records(_at(data, shape.items)))
                found |= {who.remote_id: who for who in people if who.values.get(field) == value}
        return tuple(found.values())

    async def upsert_contact(self, values: Values, remote_id: str | None = None) -> Contact:
        shape = self._shape.contacts
        body: Json = {}
        for field, place in shape.fields.items():
            if field in values:
                _put(body, place, values[field])
        if remote_id is None:
            answer = await self._http.call(Request("POST", shape.create, body=body))
            made = _at(reading.as_record(answer.data), shape.item)
            remote_id = reading.text(_at(made, shape.id))
        else:
            request = Request(shape.update_method, _fill(shape.update, remote_id), body=body)
            await self._http.call(request, repeatable=True)
        return await self.get_contact(remote_id)

    async def list_changed(self, kind: Kind, since: datetime | None, cursor: str | None) -> Page:
        shape = self._tickets() if kind is Kind.TICKET else self._records(kind)
        path = shape.changed or "" if isinstance(shape, Tickets) else shape.list
        params = dict(shape.order) | _page(shape, cursor)
        if since is not None and shape.since_parameter:
            params[shape.since_parameter] = _time(since, shape.since)
        data, at = await self._get(path, params)
        records = reading.as_records(_at(data, shape.items))
        changes = tuple(Change(kind, self._read(kind, record)) for record in records)
        return Page(changes, _next(shape, cursor, records, data), at)

    async def get_order(self, remote_id: str) -> Deal:
        shape = self._records(Kind.DEAL)
        data, _ = await self._get(_fill(shape.get, remote_id))
        return self._deal(reading.as_record(_at(data, shape.item)))

    async def create_ticket(self, ticket: Ticket) -> str:
        shape = _described(self._shape.tickets, "tickets")
        about = {"contact": ticket.contact_id, "subject": ticket.subject, "text": ticket.text}
        return await self._write(shape, ticket.key, ticket.contact_id, about)

    def project_ticket(self, values: Values, key: str) -> Values:
        held = self.capabilities.ticket_fields
        return {field: reading.text(value) for field, value in values.items() if field in held}

    async def get_ticket(self, remote_id: str) -> Case:
        shape = self._tickets()
        data, _ = await self._get(_fill(shape.get or "", remote_id))
        return self._case(reading.as_record(_at(data, shape.item)))

    async def update_ticket(self, case: Case, values: Values) -> Case:
        shape, body = self._tickets(), dict[str, Any]()
        for field, place in _ticket_places(shape).items():
            if field in values:
                _put(body, place, values[field])
        if Field.TICKET_STATE in values and shape.state:
            is_open = values[Field.TICKET_STATE] == OPEN
            _put(body, shape.state, shape.open_as if is_open else shape.closed_as[0])
        request = Request(shape.update_method, _fill(shape.update or "", case.remote_id), body=body)
        await self._http.call(request, repeatable=True)
        return await self.get_ticket(case.remote_id)

    async def append_note(self, note: Note) -> str:
        shapes = {Kind.CONTACT: self._shape.contact_notes, Kind.DEAL: self._shape.deal_notes}
        shape = _described(shapes[note.kind], f"{note.kind}_notes")
        return await self._write(shape, note.key, note.remote_id, {"text": note.text})

    async def list_notes(self, kind: Kind, remote_id: str) -> tuple[Comment, ...]:
        shape = self._shape.contact_notes
        if kind is not Kind.CONTACT or shape is None or shape.list is None:
            return ()
        data, _ = await self._get(_fill(shape.list, remote_id))
        return tuple(_note(record, shape) for record in reading.as_records(_at(data, shape.items)))

    async def _write(self, shape: Writing, key: str, owner_id: str, about: dict[str, str]) -> str:
        if shape.list:
            params = {shape.find: reading.mark(key)} if shape.find else {}
            data, _ = await self._get(_fill(shape.list, owner_id), params)
            for record in reading.as_records(_at(data, shape.items)):
                if reading.mark(key) in reading.text(_at(record, shape.text)):
                    return reading.text(_at(record, shape.id))
        body: Json = {}
        _put(body, shape.text, reading.marked(about["text"], key))
        for place, name in ((shape.subject, "subject"), (shape.contact, "contact")):
            if place and name in about:
                _put(body, place, about[name])
        answer = await self._http.call(Request("POST", _fill(shape.create, owner_id), body=body))
        return reading.text(_at(reading.as_record(answer.data), shape.id))

    def verify_webhook(self, received: Received) -> tuple[WebhookHint, ...]:
        shape = self._shape.webhook
        if shape is None or not self._secret:
            raise Forged("no webhook is described")
        mac = hmac.new(self._secret.encode(), received.body, hashlib.sha256)
        wanted = mac.hexdigest() if shape.encoding == "hex" else base64.b64encode(mac.digest()).decode()
        given = received.headers.get(shape.header.lower(), "")
        if not hmac.compare_digest((shape.prefix + wanted).encode(), given.encode()):
            raise Forged("wrong signature")
        try:
            said = json.loads(received.body)
        except (ValueError, RecursionError):
            raise Forged("the body is not JSON") from None
        event, remote_id = reading.text(_at(said, shape.event)), reading.text(_at(said, shape.id))
        kinds = (
            (Kind.CONTACT, shape.contact_events),
            (Kind.DEAL, shape.deal_events),
            (Kind.TICKET, shape.ticket_events),
        )
        kind = next((kind for kind, starts in kinds if event.startswith(starts)), None)
        return (WebhookHint(kind, remote_id),) if kind and remote_id else ()

    def _records(self, kind: Kind) -> Records:
        return self._shape.contacts if kind is Kind.CONTACT else _described_deals(self._shape)

    def _tickets(self) -> Tickets:
        if self._shape.tickets is None or not self._shape.tickets.two_way:
            raise Refused("how tickets are followed is not described for this account")
        return self._shape.tickets

    def _read(self, kind: Kind, record: Json) -> Contact | Deal | Case:
        if kind is Kind.TICKET:
            return self._case(record)
        return self._contact(record) if kind is Kind.CONTACT else self._deal(record)

    def _contact(self, record: Json) -> Contact:
        shape = self._shape.contacts
        values = {field: reading.normal(field, _at(record, place)) for field, place in shape.fields.items()}
        return Contact(_id(record, shape), values, _updated(record, shape))

    def _case(self, record: Json) -> Case:
        shape = self._tickets()
        values = {field: reading.text(_at(record, place)) for field, place in _ticket_places(shape).items()}
        closed = values[Field.TICKET_STATE] in shape.closed_as
        values[Field.TICKET_STATE] = CLOSED if closed else OPEN
        if Field.TICKET_PRIORITY in values:
            known = {"low": "low", "normal": "normal", "": "normal"}
            values[Field.TICKET_PRIORITY] = known.get(values[Field.TICKET_PRIORITY], "high")
        said = reading.text(_at(record, shape.text))
        contact_id = _optional(record, shape.contact) or None
        return Case(
            _id(record, shape), reading.key_in(said), contact_id, values, said, _updated(record, shape)
        )

    def _deal(self, record: Json) -> Deal:
        shape = _described_deals(self._shape)
        currency = _optional(record, shape.currency) or shape.default_currency
        amount = _at(record, shape.amount) if shape.amount else None
        return Deal(
            _id(record, shape),
            reading.text(_at(record, shape.title)),
            _optional(record, shape.stage),
            reading.money(amount, currency),
            _optional(record, shape.contact) or None,
            _updated(record, shape),
        )


def _ticket_places(shape: Tickets) -> dict[Field, str]:
    """Where a ticket's values stand."""
    places = {
        Field.TICKET_STATE: shape.state,
        Field.TICKET_PRIORITY: shape.priority,
        Field.TICKET_SUBJECT: shape.subject,
    }
    return {field: place for field, place in places.items() if place}


def _note(record: Json, shape: Writing) -> Comment:
    said = reading.text(_at(record, shape.text))
    made = reading.moment(_at(record, shape.at)) if shape.at else None
    author = _optional(record, shape.author)
    return Comment(reading.text(_at(record, shape.id)), reading.key_in(said), said, author, made)


def _described(shape: Writing | None, name: str) -> Writing:
    if shape is None:
        raise Refused(f"{name} are not described for this account")
    return shape


def _described_deals(shape: RestShape) -> Deals:
    if shape.deals is None:
        raise Refused("deals are not described for this account")
    return shape.deals


def _fill(path: str, remote_id: str) -> str:
    return path.replace("{id}", quote(remote_id, safe=""))


def _at(data: Any, place: str | None) -> Any:
    """What stands at a dotted place; None when nothing does."""
    for step in place.split(".") if place else ():
        if isinstance(data, list) and step.isdigit() and int(step) < len(data):
            data = data[int(step)]
        elif isinstance(data, dict):
            data = data.get(step)
        else:
            return None
    return data


def _put(body: Json, place: str, value: str) -> None:
    *outer, last = place.split(".")
    for step in outer:
        body = body.setdefault(step, {})
    body[last] = value


def _optional(record: Json, place: str | None) -> str:
    return reading.text(_at(record, place)) if place else ""


def _id(record: Json, shape: Records | Tickets) -> str:
    found = reading.text(_at(record, shape.id))
    if not found:
        raise Unavailable("a record without an id came")
    return found


def _updated(record: Json, shape: Records | Tickets) -> datetime | None:
    return reading.moment(_at(record, shape.updated_at)) if shape.updated_at else None


def _time(when: datetime, how: Since) -> str:
    whole = when.astimezone(UTC).replace(microsecond=0)
    return whole.isoformat() if how is Since.ISO else str(int(whole.timestamp()))


def _page(shape: Records | Tickets, cursor: str | None) -> dict[str, str]:
    """The query of one page."""
    paging = shape.paging
    if paging.style == "none":
        return {}
    beginnings = {"page": str(paging.first), "offset": "0", "keyset": "", "cursor": ""}
    place = cursor if cursor is not None else beginnings[paging.style]
    asked = {paging.parameter: place} if place else {}
    return {paging.size_parameter: str(paging.size), **asked}


def _next(shape: Records | Tickets, cursor: str | None, records: list[Json], data: Any) -> str | None:
    """The cursor after a page."""
    paging = shape.paging
    if paging.style == "cursor":
        return _optional(data, paging.next) or None
    if paging.style == "none" or len(records) < paging.size:
        return None
    if paging.style == "keyset":
        return _id(records[-1], shape)
    step = 1 if paging.style == "page" else paging.size
    first = paging.first if paging.style == "page" else 0
    return str(int(cursor if cursor is not None else first) + step)
