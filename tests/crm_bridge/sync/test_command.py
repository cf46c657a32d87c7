"""An administrator types `zabota crm sync NAME`."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp.test_utils import TestServer
from sqlalchemy import select
from typer.testing import CliRunner

from bot.cli.sync import sync
from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import Customer
from tests.fakes.crm.odoo import FakeOdoo

FILE = """
accounts:
  shop:
    crm: {{kind: odoo, address: "{address}", key: "${{ODOO_KEY}}", database: shop}}
"""


@pytest.fixture
def installation(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZABOTA_VAR", str(tmp_path))
    monkeypatch.setenv("ZABOTA_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("ODOO_KEY", "key")
    return tmp_path


async def typed(*words: str) -> Any:
    app = typer.Typer()
    app.command()(sync)
    return await asyncio.to_thread(CliRunner().invoke, app, list(words))


async def test_customers_come_in_and_the_figures_are_shown(
    installation: Path, sqlite_url: str, clock: ManualClock
) -> None:
    fake = FakeOdoo(clock)
    fake.add("Мария", "Соколова", "+79161234567")
    async with TestServer(fake.app()) as server:
        (installation / "crm.yml").write_text(FILE.format(address=server.make_url("")))
        shown = await typed("shop")
        figures = json.loads((await typed("shop", "--status", "--json")).stdout)
    assert (shown.exit_code, "waiting to be sent" in shown.stdout) == (0, True)
    assert (figures["account"], figures["waiting"], figures["conflicts"]) == ("shop", 0, 0)
    db = Database(sqlite_url)
    async with db.read() as session:
        assert [who.name for who in await session.scalars(select(Customer))] == ["Мария Соколова"]
    await db.close()


async def test_a_crm_that_is_down_is_told_in_words(installation: Path, clock: ManualClock) -> None:
    fake = FakeOdoo(clock)
    fake.down = True
    async with TestServer(fake.app()) as server:
        (installation / "crm.yml").write_text(FILE.format(address=server.make_url("")))
        answer = await typed("shop", "--all")
    assert answer.exit_code == 4
    assert "nothing is lost" in answer.output


async def test_an_unknown_account_and_a_wrong_file_have_exit_codes_of_their_own(installation: Path) -> None:
    assert (await typed("shop")).exit_code == 3
    (installation / "crm.yml").write_text("accounts: {shop: {crm: {kind: sap}}}")
    wrong = await typed("shop")
    assert wrong.exit_code == 2
    assert "accounts.shop.crm" in wrong.output
