"""A fake of BottleCRM's API, as `make crm-real` found the real one (1.35) to behave."""

import hashlib
import hmac
import json
import re
from typing import Any

from aiohttp import web
from pydantic import HttpUrl, SecretStr

from crm_bridge.adapters import AnyAccount, Received
from crm_bridge.adapters.accounts import BottleCrmAccount
from tests.fakes.crm.base import FakeCrm, Json, Made, Order, Person

NAMES = {"first_name": "given", "last_name": "family"}
LISTS = {"phone": "phones", "email": "emails"}
PHONE = re.compile(r"[\d\s\-()+.]{7,25}")
EMAIL = re.compile(r"[\w.+-]+@[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+")
DUPLICATES = 10  # shown, however many there are
SENT_AT = 1795270000  # unix seconds, of every webhook


class FakeBottleCrm(FakeCrm):
    """An organisation with a personal access token."""

    def account(self, address: str) -> AnyAccount:
        return BottleCrmAccount(
            kind="bottlecrm",
            address=HttpUrl(address),
            token=SecretStr("bcrm_pat_1"),
            webhook_secret=SecretStr("hook"),
            currency="RUB",
            requests=10_000,
            timeout_seconds=0.5,
        )

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/contacts/", self._contacts)
        router.add_post("/api/contacts/", self._create)
        router.add_post("/api/contacts/duplicates/", self._duplicates)
        router.add_get("/api/contacts/{id}/", self._contact)
        router.add_patch("/api/contacts/{id}/", self._update)
        router.add_post("/api/{kind:contacts|opportunities}/{id}/", self._comment)
        router.add_get("/api/cases/{id}/", self._case_detail)
        router.add_patch("/api/cases/{id}/", self._update_case)
        router.add_get("/api/opportunities/", self._deals)
        router.add_get("/api/opportunities/{id}/", self._deal)
        router.add_get("/api/cases/", self._cases)
        router.add_post("/api/cases/", self._case)

    def authorised(self, request: web.Request, body: Any) -> bool:
        return request.headers.get("Authorization") == "Bearer bcrm_pat_1"

    def limit_answer(self) -> web.Response:
        return web.json_response({"detail": "throttled"}, status=429, headers={"Retry-After": "1"})

    def expired_answer(self) -> web.Response:
        said = "Organization context is required. Please login again."
        return web.json_response({"detail": said}, status=403)

    def webhook(self, remote_id: str, event: str = "update", kind: str = "contact") -> Received:
        body = json.dumps({"event": f"{kind}.{event}d", "data": {"id": remote_id}}).encode()
        signature = hmac.new(b"hook", f"{SENT_AT}.".encode() + body, hashlib.sha256).hexdigest()
        return Received(body, {"x-bottlecrm-signature": f"t={SENT_AT},v1={signature}"})

    async def _contacts(self, request: web.Request) -> web.Response:
        return self._listed(request, list(self.people.values()), "results", "count")

    async def _deals(self, request: web.Request) -> web.Response:
        return self._listed(request, list(self.orders.values()), "opportunities", "opportunities_count")

    def _listed(self, request: web.Request, found: list[Any], rows: str, count: str) -> web.Response:
        """Newest first, whatever changed when; `per_page` says 10 whatever was asked for."""
        found.sort(key=lambda each: -int(each.id))
        start, size = int(request.query.get("offset", "0")), int(request.query.get("limit", "10"))
        page = [_wire(each) for each in self.page(found, start, size)]
        return web.json_response({"per_page": 10, count: len(found), rows: page})

    async def _duplicates(self, request: web.Request) -> web.Response:
        """By e-mail whatever the case of its letters, and by the last ten digits of a phone."""
        body = await request.json()
        email, phone = body.get("email", "").lower(), _digits(body.get("phone", ""))
        found = [
            who
            for who in self.people.values()
            if (email and email in [each.lower() for each in who.emails[:1]])
            or (len(phone) >= 7 and phone in [_digits(each) for each in who.phones[:1]])
        ]
        hits = [{"id": who.id, "name": f"{who.given} {who.family}"} for who in found[:DUPLICATES]]
        return web.json_response({"duplicates": hits})

    async def _contact(self, request: web.Request) -> web.Response:
        return self._detail(request, self.people, "contact_obj")

    async def _deal(self, request: web.Request) -> web.Response:
        return self._detail(request, self.orders, "opportunity_obj")

    def _detail(self, request: web.Request, records: Any, name: str) -> web.Response:
        remote_id = request.match_info["id"]
        if remote_id not in records:
            return web.json_response({"detail": "Not found."}, status=404)
        return web.json_response({name: _wire(records[remote_id]), "comments": self._comments(remote_id)})

    def _comments(self, owner_id: str) -> list[Json]:
        return [_wire_comment(note) for note in reversed(self.notes) if note.owner_id == owner_id]

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        missing = {name: ["This field is required."] for name in NAMES if name not in body}
        if errors := missing | self._wrong(body, ""):
            return web.json_response({"error": True, "errors": errors}, status=400)
        remote_id = self.add()
        self._apply(remote_id, body)
        return web.json_response({"error": False, "message": "Contact created Successfuly", "id": remote_id})

    async def _update(self, request: web.Request) -> web.Response:
        remote_id, body = request.match_info["id"], await request.json()
        if remote_id not in self.people:
            return web.json_response({"detail": "No Contact matches the given query."}, status=404)
        if errors := self._wrong(body, remote_id):
            return web.json_response({"error": True, "errors": errors}, status=400)
        self._apply(remote_id, body)
        return web.json_response({"error": False, "message": "Contact Updated Successfully"})

    def _wrong(self, body: Json, own: str) -> Json:
        """What the product does not take. Two people never have one address."""
        errors: Json = {name: ["This field may not be blank."] for name in NAMES if body.get(name) == ""}
        phone, email = body.get("phone") or "", body.get("email") or ""
        if phone and not PHONE.fullmatch(phone):
            errors["phone"] = ["Enter a valid phone number (7-25 characters, digits and separators only)"]
        if email and not EMAIL.fullmatch(email):
            errors["email"] = ["Enter a valid email address."]
        others = (each for who in self.people.values() if who.id != own for each in who.emails[:1])
        if email and email.lower() in (each.lower() for each in others):
            errors["email"] = ["Contact already exists with this email"]
        return errors

    def _apply(self, remote_id: str, body: Json) -> None:
        change: Json = {ours: body[theirs] for theirs, ours in NAMES.items() if theirs in body}
        for theirs, ours in LISTS.items():
            if theirs in body:
                change[ours] = [body[theirs]] if body[theirs] else []
        self.edit(remote_id, **change)

    async def _comment(self, request: web.Request) -> web.Response:
        kind, remote_id = request.match_info["kind"], request.match_info["id"]
        body = await request.json()
        if kind == "contacts" and len(body["comment"]) > 10_000:
            errors = {"comment": ["Ensure this field has no more than 10000 characters."]}
            return web.json_response({"error": True, "errors": errors}, status=400)
        self.notes.append(self.file(remote_id, kind, body["comment"]))
        records, name = (
            (self.people, "contact_obj") if kind == "contacts" else (self.orders, "opportunity_obj")
        )
        return self._detail(request, records, name)

    async def _cases(self, request: web.Request) -> web.Response:
        part = request.query.get("name", "").lower()
        found = [each for each in reversed(self.tickets) if part in each.subject.lower()]
        start, size = int(request.query.get("offset", "0")), int(request.query.get("limit", "10"))
        page = [self._wire_case(each) for each in self.page(found, start, size)]
        return web.json_response({"cases_count": len(found), "cases": page})

    def _wire_case(self, case: Made) -> Json:
        """Lists and details show one form; it does not say when a case changed."""
        return {
            "id": case.id,
            "name": case.subject,
            "description": case.text,
            "status": "New" if case.is_open else "Closed",
            "priority": case.priority.title(),
            "contacts": [{"id": case.owner_id}],
        }

    async def _case_detail(self, request: web.Request) -> web.Response:
        remote_id = request.match_info["id"]
        found = [each for each in self.tickets if each.id == remote_id]
        if not found:
            return web.json_response({"detail": "No Case matches the given query."}, status=404)
        notes = self._comments(remote_id)  # what colleagues write to each other
        return web.json_response(
            {"cases_obj": self._wire_case(found[0]), "comments": [], "internal_notes": notes}
        )

    async def _update_case(self, request: web.Request) -> web.Response:
        remote_id, body = request.match_info["id"], await request.json()
        if remote_id not in [each.id for each in self.tickets]:
            return web.json_response({"detail": "No Case matches the given query."}, status=404)
        problem = self._wrong_name(body["name"], remote_id) if "name" in body else ""
        if problem:
            return web.json_response({"error": True, "errors": {"name": [problem]}}, status=400)
        change: Json = {"subject": body["name"]} if "name" in body else {}
        if "status" in body:
            change["is_open"] = {"New": True, "Closed": False}[body["status"]]
        if "priority" in body:
            change["priority"] = body["priority"].lower()
        self.handle(remote_id, **change)
        return web.json_response({"error": False, "message": "Case Updated Successfully"})

    def _wrong_name(self, name: str, own: str) -> str:
        if len(name) > 64:
            return "Ensure this field has no more than 64 characters."
        taken = name.lower() in (each.subject.lower() for each in self.tickets if each.id != own)
        return "Case already exists with this name" if taken else ""

    async def _case(self, request: web.Request) -> web.Response:
        body = await request.json()
        if problem := self._wrong_name(body["name"], ""):
            return web.json_response({"error": True, "errors": {"name": [problem]}}, status=400)
        made = self.file(body["contacts"][0], body["name"], body["description"])
        self.tickets.append(made)
        return web.json_response({"error": False, "message": "Case Created Successfully", "id": made.id})


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)[-10:]


def _wire_comment(note: Made) -> Json:
    who = {"id": "1", "user_details": {"email": note.author, "profile_pic": None}}
    return {"id": note.id, "comment": note.text, "commented_by": who, "commented_on": note.at.isoformat()}


def _e164(phone: str) -> str:
    """Only what is written with a country code: the organisation has no country."""
    return f"+{re.sub(r'[^0-9]', '', phone)}" if phone.startswith("+") and PHONE.fullmatch(phone) else ""


def _wire(record: Person | Order) -> Json:
    if isinstance(record, Order):
        return {
            "id": record.id,
            "name": record.title,
            "stage": record.stage,
            "amount": record.amount,
            "currency": None,
            "contacts": [{"id": record.contact_id}],
        }
    phone = record.phones[0] if record.phones else ""
    return {
        "id": record.id,
        "first_name": record.given,
        "last_name": record.family,
        "phone": phone,
        "phone_e164": _e164(phone),
        "email": record.emails[0] if record.emails else None,
        "updated_at": record.updated_at.isoformat(),
    }
