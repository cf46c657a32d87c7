"""Odoo 19 and newer, JSON-2. Source: github.com/odoo/documentation, developer/reference/external_api.rst.

`POST /json/2/<model>/<method>`; every call is one transaction. A person has one name, without parts. Times
are UTC without a zone; an empty field is `false`. A ticket is a record of `helpdesk.ticket` or, without the
Enterprise edition, of `project.task`; an order a `sale.order`. Where a ticket stands is a stage that every
company names itself, so tickets only go there. What people write in the chatter is HTML.
"""

import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crm_bridge.adapters import reading
from crm_bridge.adapters.auth import Request
from crm_bridge.adapters.errors import Forged, NotFound
from crm_bridge.adapters.http import CrmHttp
from crm_bridge.adapters.one_way import OneWayTickets
from crm_bridge.adapters.reading import Json
from crm_bridge.adapters.values import (
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

PAGE = 200
PARTNER, ORDER = "res.partner", "sale.order"
_KINDS = {PARTNER: Kind.CONTACT, ORDER: Kind.DEAL}
_MODELS = {kind: model for model, kind in _KINDS.items()}
_COLUMNS = {
    PARTNER: ["name", "email", "phone", "write_date"],
    ORDER: ["name", "state", "amount_total", "currency_id", "partner_id", "write_date"],
}
_PEOPLE = [["is_company", "=", False], ["type", "=", "contact"]]  # not companies, not further addresses


@dataclass(frozen=True)
class Options:
    """What differs between installations."""

    ticket_model: str = "helpdesk.ticket"  # or project.task
    webhook_secret: str = ""


class Odoo(OneWayTickets):
    """One database."""

    capabilities = Capabilities(frozenset({Field.GIVEN_NAME, Field.FAMILY_NAME, Field.PHONE, Field.EMAIL}))

    def __init__(self, http: CrmHttp, options: Options) -> None:
        self._http = http
        self._options = options

    def project(self, values: Values) -> Values:
        """Names are joined and parted: «Анна Мария» «Петрова» comes back as «Анна» «Мария Петрова»."""
        given, family = _parted(_full_name(values))
        held = {
            Field.GIVEN_NAME: given,
            Field.FAMILY_NAME: family,
            Field.PHONE: reading.phone(values.get(Field.PHONE)),
            Field.EMAIL: reading.email(values.get(Field.EMAIL)),
        }
        return {field: value for field, value in held.items() if field in values}

    async def _call(
        self, model: str, method: str, *, writes: bool = False, **args: Any
    ) -> tuple[Any, datetime]:
        request = Request("POST", f"json/2/{model}/{method}", body=args)
        answer = await self._http.call(request, repeatable=not writes)
        return answer.data, answer.at

    async def _search(
        self, model: str, domain: list[Any], columns: list[str], limit: int, order: str = "id"
    ) -> tuple[list[Json], datetime]:
        found, at = await self._call(
            model, "search_read", domain=domain, fields=columns, order=order, limit=limit
        )
        return reading.as_records(found), at

    async def _one(self, model: str, remote_id: str) -> Json:
        domain = [["id", "=", _number(remote_id)]]
        found, _ = await self._search(model, domain, _COLUMNS[model], 1)
        if not found:
            raise NotFound("no such record")
        return found[0]

    async def get_contact(self, remote_id: str) -> Contact:
        return _contact(await self._one(PARTNER, remote_id))

    async def find_contact(self, *, phone: str = "", email: str = "") -> tuple[Contact, ...]:
        """Phones are stored as they were typed: the last digits are searched, the whole is compared."""
        found: dict[str, Contact] = {}
        searches = (
            (Field.PHONE, phone, ["phone", "ilike", "%".join(phone[-7:])]),
            (Field.EMAIL, email, ["email", "=ilike", email]),
        )
        for field, value, condition in searches:
            if value:
                records, _ = await self._search(PARTNER, [*_PEOPLE, condition], _COLUMNS[PARTNER], PAGE)
                people = (_contact(record) for record in records)
                found |= {who.remote_id: who for who in people if who.values[field] == value}
        return tuple(found.values())

    async def upsert_contact(self, values: Values, remote_id: str | None = None) -> Contact:
        if remote_id is None:
            made, _ = await self._call(PARTNER, "create", writes=True, vals_list=[_vals(values)])
            remote_id = _made(made)
        else:
            held = await self.get_contact(remote_id)
            whole = {**held.values, **values} if _NAME_FIELDS & values.keys() else values
            vals = {key: value for key, value in _vals(whole).items() if key in _named(values)}
            await self._call(PARTNER, "write", ids=[_number(remote_id)], vals=vals)
        return await self.get_contact(remote_id)

    async def list_changed(self, kind: Kind, since: datetime | None, cursor: str | None) -> Page:
        model = _MODELS[kind]
        domain: list[Any] = [["id", ">", int(cursor or 0)]]
        if since is not None:
            domain.append(["write_date", ">=", since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")])
        if kind is Kind.CONTACT:
            domain += _PEOPLE
        records, at = await self._search(model, domain, _COLUMNS[model], PAGE)
        read = _contact if kind is Kind.CONTACT else _deal
        changes = tuple(Change(kind, read(record)) for record in records)
        last = max((int(change.remote_id) for change in changes), default=0)
        return Page(changes, str(last) if len(changes) >= PAGE else None, at)

    async def get_order(self, remote_id: str) -> Deal:
        return _deal(await self._one(ORDER, remote_id))

    async def create_ticket(self, ticket: Ticket) -> str:
        model = self._options.ticket_model
        domain = [["description", "ilike", reading.mark(ticket.key)]]
        found, _ = await self._search(model, domain, ["description"], 1)
        if found:
            return reading.identifier(found[0])
        vals = {
            "name": ticket.subject,
            "partner_id": _number(ticket.contact_id),
            "description": reading.marked(ticket.text, ticket.key),
        }
        made, _ = await self._call(model, "create", writes=True, vals_list=[vals])
        return _made(made)

    async def append_note(self, note: Note) -> str:
        model, number = _MODELS[note.kind], _number(note.remote_id)
        domain = [["model", "=", model], ["res_id", "=", number], ["body", "ilike", reading.mark(note.key)]]
        found, _ = await self._search("mail.message", domain, ["body"], 1)
        if found:
            return reading.identifier(found[0])
        body = reading.marked(note.text, note.key)
        made, _ = await self._call(
            model, "message_post", writes=True, ids=[number], body=body, message_type="comment"
        )
        return _made(made)

    async def list_notes(self, kind: Kind, remote_id: str) -> tuple[Comment, ...]:
        """The newest page of what people wrote beside a person; the rest of the chatter is Odoo's own."""
        if kind is Kind.TICKET:
            return ()
        domain = [
            ["model", "=", _MODELS[kind]],
            ["res_id", "=", _number(remote_id)],
            ["message_type", "=", "comment"],
        ]
        columns = ["body", "author_id", "date"]
        found, _ = await self._search("mail.message", domain, columns, PAGE, "id desc")
        return tuple(_note(record) for record in found)

    def verify_webhook(self, received: Received) -> tuple[WebhookHint, ...]:
        """What an automation rule posts: `_model` and `_id`. Not signed: our address holds a secret."""
        secret = self._options.webhook_secret
        if not secret or not hmac.compare_digest(received.secret.encode(), secret.encode()):
            raise Forged("wrong address")
        try:
            said = json.loads(received.body)
        except (ValueError, RecursionError):
            raise Forged("the body is not JSON") from None
        if not isinstance(said, dict) or not isinstance(said.get("_id"), int):
            return ()
        kind = _KINDS.get(reading.text(said.get("_model")))
        return (WebhookHint(kind, str(said["_id"])),) if kind else ()


_NAME_FIELDS = {Field.GIVEN_NAME, Field.FAMILY_NAME}


def _number(remote_id: str) -> int:
    if not remote_id.isascii() or not remote_id.isdigit():
        raise NotFound("ids of Odoo are numbers")
    return int(remote_id)


def _made(data: Any) -> str:
    """The id of what was made: `create` gives a list, `message_post` one."""
    first = data[0] if isinstance(data, list) and data else data
    return reading.identifier({"id": first})


def _full_name(values: Values) -> str:
    """Odoo wants a name: somebody without any is called by their phone or address."""
    name = f"{values.get(Field.GIVEN_NAME, '')} {values.get(Field.FAMILY_NAME, '')}".strip()
    return name or values.get(Field.PHONE, "") or values.get(Field.EMAIL, "")


def _parted(name: str) -> tuple[str, str]:
    given, _, family = " ".join(name.split()).partition(" ")
    return given, family


def _named(values: Values) -> set[str]:
    columns = {"name"} if _NAME_FIELDS & values.keys() else set()
    return columns | {field.value for field in (Field.PHONE, Field.EMAIL) if field in values}


def _vals(values: Values) -> Json:
    contacts = {field.value: values.get(field) or False for field in (Field.PHONE, Field.EMAIL)}
    return {"name": _full_name(values), **contacts}


def _contact(record: Json) -> Contact:
    given, family = _parted(reading.text(record.get("name")))
    values = {
        Field.GIVEN_NAME: given,
        Field.FAMILY_NAME: family,
        Field.PHONE: reading.phone(record.get("phone")),
        Field.EMAIL: reading.email(record.get("email")),
    }
    return Contact(reading.identifier(record), values, reading.moment(record.get("write_date")))


def _note(record: Json) -> Comment:
    said, author = reading.plain(record.get("body")), record.get("author_id")  # [id, name] or false
    return Comment(
        reading.identifier(record),
        reading.key_in(said),
        said,
        reading.text(author[1]) if isinstance(author, list) and len(author) > 1 else "",
        reading.moment(record.get("date")),
    )


def _deal(record: Json) -> Deal:
    partner, currency = record.get("partner_id"), record.get("currency_id")  # [id, name] or false
    return Deal(
        reading.identifier(record),
        reading.text(record.get("name")),
        reading.text(record.get("state")),
        reading.money(record.get("amount_total"), currency[1] if isinstance(currency, list) else ""),
        str(partner[0]) if isinstance(partner, list) and partner else None,
        reading.moment(record.get("write_date")),
    )
