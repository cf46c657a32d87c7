"""A fake of a plain REST API, and its description in YAML."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

import yaml
from aiohttp import web
from pydantic import HttpUrl, SecretStr

from crm_bridge.adapters import AnyAccount, Received
from crm_bridge.adapters.accounts import RestAccount
from crm_bridge.adapters.rest_shape import RestShape
from tests.fakes.crm.base import FakeCrm, Json, Made, Order, Person, made_with

SHAPE = """
contacts:
  list: /v1/customers
  items: data
  get: /v1/customers/{id}
  item: data
  create: /v1/customers
  update: /v1/customers/{id}
  updated_at: meta.changed
  since_parameter: changed_from
  paging: {style: keyset, parameter: after_id, size: 100}
  find_phone: phone
  find_email: email
  fields:
    given_name: name.first
    patronymic: name.middle
    family_name: name.last
    phone: phone
    email: email
deals:
  list: /v1/orders
  items: data
  get: /v1/orders/{id}
  item: data
  updated_at: changed
  since_parameter: changed_from
  paging: {style: cursor, parameter: token, size: 100, next: next}
  title: title
  stage: state
  amount: sum
  contact: customer.id
tickets:
  create: /v1/tickets
  list: /v1/tickets
  find: q
  items: data
  subject: title
  contact: customer
  get: /v1/tickets/{id}
  item: data
  update: /v1/tickets/{id}
  changed: /v1/tickets
  updated_at: changed
  since_parameter: changed_from
  paging: {style: keyset, parameter: after_id, size: 100}
  state: status.name
  open_as: new
  closed_as: [done, rejected]
  priority: urgency
contact_notes:
  create: "/v1/customers/{id}/notes"
  list: "/v1/customers/{id}/notes"
  items: data
  text: body
  author: by
  at: written
deal_notes: {create: "/v1/orders/{id}/notes", list: "/v1/orders/{id}/notes", items: data, text: body}
webhook: {header: X-Signature, encoding: base64, id: object.id}
"""


class FakeRest(FakeCrm):
    """A shop's own system."""

    def account(self, address: str) -> AnyAccount:
        return RestAccount(
            kind="rest",
            address=HttpUrl(address),
            header="X-Key",
            token=SecretStr("key"),
            webhook_secret=SecretStr("hook"),
            shape=RestShape.model_validate(yaml.safe_load(SHAPE)),
            requests=10_000,
            timeout_seconds=0.5,
        )

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/customers", self._customers)
        router.add_post("/v1/customers", self._create)
        router.add_get("/v1/orders", self._orders)
        router.add_get("/v1/{kind:customers|orders}/{id}", self._get)
        router.add_patch("/v1/customers/{id}", self._update)
        router.add_get("/v1/{kind:customers|orders}/{id}/notes", self._notes)
        router.add_post("/v1/{kind:customers|orders}/{id}/notes", self._note)
        router.add_get("/v1/tickets", self._tickets)
        router.add_post("/v1/tickets", self._ticket)
        router.add_get("/v1/tickets/{id}", self._one_ticket)
        router.add_patch("/v1/tickets/{id}", self._update_ticket)

    def authorised(self, request: web.Request, body: Any) -> bool:
        return request.headers.get("X-Key") == "key"

    def limit_answer(self) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "1"})

    def expired_answer(self) -> web.Response:
        return web.Response(status=401)

    def webhook(self, remote_id: str, event: str = "update", kind: str = "contact") -> Received:
        body = json.dumps({"event": f"{kind}.{event}", "object": {"id": remote_id}}).encode()
        signature = base64.b64encode(hmac.new(b"hook", body, hashlib.sha256).digest()).decode()
        return Received(body, {"x-signature": signature})

    def _changed(self, request: web.Request, records: Any) -> list[Any]:
        since = request.query.get("changed_from")
        found = self.changed(records, datetime.fromisoformat(since) if since else None)
        return sorted(found, key=lambda each: int(each.id))

    async def _customers(self, request: web.Request) -> web.Response:
        asked = request.query
        found = [
            each
            for each in self._changed(request, self.people)
            if int(each.id) > int(asked.get("after_id", 0))
        ]
        for name in ("phone", "email"):
            if name in asked:
                found = [each for each in found if asked[name] in getattr(each, f"{name}s")]
        page = sorted(found[: int(asked.get("limit", 100))], key=lambda each: int(each.id))
        return web.json_response({"data": [_wire(each) for each in page]})

    async def _orders(self, request: web.Request) -> web.Response:
        found = self._changed(request, self.orders)
        start, size = int(request.query.get("token", "0")), int(request.query["limit"])
        following = str(start + size) if start + size < len(found) else None
        page = [_wire(each) for each in self.page(found, start, size)]
        return web.json_response({"data": page, "next": following})

    async def _get(self, request: web.Request) -> web.Response:
        records: Any = self.people if request.match_info["kind"] == "customers" else self.orders
        record = records.get(request.match_info["id"])
        return web.json_response({"data": _wire(record)}) if record else web.Response(status=404)

    async def _create(self, request: web.Request) -> web.Response:
        remote_id = self.add()
        self._apply(remote_id, await request.json())
        return web.json_response({"data": _wire(self.people[remote_id])}, status=201)

    async def _update(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.people:
            return web.Response(status=404)
        self._apply(request.match_info["id"], await request.json())
        return web.Response(status=204)

    def _apply(self, remote_id: str, body: Json) -> None:
        names = {"first": "given", "middle": "patronymic", "last": "family"}
        change: Json = {names[key]: value for key, value in body.get("name", {}).items()}
        for name in ("phone", "email"):
            if name in body:
                change[f"{name}s"] = [body[name]] if body[name] else []
        self.edit(remote_id, **change)

    async def _notes(self, request: web.Request) -> web.Response:
        mine = [each for each in self.notes if each.owner_id == request.match_info["id"]]
        written = [
            {"id": each.id, "body": each.text, "by": each.author, "written": each.at.isoformat()}
            for each in mine
        ]
        return web.json_response({"data": written})

    async def _note(self, request: web.Request) -> web.Response:
        body = await request.json()
        made = self.file(request.match_info["id"], request.match_info["kind"], body["body"])
        self.notes.append(made)
        return web.json_response({"id": made.id}, status=201)

    async def _tickets(self, request: web.Request) -> web.Response:
        asked = request.query
        if "q" in asked:
            return web.json_response({"data": [_wire(each) for each in made_with(self.tickets, asked["q"])]})
        found = self._changed(request, {each.id: each for each in self.tickets})
        found = [each for each in found if int(each.id) > int(asked.get("after_id", 0))]
        return web.json_response({"data": [_wire(each) for each in found[: int(asked["limit"])]]})

    async def _one_ticket(self, request: web.Request) -> web.Response:
        found = [each for each in self.tickets if each.id == request.match_info["id"]]
        return web.json_response({"data": _wire(found[0])}) if found else web.Response(status=404)

    async def _update_ticket(self, request: web.Request) -> web.Response:
        remote_id, body = request.match_info["id"], await request.json()
        if remote_id not in [each.id for each in self.tickets]:
            return web.Response(status=404)
        names = {"title": "subject", "urgency": "priority"}
        change: Json = {names[key]: value for key, value in body.items() if key in names}
        if "status" in body:
            change["is_open"] = {"new": True, "done": False}[body["status"]["name"]]
        self.handle(remote_id, **change)
        return web.Response(status=204)

    async def _ticket(self, request: web.Request) -> web.Response:
        body = await request.json()
        made = self.file(body["customer"], body["title"], body["text"])
        self.tickets.append(made)
        return web.json_response({"id": made.id}, status=201)


def _wire(record: Person | Order | Made) -> Json:
    changed = record.updated_at.isoformat()
    if isinstance(record, Made):
        return {
            "id": record.id,
            "title": record.subject,
            "text": record.text,
            "customer": record.owner_id,
            "status": {"name": "working" if record.is_open else "done"},
            "urgency": record.priority,
            "changed": changed,
        }
    if isinstance(record, Order):
        customer = {"id": record.contact_id}
        return {
            "id": record.id,
            "title": record.title,
            "state": record.stage,
            "sum": record.amount,
            "customer": customer,
            "changed": changed,
        }
    return {
        "id": record.id,
        "name": {"first": record.given, "middle": record.patronymic, "last": record.family},
        "phone": record.phones[0] if record.phones else None,
        "email": record.emails[0] if record.emails else None,
        "meta": {"changed": changed},
    }
