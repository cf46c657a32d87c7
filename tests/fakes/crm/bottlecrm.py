"""A fake of BottleCRM's API."""

import hashlib
import hmac
import json
from typing import Any

from aiohttp import web
from pydantic import HttpUrl, SecretStr

from crm_bridge.adapters import AnyAccount, Received
from crm_bridge.adapters.accounts import BottleCrmAccount
from tests.fakes.crm.base import FakeCrm, Json, Made, Order, Person

NAMES = {"first_name": "given", "last_name": "family"}
LISTS = {"phone": "phones", "email": "emails"}


class FakeBottleCrm(FakeCrm):
    """An organisation with a personal access token."""

    def account(self, address: str) -> AnyAccount:
        return BottleCrmAccount(
            kind="bottlecrm",
            address=HttpUrl(address),
            token=SecretStr("bcrm_pat_1"),
            webhook_secret=SecretStr("hook"),
            requests=10_000,
            timeout_seconds=0.5,
        )

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/contacts/", self._contacts)
        router.add_post("/api/contacts/", self._create)
        router.add_get("/api/contacts/{id}/", self._contact)
        router.add_patch("/api/contacts/{id}/", self._update)
        router.add_post("/api/{kind:contacts|opportunities}/{id}/", self._comment)
        router.add_get("/api/opportunities/", self._deals)
        router.add_get("/api/opportunities/{id}/", self._deal)
        router.add_get("/api/cases/", self._cases)
        router.add_post("/api/cases/", self._case)

    def authorised(self, request: web.Request, body: Any) -> bool:
        return request.headers.get("Authorization") == "Bearer bcrm_pat_1"

    def limit_answer(self) -> web.Response:
        return web.json_response({"detail": "throttled"}, status=429, headers={"Retry-After": "1"})

    def expired_answer(self) -> web.Response:
        return web.json_response({"detail": "Invalid token"}, status=401)

    def webhook(self, remote_id: str, event: str = "update", kind: str = "contact") -> Received:
        body = json.dumps({"event": f"{kind}.{event}d", "data": {"id": remote_id}}).encode()
        signature = hmac.new(b"hook", body, hashlib.sha256).hexdigest()
        return Received(body, {"x-bottlecrm-signature": signature})

    async def _contacts(self, request: web.Request) -> web.Response:
        found = [each for each in self.people.values() if _fits(each, request)]
        return self._listed(request, found)

    async def _deals(self, request: web.Request) -> web.Response:
        return self._listed(request, list(self.orders.values()))

    def _listed(self, request: web.Request, found: list[Any]) -> web.Response:
        """Newest first, whatever changed when; `per_page` says 10 whatever was asked for."""
        found.sort(key=lambda each: -int(each.id))
        start, size = int(request.query.get("offset", "0")), int(request.query.get("limit", "10"))
        page = [_wire(each) for each in self.page(found, start, size)]
        return web.json_response({"per_page": 10, "count": len(found), "results": page})

    async def _contact(self, request: web.Request) -> web.Response:
        return self._detail(request, self.people, "contact_obj")

    async def _deal(self, request: web.Request) -> web.Response:
        return self._detail(request, self.orders, "opportunity_obj")

    def _detail(self, request: web.Request, records: Any, name: str) -> web.Response:
        remote_id = request.match_info["id"]
        if remote_id not in records:
            return web.json_response({"detail": "Not found."}, status=404)
        comments = [{"id": n.id, "comment": n.text} for n in reversed(self.notes) if n.owner_id == remote_id]
        return web.json_response({name: _wire(records[remote_id]), "comments": comments})

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("email") and any(body["email"] in who.emails for who in self.people.values()):
            errors = {"email": ["Contact already exists with this email"]}
            return web.json_response({"error": True, "errors": errors}, status=400)
        remote_id = self.add()
        self._apply(remote_id, body)
        return web.json_response({"error": False, "message": "Contact created", "id": remote_id})

    async def _update(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.people:
            return web.json_response({"detail": "Not found."}, status=404)
        self._apply(request.match_info["id"], await request.json())
        return web.json_response({"error": False, "message": "Contact Updated Successfully"})

    def _apply(self, remote_id: str, body: Json) -> None:
        change: Json = {ours: body[theirs] for theirs, ours in NAMES.items() if theirs in body}
        for theirs, ours in LISTS.items():
            if theirs in body:
                change[ours] = [body[theirs]] if body[theirs] else []
        self.edit(remote_id, **change)

    async def _comment(self, request: web.Request) -> web.Response:
        kind, remote_id = request.match_info["kind"], request.match_info["id"]
        body = await request.json()
        self.notes.append(Made(self.next_id(), remote_id, kind, body["comment"]))
        records, name = (
            (self.people, "contact_obj") if kind == "contacts" else (self.orders, "opportunity_obj")
        )
        return self._detail(request, records, name)

    async def _cases(self, request: web.Request) -> web.Response:
        found = [each for each in self.tickets if request.query["name"] in each.subject]
        return web.json_response({"results": [{"id": each.id, "name": each.subject} for each in found]})

    async def _case(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert len(body["name"]) <= 64
        made = Made(self.next_id(), body["contacts"][0], body["name"], body["description"])
        self.tickets.append(made)
        return web.json_response({"error": False, "message": "Case Created", "id": made.id})


def _fits(who: Person, request: web.Request) -> bool:
    for name, ours in LISTS.items():
        part = request.query.get(name)
        if part and not any(part in each for each in getattr(who, ours)):
            return False
    return True


def _wire(record: Person | Order) -> Json:
    updated = record.updated_at.isoformat()
    if isinstance(record, Order):
        return {
            "id": record.id,
            "name": record.title,
            "stage": record.stage,
            "amount": record.amount,
            "currency": "RUB",
            "contacts": [{"id": record.contact_id}],
            "updated_at": updated,
        }
    phone = record.phones[0] if record.phones else None
    return {
        "id": record.id,
        "first_name": record.given,
        "last_name": record.family,
        "phone": phone,
        "phone_e164": phone,
        "email": record.emails[0] if record.emails else None,
        "updated_at": updated,
    }
