"""The demo's own site: who is signed in there, and what a stranger cannot do."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from bot.web.app import make_app
from core.clock import ManualClock
from core.db import Database
from core.settings import Settings
from crm_bridge.demo import load
from tests.conftest import NOON


@pytest.fixture(scope="module")
async def site(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    path = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("shop") / "shop.db")
    clock, database = ManualClock(NOON), Database(f"sqlite+aiosqlite:///{path}")
    await load(database, clock.now())
    settings = Settings(_env_file=None, site_secret="site", engine_secret="engine")  # type: ignore[arg-type]
    async with TestServer(await make_app(settings, database, clock)) as server:
        yield str(server.make_url("")).rstrip("/")
    await database.close()


async def csrf(http: aiohttp.ClientSession, site: str) -> str:
    async with http.get(f"{site}/?lang=ru") as page:
        assert page.status == 200
        return page.cookies["zabota_demo_csrf"].value


async def test_signing_in_signs_the_user_for_the_chat(site: str) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        form = {"csrf": await csrf(http, site), "customer": "demo-1001"}
        async with http.post(f"{site}/demo/sign-in?lang=ru", data=form) as page:
            html = await page.text()
    assert 'user-id="demo-1001"' in html
    assert "user-hash=" in html


async def test_a_form_of_another_site_is_refused(site: str) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        await csrf(http, site)
        for form in ({"customer": "demo-1001"}, {"customer": "demo-1001", "csrf": "guessed"}):
            async with http.post(f"{site}/demo/sign-in", data=form) as answer:
                assert answer.status == 403


async def test_a_forged_cookie_signs_nobody_in(site: str) -> None:
    async with aiohttp.ClientSession() as http:
        for forged in ("demo-1001", "demo-1001.", f"demo-1001.{'0' * 64}"):
            async with http.get(f"{site}/?lang=ru", cookies={"zabota_demo_user": forged}) as page:
                assert "user-hash=" not in await page.text()


async def test_a_customer_outside_the_demo_cannot_be_played(site: str) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        form = {"csrf": await csrf(http, site), "customer": "demo-crowd-17"}
        async with http.post(f"{site}/demo/sign-in", data=form) as answer:
            assert answer.status == 400


@pytest.mark.parametrize("path", ["..%2fapp.py", "%2e%2e/app.py", "....//app.py", "%2fetc%2fpasswd"])
async def test_only_static_files_are_served(site: str, path: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{site}/static/{path}") as answer:
        assert answer.status == 404


async def test_pages_allow_no_strangers_code(site: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{site}/") as page:
        policy = page.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff"


async def test_without_the_demo_there_is_no_outbox_page(sqlite: Database, clock: ManualClock) -> None:
    settings = Settings(_env_file=None, demo=False, engine_secret="engine")  # type: ignore[arg-type]
    async with TestServer(await make_app(settings, sqlite, clock)) as server, aiohttp.ClientSession() as http:
        for path in ("/", "/demo/outbox"):
            async with http.get(server.make_url(path)) as answer:
                assert answer.status == 404
