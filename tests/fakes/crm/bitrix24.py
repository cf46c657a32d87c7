"""A fake of Bitrix24's REST."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import SecretStr

from crm_bridge.adapters import AnyAccount, Received
from crm_bridge.adapters.accounts import Application, Bitrix24Account
from tests.fakes.crm.base import FakeCrm, Json, Order, Person, query

PAGE = 50
DEAL, CONTACT = 2, 3


class Missing(Exception):
    """There is no such item."""


class FakeBitrix24(FakeCrm):
    """A portal: an incoming webhook, or an application when `access` is set."""

    access: str | None = None  # the token that is good now
    refresh: str = "refresh-0"
    renewals = 0

    def account(self, address: str) -> AnyAccount:
        application = Application(
            client_id="app",
            client_secret=SecretStr("shh"),
            access_token=SecretStr("access-0"),
            refresh_token=SecretStr("refresh-0"),
        )
        return Bitrix24Account(
            kind="bitrix24",
            address=SecretStr(f"{address}/rest/" if self.access else f"{address}/rest/1/s3cr3t/"),
            application=application if self.access else None,
            application_token=SecretStr("app-token"),
            requests=10_000,
            timeout_seconds=0.5,
        )

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/rest/1/s3cr3t/{method}", self._answer)
        router.add_post("/rest/{method}", self._answer)
        router.add_get("/oauth/token/", self._renew)

    def authorised(self, request: web.Request, body: Any) -> bool:
        if request.path.startswith("/oauth/"):
            return True
        return self.access is None or body.get("auth") == self.access

    async def _renew(self, request: web.Request) -> web.Response:
        if request.query["refresh_token"] != self.refresh:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.renewals += 1
        self.access, self.refresh = f"access-{self.renewals}", f"refresh-{self.renewals}"
        return web.json_response({"access_token": self.access, "refresh_token": self.refresh})

    def limit_answer(self) -> web.Response:
        return web.json_response({"error": "QUERY_LIMIT_EXCEEDED"}, status=503)

    def expired_answer(self) -> web.Response:
        return web.json_response({"error": "expired_token"}, status=401)

    def webhook(self, remote_id: str, event: str = "update", kind: str = "contact") -> Received:
        form = {
            "event": f"ONCRM{kind.upper()}{event.upper()}",
            "data[FIELDS][ID]": remote_id,
            "ts": "1",
            "auth[application_token]": "app-token",
        }
        return Received(urlencode(form).encode())

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        try:
            result = self._do(request.match_info["method"], body)
        except Missing:
            return web.json_response(
                {"error": "NOT_FOUND", "error_description": "Элемент не найден"}, status=400
            )
        return web.json_response({"result": result, "time": {"operating": 0}})

    def _do(self, method: str, body: Json) -> Any:
        deeds = {
            "crm.item.get": self._get,
            "crm.item.list": self._list,
            "crm.item.add": self._add,
            "crm.item.update": self._update,
            "crm.duplicate.findbycomm": self._duplicates,
            "crm.activity.todo.add": self._todo,
            "crm.activity.list": self._todos,
            "crm.timeline.comment.add": self._comment,
            "crm.timeline.comment.list": self._comments,
            "batch": self._batch,
        }
        return deeds[method](body)  # a deprecated method is not known

    def _batch(self, body: Json) -> Any:
        assert len(body["cmd"]) <= 50
        answers: Json = {}
        for name, command in body["cmd"].items():
            method, _, given = command.partition("?")
            try:
                answers[name] = self._do(method, query(given))
            except Missing:
                continue
        return {"result": answers or [], "result_error": []}

    def _get(self, body: Json) -> Any:
        records: Any = self.people if int(body["entityTypeId"]) == CONTACT else self.orders
        if str(body["id"]) not in records:
            raise Missing
        return {"item": _wire(records[str(body["id"])])}

    def _list(self, body: Json) -> Any:
        assert body["start"] == -1
        where = body["filter"]
        since = datetime.fromisoformat(where[">=updatedTime"]) if ">=updatedTime" in where else None
        records: Any = self.people if body["entityTypeId"] == CONTACT else self.orders
        found = [each for each in self.changed(records, since) if int(each.id) > where[">id"]]
        found.sort(key=lambda each: int(each.id))
        return {"items": [_wire(each) for each in self.page(found, 0, PAGE)]}

    def _add(self, body: Json) -> Any:
        remote_id = self.add()
        return self._update({**body, "id": remote_id})

    def _update(self, body: Json) -> Any:
        remote_id, fields = str(body["id"]), body["fields"]
        if remote_id not in self.people:
            raise Missing
        who = self.people[remote_id]
        names = {"given": "name", "family": "lastName", "patronymic": "secondName"}
        change: Json = {ours: fields[theirs] for ours, theirs in names.items() if theirs in fields}
        held = {"PHONE": list(who.phones), "EMAIL": list(who.emails)}
        for each in fields.get("fm", []):
            values = held[each["typeId"]]
            if "id" not in each:
                values.append(each["value"])
            elif each["value"]:
                values[int(each["id"]) % 100] = each["value"]
            else:
                del values[int(each["id"]) % 100]
        self.edit(remote_id, **change, phones=held["PHONE"], emails=held["EMAIL"])
        return {"item": {"id": int(remote_id)}}

    def _duplicates(self, body: Json) -> Any:
        wanted = set(body["values"])
        held = [
            (each.id, each.phones if body["type"] == "PHONE" else each.emails)
            for each in self.people.values()
        ]
        ids = [int(remote_id) for remote_id, values in held if wanted & set(values)]
        return {"CONTACT": ids} if ids else []

    def _todo(self, body: Json) -> Any:
        assert body["deadline"]
        made = self.file(str(body["ownerId"]), body["title"], body["description"])
        self.tickets.append(made)
        return {"id": int(made.id)}

    def _todos(self, body: Json) -> Any:
        where = body["filter"]
        mine = [each for each in self.tickets if each.owner_id == str(where["OWNER_ID"])]
        return [
            {"ID": each.id, "DESCRIPTION": each.text} for each in mine if where["%DESCRIPTION"] in each.text
        ]

    def _comment(self, body: Json) -> Any:
        fields = body["fields"]
        made = self.file(str(fields["ENTITY_ID"]), fields["ENTITY_TYPE"], fields["COMMENT"])
        self.notes.append(made)
        return int(made.id)

    def _comments(self, body: Json) -> Any:
        owner = str(body["filter"]["ENTITY_ID"])
        mine = [each for each in self.notes if each.owner_id == owner]
        made = sorted(mine, key=lambda each: -int(each.id))[:PAGE]
        return [
            {"ID": each.id, "COMMENT": each.text, "CREATED": each.at.isoformat(), "AUTHOR_ID": "5"}
            for each in made
        ]


def _wire(record: Person | Order) -> Json:
    updated = record.updated_at.isoformat()
    if isinstance(record, Order):
        return {
            "id": int(record.id),
            "title": record.title,
            "stageId": record.stage,
            "opportunity": float(record.amount),
            "currencyId": "RUB",
            "contactId": int(record.contact_id),
            "updatedTime": updated,
        }
    phones = [{"id": 100 + n, "typeId": "PHONE", "value": each} for n, each in enumerate(record.phones)]
    emails = [{"id": 200 + n, "typeId": "EMAIL", "value": each} for n, each in enumerate(record.emails)]
    return {
        "id": int(record.id),
        "name": record.given,
        "secondName": record.patronymic or None,
        "lastName": record.family,
        "fm": [*phones, *emails],
        "updatedTime": updated,
    }
