"""An administrator decides conflicts at the command line: `zabota crm conflicts`."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli import conflicts
from bot.cli.crm import app
from core.clock import ManualClock
from core.db import Database
from crm_bridge.sync.rules import SyncRules
from tests.crm_bridge.sync.office import Office
from tests.fakes.crm.plain import PlainCrm

PHONE, OURS, THEIRS = "+79161234567", "+79160000001", "+79160000002"


@pytest.fixture
async def asking(
    tmp_path: Path, database_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    """An office where Maria's phone waits for a decision."""
    monkeypatch.setenv("ZABOTA_VAR", str(tmp_path))
    monkeypatch.setenv("ZABOTA_DATABASE_URL", database_url)
    monkeypatch.setattr(conflicts.console, "width", 200)
    db, crm = Database(database_url), PlainCrm(clock)
    office = Office(db, clock, crm, SyncRules.model_validate({"fields": {"phone": {"conflict": "ask"}}}))
    maria = await office.customer(phone=PHONE)
    await office.pass_time()
    crm.edit("1", phone=THEIRS)
    await office.edit(maria, phone=OURS)
    await office.pass_time()
    yield office
    await db.close()


async def typed(*words: str) -> Any:
    return await asyncio.to_thread(CliRunner().invoke, app, ["conflicts", *words])


@pytest.mark.parametrize(("whose", "stands"), [("ours", OURS), ("theirs", THEIRS)])
async def test_the_value_that_was_chosen_stands_on_both_sides(
    asking: Office, whose: str, stands: str
) -> None:
    shown = await typed()
    assert all(word in shown.stdout for word in ("phone", OURS, THEIRS, "both changed", "waits"))
    [conflict] = json.loads((await typed("--json")).stdout)
    assert (conflict["ours"], conflict["theirs"], conflict["winner"]) == (OURS, THEIRS, None)
    decided = await typed("decide", str(conflict["id"]), whose, "--by", "anna")
    assert decided.exit_code == 0
    await asking.pass_time()
    crm = asking.party.crm
    assert isinstance(crm, PlainCrm)
    assert crm.sees("1", "phone") == await asking.sees(conflict["customer_id"], "phone") == stands
    assert "Nothing waits" in (await typed()).output
    [past] = json.loads((await typed("--all", "--json")).stdout)
    assert (past["decided_by"], past["decided_at"] is not None) == ("anna", True)
    assert f"{whose}, by anna" in (await typed("--all")).stdout


async def test_what_is_decided_or_unknown_is_told_by_the_exit_code(asking: Office) -> None:
    [conflict] = json.loads((await typed("--json")).stdout)
    number = str(conflict["id"])
    assert (await typed("decide", number, "ours", "--json")).exit_code == 0
    again = await typed("decide", number, "theirs")
    assert again.exit_code == 3
    assert "decided already" in again.output
    assert (await typed("decide", "999999", "ours")).exit_code == 1
    assert (await typed("decide", number, "nobody")).exit_code == 2


async def test_only_those_of_one_account(asking: Office) -> None:
    assert json.loads((await typed("--account", "other", "--json")).stdout) == []
    assert len(json.loads((await typed("--account", "shop", "--json")).stdout)) == 1
