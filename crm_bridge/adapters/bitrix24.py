"""Bitrix24 REST. Source: github.com/bitrix24/b24restdocs at 5988ed1 (2026-08-21).

Only `crm.item.*` for records: `crm.contact.*`, `crm.deal.*` and `crm.activity.add` are deprecated. A ticket
is a to-do (`crm.activity.todo.add`) beside the contact, a note a comment in the time line. An incoming
webhook has its secret in the address; an application sends its token in the body. Every method is a POST,
reading ones too. No method that is still developed completes a to-do, so tickets only go there.
"""

import hmac
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from core.clock import Clock
from crm_bridge.adapters import reading
from crm_bridge.adapters.auth import Request
from crm_bridge.adapters.errors import (
    AuthFailed,
    CrmError,
    Forged,
    NotFound,
    RateLimited,
    Refused,
)
from crm_bridge.adapters.http import DEFAULT_WAIT, Answer, CrmHttp, classify
from crm_bridge.adapters.one_way import OneWayTickets
from crm_bridge.adapters.reading import Json
from crm_bridge.adapters.values import (
    PERSON_FIELDS,
    Capabilities,
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

PAGE = 50  # fixed by Bitrix24
BATCH = 50  # commands in one `batch`
DEAL, CONTACT = 2, 3  # entityTypeId
TODO_TIME = timedelta(days=1)  # a to-do needs a deadline
_TYPE = {Kind.CONTACT: CONTACT, Kind.DEAL: DEAL}
_NAMES = {Field.GIVEN_NAME: "name", Field.PATRONYMIC: "secondName", Field.FAMILY_NAME: "lastName"}
_MULTI = {Field.PHONE: "PHONE", Field.EMAIL: "EMAIL"}
_EVENTS = {"ONCRMCONTACT": Kind.CONTACT, "ONCRMDEAL": Kind.DEAL}


def classify_bitrix(answer: Answer) -> CrmError | None:
    """Bitrix24 says what happened in `error`; the status alone is not enough."""
    if answer.status < 400 or not isinstance(answer.data, dict):
        return classify(answer)
    code = reading.text(answer.data.get("error")).upper()
    if code == "QUERY_LIMIT_EXCEEDED":
        return RateLimited(code, answer.retry_after or DEFAULT_WAIT)
    if code == "OPERATION_TIME_LIMIT":
        return RateLimited(code, _until_reset(answer))
    if code in ("EXPIRED_TOKEN", "INVALID_TOKEN"):
        return AuthFailed(code, expired=True)
    if code == "NOT_FOUND":
        return NotFound(code)
    return Refused(code) if answer.status == 400 else classify(answer)


def _until_reset(answer: Answer) -> timedelta:
    timing = answer.data.get("time")
    reset = reading.moment(timing.get("operating_reset_at")) if isinstance(timing, dict) else None
    return max(reset - answer.at, DEFAULT_WAIT) if reset else timedelta(minutes=1)


class Bitrix24(OneWayTickets):
    """One portal."""

    capabilities = Capabilities(PERSON_FIELDS)

    def __init__(self, http: CrmHttp, clock: Clock, application_token: str, responsible_id: int) -> None:
        """`responsible_id` is the employee who gets the to-dos."""
        self._http = http
        self._clock = clock
        self._token = application_token
        self._responsible = responsible_id

    def project(self, values: Values) -> Values:
        return {field: reading.normal(field, value) for field, value in values.items()}

    async def _call(self, method: str, body: Json, *, reads: bool = True) -> tuple[Any, datetime]:
        answer = await self._http.call(Request("POST", method, body=body), repeatable=reads)
        return reading.as_record(answer.data).get("result"), answer.at

    async def _item(self, type_id: int, remote_id: str) -> Json:
        result, _ = await self._call("crm.item.get", {"entityTypeId": type_id, "id": _number(remote_id)})
        return reading.as_record(reading.as_record(result).get("item"))

    async def get_contact(self, remote_id: str) -> Contact:
        return _contact(await self._item(CONTACT, remote_id))

    async def find_contact(self, *, phone: str = "", email: str = "") -> tuple[Contact, ...]:
        found: set[str] = set()
        for kind, value in (("PHONE", phone), ("EMAIL", email)):
            if value:
                found |= await self._with(kind, value)
        return await self._many(sorted(found, key=int)[:BATCH]) if found else ()

    async def _with(self, kind: str, value: str) -> set[str]:
        body = {"type": kind, "values": [value], "entity_type": "CONTACT"}
        result, _ = await self._call("crm.duplicate.findbycomm", body)
        ids = result.get("CONTACT", []) if isinstance(result, dict) else []  # nobody: an empty list
        return {str(each) for each in ids}

    async def _many(self, ids: list[str]) -> tuple[Contact, ...]:
        query = {f"c{each}": urlencode({"entityTypeId": CONTACT, "id": each}) for each in ids}
        commands = {name: f"crm.item.get?{what}" for name, what in query.items()}
        result, _ = await self._call("batch", {"halt": 0, "cmd": commands})
        answers = reading.as_record(result).get("result")
        if not isinstance(answers, dict):  # an empty PHP array: all of them are gone
            return ()
        items = (reading.as_record(each).get("item") for each in answers.values())
        return tuple(_contact(reading.as_record(item)) for item in items)

    async def upsert_contact(self, values: Values, remote_id: str | None = None) -> Contact:
        if remote_id is None:
            body = {"entityTypeId": CONTACT, "fields": _fields(values, {})}
            result, _ = await self._call("crm.item.add", body, reads=False)
            remote_id = reading.identifier(reading.as_record(reading.as_record(result).get("item")))
        else:
            held = await self._item(CONTACT, remote_id)
            change = {
                "entityTypeId": CONTACT,
                "id": _number(remote_id),
                "fields": _fields(values, held),
            }
            await self._call("crm.item.update", change)
        return await self.get_contact(remote_id)

    async def list_changed(self, kind: Kind, since: datetime | None, cursor: str | None) -> Page:
        """Keyset by id: `start=-1` switches off counting, which costs minutes on a large portal."""
        where: Json = {">id": _number(cursor or "0")}
        if since is not None:
            where[">=updatedTime"] = since.isoformat(timespec="seconds")
        body = {
            "entityTypeId": _TYPE[kind],
            "select": ["*"],
            "filter": where,
            "order": {"id": "ASC"},
            "start": -1,
        }
        result, at = await self._call("crm.item.list", body)
        items = reading.as_records(reading.as_record(result).get("items"))
        last = max((int(reading.identifier(item)) for item in items), default=0)
        read = _contact if kind is Kind.CONTACT else _deal
        changes = tuple(Change(kind, read(item)) for item in items)
        return Page(changes, str(last) if len(items) >= PAGE else None, at)

    async def get_order(self, remote_id: str) -> Deal:
        return _deal(await self._item(DEAL, remote_id))

    async def create_ticket(self, ticket: Ticket) -> str:
        made = await self._made_todo(ticket)
        if made is not None:
            return made
        deadline = self._clock.now() + TODO_TIME
        body = {
            "ownerTypeId": CONTACT,
            "ownerId": _number(ticket.contact_id),
            "deadline": deadline.isoformat(timespec="seconds"),
            "title": ticket.subject,
            "description": reading.marked(ticket.text, ticket.key),
            "responsibleId": self._responsible,
        }
        result, _ = await self._call("crm.activity.todo.add", body, reads=False)
        return reading.identifier(reading.as_record(result))

    async def _made_todo(self, ticket: Ticket) -> str | None:
        """Source of the filter: apidocs.bitrix24.ru, crm.activity.list."""
        where = {
            "OWNER_TYPE_ID": CONTACT,
            "OWNER_ID": _number(ticket.contact_id),
            "PROVIDER_ID": "CRM_TODO",
            "%DESCRIPTION": reading.mark(ticket.key),
        }
        body = {"filter": where, "select": ["ID", "DESCRIPTION"], "order": {"ID": "DESC"}}
        result, _ = await self._call("crm.activity.list", body)
        return reading.find_marked(reading.as_records(result), ticket.key, "DESCRIPTION")

    async def append_note(self, note: Note) -> str:
        entity = {"ENTITY_ID": _number(note.remote_id), "ENTITY_TYPE": note.kind.value}
        look = {"filter": entity, "select": ["ID", "COMMENT"], "order": {"ID": "DESC"}}
        result, _ = await self._call("crm.timeline.comment.list", look)
        written = reading.find_marked(reading.as_records(result), note.key, "COMMENT")
        if written is not None:
            return written
        fields = {**entity, "COMMENT": reading.marked(note.text, note.key)}
        result, _ = await self._call("crm.timeline.comment.add", {"fields": fields}, reads=False)
        return reading.text(result)

    async def list_notes(self, kind: Kind, remote_id: str) -> tuple[Comment, ...]:
        """The newest page of comments in the time line of a contact. A to-do has none."""
        if kind is Kind.TICKET:
            return ()
        body = {
            "filter": {"ENTITY_ID": _number(remote_id), "ENTITY_TYPE": kind.value},
            "select": ["ID", "COMMENT", "CREATED", "AUTHOR_ID"],
            "order": {"ID": "DESC"},
        }
        result, _ = await self._call("crm.timeline.comment.list", body)
        return tuple(_note(record) for record in reading.as_records(result))

    def verify_webhook(self, received: Received) -> tuple[WebhookHint, ...]:
        """There is no signature: the application token in the form is compared."""
        posted = reading.form(received.body)
        given = posted.get("auth[application_token]", "")
        if not self._token or not hmac.compare_digest(given.encode(), self._token.encode()):
            raise Forged("wrong application token")
        event, remote_id = posted.get("event", "").upper(), posted.get("data[FIELDS][ID]", "")
        kind = next((kind for start, kind in _EVENTS.items() if event.startswith(start)), None)
        return (WebhookHint(kind, remote_id),) if kind and remote_id.isdigit() else ()


def _number(remote_id: str) -> int:
    """Ids are numbers; anything else belongs to no record."""
    if not remote_id.isascii() or not remote_id.isdigit():
        raise NotFound("ids of Bitrix24 are numbers")
    return int(remote_id)


def _communications(item: Json, kind: str) -> list[Json]:
    held = item.get("fm")
    each = held if isinstance(held, list) else []
    return [one for one in each if isinstance(one, dict) and one.get("typeId") == kind]


def _contact(item: Json) -> Contact:
    values = {field: reading.normal(field, item.get(name)) for field, name in _NAMES.items()}
    for field, kind in _MULTI.items():
        first = next(iter(_communications(item, kind)), {})
        values[field] = reading.normal(field, first.get("value"))
    return Contact(reading.identifier(item), values, reading.moment(item.get("updatedTime")))


def _fields(values: Values, held: Json) -> Json:
    """The change of a contact. Further phones and addresses that it holds are not touched."""
    fields: Json = {name: values[field] for field, name in _NAMES.items() if field in values}
    communications = []
    for field, kind in _MULTI.items():
        if field not in values:
            continue
        first = next(iter(_communications(held, kind)), None)
        if first is not None:  # an empty value removes it
            communications.append({"id": first.get("id"), "typeId": kind, "value": values[field]})
        elif values[field]:
            communications.append({"typeId": kind, "valueType": "WORK", "value": values[field]})
    return {**fields, "fm": communications} if communications else fields


def _note(record: Json) -> Comment:
    said = reading.text(record.get("COMMENT"))
    made = reading.moment(record.get("CREATED"))
    return Comment(reading.identifier(record, "ID"), reading.key_in(said), said, "", made)


def _deal(item: Json) -> Deal:
    contact_id = reading.text(item.get("contactId"))
    return Deal(
        reading.identifier(item),
        reading.text(item.get("title")),
        reading.text(item.get("stageId")),
        reading.money(item.get("opportunity"), item.get("currencyId")),
        contact_id if contact_id not in ("", "0") else None,
        reading.moment(item.get("updatedTime")),
    )
