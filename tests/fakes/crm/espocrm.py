"""A fake of EspoCRM's API."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import HttpUrl, SecretStr

from crm_bridge.adapters import AnyAccount, Received
from crm_bridge.adapters.accounts import EspoCrmAccount
from tests.fakes.crm.base import FakeCrm, Json, Made, Order, Person, made_with

NAMES = {"firstName": "given", "lastName": "family"}
LISTS = {"phoneNumber": "phones", "emailAddress": "emails"}


class FakeEspoCrm(FakeCrm):
    """A site whose API user signs with HMAC."""

    def account(self, address: str) -> AnyAccount:
        return EspoCrmAccount(
            kind="espocrm",
            address=HttpUrl(address),
            key=SecretStr("key"),
            secret=SecretStr("shh"),
            webhooks={
                "Contact.update:w1": SecretStr("hook"),
                "Opportunity.update:w2": SecretStr("hook"),
                "Case.update:w3": SecretStr("hook"),
            },
            requests=10_000,
            timeout_seconds=0.5,
        )

    def next_id(self) -> str:
        return f"{int(super().next_id()):017x}"

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/v1/{entity}", self._list)
        router.add_get("/api/v1/{entity}/{id}", self._get)
        router.add_post("/api/v1/{entity}", self._create)
        router.add_put("/api/v1/Contact/{id}", self._update)
        router.add_put("/api/v1/Case/{id}", self._update_case)

    def authorised(self, request: web.Request, body: Any) -> bool:
        message = f"{request.method} {request.path.removeprefix('/api/v1')}".encode()
        mac = hmac.new(b"shh", message, hashlib.sha256).digest()
        return request.headers.get("X-Hmac-Authorization") == base64.b64encode(b"key:" + mac).decode()

    def limit_answer(self) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "1"})

    def expired_answer(self) -> web.Response:
        return web.Response(status=401)

    def webhook(self, remote_id: str, event: str = "update", kind: str = "contact") -> Received:
        webhook_id = {"contact": "w1", "deal": "w2", "ticket": "w3"}[kind]
        body = json.dumps([{"id": remote_id}]).encode()
        mac = hmac.new(b"hook", body, hashlib.sha256).hexdigest()
        signature = base64.b64encode(f"{webhook_id}:{mac}".encode()).decode()
        return Received(body, {"signature": signature})

    async def _list(self, request: web.Request) -> web.Response:
        search = json.loads(request.query["searchParams"])
        assert search["maxSize"] <= 200
        assert request.headers["X-No-Total"] == "true"
        entity = request.match_info["entity"]
        where = search["where"]
        if where[0]["type"] == "contains":
            found = made_with(self.tickets if entity == "Case" else self.notes, where[0]["value"])
            return _listed([{"id": each.id, where[0]["attribute"]: each.text} for each in found])
        if entity == "Note":
            return _listed(self._stream({each["attribute"]: each["value"] for each in where}))
        records: Any = self._held(entity)
        kept = [each for each in records.values() if all(_fits(each, one) for one in search["where"])]
        kept.sort(key=lambda each: (each.updated_at, each.id))
        page = self.page(kept, search.get("offset", 0), search["maxSize"])
        return _listed([_wire(each) for each in page])

    async def _get(self, request: web.Request) -> web.Response:
        record = self._held(request.match_info["entity"]).get(request.match_info["id"])
        return web.json_response(_wire(record)) if record else web.Response(status=404)

    def _held(self, entity: str) -> Any:
        cases = {each.id: each for each in self.tickets}
        return {"Contact": self.people, "Opportunity": self.orders, "Case": cases}[entity]

    def _stream(self, where: Json) -> list[Json]:
        """Posts of one record, newest first."""
        assert where["type"] == "Post"
        mine = [each for each in reversed(self.notes) if each.owner_id == where["parentId"]]
        return [
            {"id": each.id, "post": each.text, "createdByName": each.author, "createdAt": _time(each.at)}
            for each in mine
        ]

    async def _update_case(self, request: web.Request) -> web.Response:
        remote_id, body = request.match_info["id"], await request.json()
        if remote_id not in self._held("Case"):
            return web.Response(status=404)
        change: Json = {"subject": body["name"]} if "name" in body else {}
        if "status" in body:
            change["is_open"] = {"New": True, "Closed": False}[body["status"]]
        if "priority" in body:
            change["priority"] = body["priority"].lower()
        self.handle(remote_id, **change)
        return web.json_response(_wire(self.ticket(remote_id)))

    async def _create(self, request: web.Request) -> web.Response:
        body, entity = await request.json(), request.match_info["entity"]
        if entity == "Contact":
            return self._create_contact(body)
        if entity == "Case":
            made = self.file(body["contactId"], body["name"], body["description"])
            self.tickets.append(made)
        else:
            made = self.file(body["parentId"], body["parentType"], body["post"])
            self.notes.append(made)
        return web.json_response({"id": made.id})

    def _create_contact(self, body: Json) -> web.Response:
        twins = [who for who in self.people.values() if body.get("emailAddress") in who.emails]
        if twins:
            return web.json_response([_wire(who) for who in twins], status=409)
        remote_id = self.add()
        self._apply(remote_id, body)
        return web.json_response(_wire(self.people[remote_id]))

    async def _update(self, request: web.Request) -> web.Response:
        remote_id = request.match_info["id"]
        if remote_id not in self.people:
            return web.Response(status=404)
        self._apply(remote_id, await request.json())
        return web.json_response(_wire(self.people[remote_id]))

    def _apply(self, remote_id: str, body: Json) -> None:
        change: Json = {ours: body[theirs] for theirs, ours in NAMES.items() if theirs in body}
        for theirs, ours in LISTS.items():
            if theirs in body:
                others = getattr(self.people[remote_id], ours)[1:]
                change[ours] = [body[theirs], *others] if body[theirs] else others
        self.edit(remote_id, **change)


def _fits(record: Person | Order | Made, condition: Json) -> bool:
    attribute, value = condition["attribute"], condition["value"]
    if condition["type"] == "greaterThanOrEquals":
        return record.updated_at >= datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value in getattr(record, LISTS[attribute])


def _listed(records: list[Json]) -> web.Response:
    return web.json_response({"total": -2, "list": records})


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S")


def _wire(record: Person | Order | Made) -> Json:
    modified = _time(record.updated_at)
    if isinstance(record, Made):
        return {
            "id": record.id,
            "name": record.subject,
            "status": "Assigned" if record.is_open else "Closed",
            "priority": record.priority.title(),
            "description": record.text,
            "contactId": record.owner_id,
            "modifiedAt": modified,
        }
    if isinstance(record, Order):
        return {
            "id": record.id,
            "name": record.title,
            "stage": record.stage,
            "amount": float(record.amount),
            "amountCurrency": "RUB",
            "contactId": record.contact_id,
            "modifiedAt": modified,
        }
    return {
        "id": record.id,
        "name": f"{record.given} {record.family}",
        "firstName": record.given,
        "lastName": record.family,
        "phoneNumber": record.phones[0] if record.phones else None,
        "emailAddress": record.emails[0] if record.emails else None,
        "modifiedAt": modified,
    }
