"""A fake of Odoo's JSON-2."""

import json
import re
from datetime import UTC, datetime
from html import escape
from typing import Any

from aiohttp import web
from pydantic import HttpUrl, SecretStr

from crm_bridge.adapters import AnyAccount, Received
from crm_bridge.adapters.accounts import OdooAccount
from crm_bridge.adapters.values import Field, Values
from tests.fakes.crm.base import FakeCrm, Json, Order, Person, made_with


class FakeOdoo(FakeCrm):
    """A database with contacts, sales and helpdesk."""

    def account(self, address: str) -> AnyAccount:
        return OdooAccount(
            kind="odoo",
            address=HttpUrl(address),
            key=SecretStr("key"),
            database="shop",
            webhook_secret=SecretStr("hook"),
            requests=10_000,
            timeout_seconds=0.5,
        )

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/json/2/{model}/{method}", self._answer)

    def authorised(self, request: web.Request, body: Any) -> bool:
        return (
            request.headers.get("Authorization") == "bearer key"
            and request.headers["X-Odoo-Database"] == "shop"
        )

    def limit_answer(self) -> web.Response:
        return web.Response(status=429)

    def expired_answer(self) -> web.Response:
        error = {"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey"}
        return web.json_response(error, status=401)

    def webhook(self, remote_id: str, event: str = "update", kind: str = "contact") -> Received:
        model = {"contact": "res.partner", "deal": "sale.order"}[kind]
        body = {"_model": model, "_id": int(remote_id), "_action": "Send(#1)"}
        return Received(json.dumps(body).encode(), secret="hook")

    def values(self, remote_id: str) -> Values:
        """There is one name, and people read it as a first name and the rest."""
        seen = dict(super().values(remote_id))
        whole = f"{seen[Field.GIVEN_NAME]} {seen[Field.FAMILY_NAME]}".strip()
        given, _, family = whole.partition(" ")
        return {**seen, Field.GIVEN_NAME: given, Field.FAMILY_NAME: family}

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        model, method = request.match_info["model"], request.match_info["method"]
        deeds = {
            "search_read": self._search,
            "create": self._create,
            "write": self._write,
            "message_post": self._post,
        }
        return web.json_response(deeds[method](model, body))

    def _search(self, model: str, body: Json) -> Any:
        domain = {(field, sign): value for field, sign, value in body["domain"]}
        if model in ("helpdesk.ticket", "project.task"):
            found = made_with(self.tickets, domain["description", "ilike"])
            return [{"id": int(each.id), "description": each.text} for each in found]
        if model == "mail.message":
            return self._chatter(domain, body)
        records: Any = self.people if model == "res.partner" else self.orders
        kept = [each for each in records.values() if _fits(each, domain)]
        kept.sort(key=lambda each: int(each.id))
        return [_wire(each) for each in self.page(kept, 0, body["limit"])]

    def _chatter(self, domain: dict[tuple[str, str], Any], body: Json) -> list[Json]:
        """Bodies are HTML: what was posted as text was escaped and put into paragraphs."""
        found = made_with(self.notes, domain.get(("body", "ilike"), ""))
        mine = [each for each in found if each.owner_id == str(domain["res_id", "="])]
        mine.sort(key=lambda each: int(each.id), reverse=body["order"] == "id desc")
        return [
            {
                "id": int(each.id),
                "body": "".join(f"<p>{escape(part)}</p>" for part in each.text.split("\n\n")),
                "author_id": [7, each.author],
                "date": each.at.strftime("%Y-%m-%d %H:%M:%S"),
            }
            for each in mine[: body["limit"]]
        ]

    def _create(self, model: str, body: Json) -> Any:
        [vals] = body["vals_list"]
        if model == "res.partner":
            remote_id = self.add()
            self._apply(remote_id, vals)
            return [int(remote_id)]
        made = self.file(str(vals["partner_id"]), vals["name"], vals["description"])
        self.tickets.append(made)
        return [int(made.id)]

    def _write(self, model: str, body: Json) -> Any:
        [number] = body["ids"]
        self._apply(str(number), body["vals"])
        return True

    def _apply(self, remote_id: str, vals: Json) -> None:
        change: Json = {}
        if "name" in vals:
            assert vals["name"]
            change["given"], _, change["family"] = vals["name"].partition(" ")
        for column, ours in (("phone", "phones"), ("email", "emails")):
            if column in vals:
                change[ours] = [vals[column]] if vals[column] else []
        self.edit(remote_id, **change)

    def _post(self, model: str, body: Json) -> Any:
        made = self.file(str(body["ids"][0]), model, body["body"])
        self.notes.append(made)
        return int(made.id)


def _fits(record: Person | Order, domain: dict[tuple[str, str], Any]) -> bool:
    since = domain.get(("write_date", ">="))
    if since and record.updated_at < datetime.fromisoformat(since).replace(tzinfo=UTC):
        return False
    if ("id", "=") in domain and int(record.id) != domain["id", "="]:
        return False
    if int(record.id) <= domain.get(("id", ">"), 0):
        return False
    if isinstance(record, Order):
        return True
    if (like := domain.get(("phone", "ilike"))) is not None:
        pattern = ".*".join(map(re.escape, like.split("%")))
        return any(re.search(pattern, each) for each in record.phones[:1])
    if (email := domain.get(("email", "=ilike"))) is not None:
        return email.lower() in [each.lower() for each in record.emails[:1]]
    return True


def _wire(record: Person | Order) -> Json:
    written = record.updated_at.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(record, Order):
        return {
            "id": int(record.id),
            "name": record.title,
            "state": record.stage,
            "amount_total": float(record.amount),
            "currency_id": [30, "RUB"],
            "partner_id": [int(record.contact_id), "…"],
            "write_date": written,
        }
    return {
        "id": int(record.id),
        "name": f"{record.given} {record.family}".strip() or False,
        "phone": record.phones[0] if record.phones else False,
        "email": record.emails[0] if record.emails else False,
        "write_date": written,
    }
