"""The CRM tells that something changed: signed hints are taken, everything else is turned away."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from bot.web.app import make_app
from core.clock import SystemClock
from core.db import Database
from core.jobs.embedded import JobRow
from core.settings import Settings

CONFIG = """
accounts:
  shop:
    crm:
      kind: amocrm
      address: http://127.0.0.1:9/
      token: t
      webhook_secret: open-sesame-0123456789
"""
HINT = {"contacts[update][0][id]": "77", "account[id]": "1"}


@pytest.fixture
async def hooks(sqlite: Database, tmp_path: Path) -> AsyncIterator[str]:
    (tmp_path / "crm.yml").write_text(CONFIG)
    settings = Settings(_env_file=None, var=tmp_path, demo=False, engine_secret="engine")  # type: ignore[arg-type]
    async with TestServer(await make_app(settings, sqlite, SystemClock())) as server:
        yield str(server.make_url("/hooks/crm"))


async def posted(url: str) -> int:
    async with aiohttp.ClientSession() as http, http.post(url, data=HINT) as answer:
        return answer.status


async def test_a_hint_is_taken_and_the_record_will_be_read_again(hooks: str, sqlite: Database) -> None:
    assert await posted(f"{hooks}/shop/open-sesame-0123456789") == 200
    async with sqlite.read() as session:
        payloads = [job.payload for job in await session.scalars(select(JobRow))]
    assert any("77" in str(payload) for payload in payloads)


async def test_a_forged_hint_and_an_unknown_account_are_turned_away(hooks: str) -> None:
    assert await posted(f"{hooks}/shop/guessed") == 403
    assert await posted(f"{hooks}/shop") == 403
    assert await posted(f"{hooks}/another/open-sesame-0123456789") == 404
