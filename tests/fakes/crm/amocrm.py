"""A fake of amoCRM's API v4."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import HttpUrl, SecretStr

from crm_bridge.adapters import AnyAccount, Received
from crm_bridge.adapters.accounts import AmoCrmAccount
from tests.fakes.crm.base import FakeCrm, Json, Made, Order, Person


class FakeAmoCrm(FakeCrm):
    """An account with a long-lived token."""

    def account(self, address: str) -> AnyAccount:
        return AmoCrmAccount(
            kind="amocrm",
            address=HttpUrl(address),
            token=SecretStr("token"),
            webhook_secret=SecretStr("hook"),
            requests=10_000,
            timeout_seconds=0.5,
        )

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/v4/{kind:contacts|leads}", self._list)
        router.add_get("/api/v4/{kind:contacts|leads}/{id:\\d+}", self._get)
        router.add_post("/api/v4/contacts", self._create)
        router.add_patch("/api/v4/contacts", self._update)
        router.add_get("/api/v4/tasks", self._tasks)
        router.add_get("/api/v4/tasks/{id:\\d+}", self._one_task)
        router.add_post("/api/v4/tasks", self._task)
        router.add_patch("/api/v4/tasks", self._update_task)
        router.add_get("/api/v4/{kind:contacts|leads}/{id}/notes", self._notes)
        router.add_post("/api/v4/{kind:contacts|leads}/notes", self._note)

    def authorised(self, request: web.Request, body: Any) -> bool:
        return request.headers.get("Authorization") == "Bearer token"

    def limit_answer(self) -> web.Response:
        return web.json_response({"title": "Too Many Requests", "status": 429}, status=429)

    def expired_answer(self) -> web.Response:
        return web.json_response({"title": "Unauthorized", "status": 401}, status=401)

    def webhook(self, remote_id: str, event: str = "update", kind: str = "contact") -> Received:
        name = {"contact": "contacts", "deal": "leads"}[kind]
        form = {f"{name}[{event}][0][id]": remote_id, "account[subdomain]": "shop"}
        return Received(urlencode(form).encode(), secret="hook")

    def _records(self, request: web.Request) -> Any:
        return self.people if request.match_info["kind"] == "contacts" else self.orders

    async def _list(self, request: web.Request) -> web.Response:
        asked = request.query
        limit = int(asked["limit"])
        assert limit <= 250
        since = asked.get("filter[updated_at][from]")
        found = self.changed(
            self._records(request), datetime.fromtimestamp(int(since), UTC) if since else None
        )
        if "query" in asked:
            found = [each for each in found if asked["query"] in f"{each.given} {each.phones} {each.emails}"]
        found.sort(key=lambda each: (each.updated_at, int(each.id)))
        page = self.page(found, (int(asked.get("page", "1")) - 1) * limit, limit)
        return _listed(request.match_info["kind"], [_wire(each) for each in page])

    async def _get(self, request: web.Request) -> web.Response:
        record = self._records(request).get(request.match_info["id"])
        return web.json_response(_wire(record)) if record else web.Response(status=204)

    async def _create(self, request: web.Request) -> web.Response:
        [body] = await request.json()
        remote_id = self.add()
        self._apply(remote_id, body)
        return _listed("contacts", [{"id": int(remote_id), "request_id": "0"}])

    async def _update(self, request: web.Request) -> web.Response:
        [body] = await request.json()
        if str(body["id"]) not in self.people:
            return web.json_response({"title": "Bad Request", "status": 400}, status=400)
        self._apply(str(body["id"]), body)
        return _listed("contacts", [{"id": body["id"]}])

    def _apply(self, remote_id: str, body: Json) -> None:
        names = {"given": "first_name", "family": "last_name"}
        change: Json = {ours: body[theirs] for ours, theirs in names.items() if theirs in body}
        for custom in body.get("custom_fields_values", []):
            values = [each["value"] for each in custom["values"] or []]
            change[{"PHONE": "phones", "EMAIL": "emails"}[custom["field_code"]]] = values
        self.edit(remote_id, **change)

    async def _tasks(self, request: web.Request) -> web.Response:
        asked = request.query
        assert asked["filter[entity_type]"] == "contacts"
        if "filter[entity_id]" in asked:
            mine = [each for each in reversed(self.tickets) if each.owner_id == asked["filter[entity_id]"]]
            return _listed("tasks", [_wire_task(each) for each in mine])
        since = datetime.fromtimestamp(int(asked["filter[updated_at][from]"]), UTC)
        found = [each for each in self.tickets if each.updated_at >= since]
        found.sort(key=lambda each: (each.updated_at, int(each.id)))
        limit = int(asked["limit"])
        page = self.page(found, (int(asked.get("page", "1")) - 1) * limit, limit)
        return _listed("tasks", [_wire_task(each) for each in page])

    async def _one_task(self, request: web.Request) -> web.Response:
        found = [each for each in self.tickets if each.id == request.match_info["id"]]
        return web.json_response(_wire_task(found[0])) if found else web.Response(status=204)

    async def _update_task(self, request: web.Request) -> web.Response:
        """A task is completed with a result."""
        [body] = await request.json()
        assert body["is_completed"] is False or body["result"]["text"]
        self.handle(str(body["id"]), is_open=not body["is_completed"])
        return _listed("tasks", [{"id": body["id"], "updated_at": int(self.now.timestamp())}])

    async def _task(self, request: web.Request) -> web.Response:
        [body] = await request.json()
        made = self.file(str(body["entity_id"]), body["text"].split("\n")[0], body["text"])
        self.tickets.append(made)
        return _listed("tasks", [{"id": int(made.id)}])

    async def _notes(self, request: web.Request) -> web.Response:
        mine = [each for each in reversed(self.notes) if each.owner_id == request.match_info["id"]]
        return _listed("notes", [_wire_note(each) for each in mine])

    async def _note(self, request: web.Request) -> web.Response:
        [body] = await request.json()
        made = self.file(str(body["entity_id"]), body["note_type"], body["params"]["text"])
        self.notes.append(made)
        return _listed("notes", [{"id": int(made.id)}])


def _wire_task(task: Made) -> Json:
    return {
        "id": int(task.id),
        "text": task.text,
        "entity_id": int(task.owner_id),
        "entity_type": "contacts",
        "is_completed": not task.is_open,
        "updated_at": int(task.updated_at.timestamp()),
    }


def _wire_note(note: Made) -> Json:
    made = int(note.at.timestamp())
    return {"id": int(note.id), "note_type": "common", "created_at": made, "params": {"text": note.text}}


def _listed(name: str, records: list[Json]) -> web.Response:
    if not records:
        return web.Response(status=204)
    return web.json_response({"_embedded": {name: records}}, content_type="application/hal+json")


def _wire(record: Person | Order) -> Json:
    updated = int(record.updated_at.timestamp())
    if isinstance(record, Order):
        return {
            "id": int(record.id),
            "name": record.title,
            "status_id": record.stage,
            "price": int(float(record.amount)),
            "updated_at": updated,
            "_embedded": {"contacts": [{"id": int(record.contact_id), "is_main": True}]},
        }
    custom = [
        {"field_code": code, "values": [{"value": each, "enum_code": "WORK"} for each in values]}
        for code, values in (("PHONE", record.phones), ("EMAIL", record.emails))
        if values
    ]
    return {
        "id": int(record.id),
        "name": f"{record.given} {record.family}",
        "first_name": record.given,
        "last_name": record.family,
        "updated_at": updated,
        "custom_fields_values": custom or None,
        "_embedded": {"tags": [], "companies": []},
    }
