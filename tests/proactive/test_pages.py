"""An administrator writes a rule, tries it on the past, switches it on, and sees what it did."""

import hashlib
import hmac
import json
from datetime import timedelta

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from bot.gateway.app import GATEWAY
from bot.proactive.console import set_up
from bot.proactive.rules import FOLDER, read_limits
from bot.proactive.service import allowed_by
from bot.proactive.tables import Incident, RuleRow, RuleState, SimulationRow
from bot.proactive.trial import trial
from bot.web import pages
from bot.web.staff import console as staff
from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.settings import read_or_make_secret
from tests.desk.conftest import PASSWORD, Agent
from tests.proactive.conftest import Shop

LATE = (FOLDER / "late_delivery.yml").read_text(encoding="utf-8")
DAY = timedelta(days=1)


async def site(shop: Shop) -> web.Application:
    app = web.Application()
    app[GATEWAY] = shop.gateway
    pages.set_up(app)
    staff.set_up(app)
    set_up(app)
    app.cleanup_ctx.clear()  # the rounds are the tests' own
    accounts = Accounts(shop.db, shop.clock, shop.gateway.settings.staff_key)
    for login, role in (("anna", Role.AGENT), ("vera", Role.ADMINISTRATOR)):
        await accounts.add(login, login.title(), PASSWORD, frozenset({role}), "tests")
    return app


async def test_from_the_first_line_to_the_effect(shop: Shop) -> None:
    maria = await shop.customer()
    await shop.order(maria)
    jar = aiohttp.CookieJar(unsafe=True)
    async with TestServer(await site(shop)) as server, aiohttp.ClientSession(cookie_jar=jar) as http:
        vera = Agent(http, str(server.make_url("")).rstrip("/"))
        assert await vera.logs_in("vera") == 303
        assert (await vera.get("/proactive"))[0] == 200
        _, shown = await vera.get("/proactive/rules/new")
        assert "late_delivery" in shown
        status, shown = await vera.post("/proactive/preview", text=LATE.replace("0.6", "6"))
        assert status == 200
        assert "строка 4, threshold" in shown
        status, shown = await vera.post("/proactive/preview", text=LATE)
        assert "заказ № 1002" in shown
        assert "order 1002" in shown
        assert "По-русски: чат на сайте, Telegram, MAX, ВКонтакте, Viber" in " ".join(shown.split())
        assert "шаблон order_late" in shown
        assert "4. Не присылать такое" in shown  # where there are no buttons
        status, shown = await vera.post("/proactive/rules/new", text=LATE.replace("P4D", "4"))
        assert status == 422
        assert "horizon" in shown
        assert (await vera.post("/proactive/rules/new", text=LATE))[0] == 303
        late = "/proactive/rules/late_delivery"
        assert (await vera.post(f"{late}/move", state="live"))[0] == 409
        assert (await vera.post(f"{late}/move", state="simulated"))[0] == 409  # nothing was simulated
        assert (await vera.post(f"{late}/simulate", days="3"))[0] == 200
        await trial(
            shop.db, shop.clock, read_limits(), allowed_by(shop.gateway.policy), (), shop.models,
            "late_delivery", 3, "vera",
        )  # fmt: skip
        async with shop.db.read() as session:
            run = await session.scalar(select(SimulationRow))
            assert run is not None
        assert "Заказ опоздает" in (await vera.get("/proactive/simulations"))[1]
        status, shown = await vera.get(f"/proactive/simulations/{run.id}")
        assert status == 200
        assert "<rect" in shown
        assert "order:1002" in shown
        assert "обещали к 19 ноября, а заказ ещё в пути" in shown
        assert (await vera.post(f"{late}/move", state="live", why="пора"))[0] == 303
        async with shop.db.read() as session:
            assert (await session.get_one(RuleRow, "late_delivery")).state is RuleState.LIVE
        await shop.decide()
        shop.clock.advance(timedelta(minutes=20))
        await shop.sender().send_due()
        shop.clock.advance(8 * DAY)
        await shop.evaluation().measure()
        assert await vera.logs_in("vera") == 303
        assert "пора" in (await vera.get(late))[1]
        status, shown = await vera.get("/proactive/effect")
        assert status == 200
        assert "late_delivery" in shown
        decided = await shop.decisions()
        assert [row.verdict.value for row in decided] in (["send"], ["holdout"])


async def test_others_may_not(shop: Shop) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with TestServer(await site(shop)) as server, aiohttp.ClientSession(cookie_jar=jar) as http:
        anna = Agent(http, str(server.make_url("")).rstrip("/"))
        assert (await anna.get("/proactive"))[0] == 303
        assert await anna.logs_in("anna") == 303
        for path in ("/proactive", "/proactive/effect", "/proactive/incidents", "/proactive/rules/new"):
            assert (await anna.get(path))[0] == 403
        assert (await anna.post("/proactive/rules/new", text=LATE))[0] == 403


async def test_an_incident_is_entered_by_staff_or_by_a_signed_webhook(shop: Shop) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with TestServer(await site(shop)) as server, aiohttp.ClientSession(cookie_jar=jar) as http:
        url = str(server.make_url("")).rstrip("/")
        vera = Agent(http, url)
        await vera.logs_in("vera")
        told = {"kind": "outage", "match": "Казань", "said_ru": "Не работает.", "said_en": "Broken."}
        assert (await vera.post("/proactive/incidents", **told))[0] == 303
        assert (await vera.post("/proactive/incidents", **told | {"said_en": ""}))[0] == 422
        key = read_or_make_secret(shop.gateway.settings.var / "secrets" / "incidents")
        said = {"ru": "Отзыв.", "en": "Recall."}
        body = json.dumps({"id": "r1", "kind": "recall", "match": "Чайник", "said": said}).encode()
        right = {"X-Zabota-Signature": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()}
        for headers, status in ((right, 200), (right, 200), ({}, 403)):
            async with http.post(f"{url}/hooks/incidents", data=body, headers=headers) as answer:
                assert answer.status == status
        found = await shop.all(Incident)
        assert [(row.kind, row.created_by != "webhook") for row in found] == [
            ("outage", True), ("recall", False),
        ]  # fmt: skip
        assert (await vera.post(f"/proactive/incidents/{found[0].id}/end"))[0] == 303
        assert "закончилось" in (await vera.get("/proactive/incidents"))[1]
