"""Every CRM on loopback, and the adapter that an administrator would get for it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from core.clock import ManualClock
from crm_bridge.adapters import AnyAccount, Builder, CrmAdapter
from crm_bridge.adapters.oauth import Tokens
from tests.conftest import NOON
from tests.fakes.crm.amocrm import FakeAmoCrm
from tests.fakes.crm.base import FakeCrm
from tests.fakes.crm.bitrix24 import FakeBitrix24
from tests.fakes.crm.bottlecrm import FakeBottleCrm
from tests.fakes.crm.espocrm import FakeEspoCrm
from tests.fakes.crm.odoo import FakeOdoo
from tests.fakes.crm.rest import FakeRest

FAKES: list[type[FakeCrm]] = [FakeBitrix24, FakeAmoCrm, FakeOdoo, FakeEspoCrm, FakeBottleCrm, FakeRest]


class HurriedClock(ManualClock):
    """Whoever waits on it waits no time, and it moves on by what they waited."""

    async def sleep_until(self, when: datetime) -> None:
        if when > self.now():
            self.advance(when - self.now())


class MemoryTokens:
    """Tokens of a test."""

    def __init__(self, tokens: Tokens = Tokens("access-0", "refresh-0")) -> None:  # noqa: B008 - frozen
        self.tokens = tokens

    async def load(self) -> Tokens:
        return self.tokens

    async def swap(self, old: Tokens, new: Tokens) -> bool:
        if self.tokens != old:
            return False
        self.tokens = new
        return True


@dataclass
class Connected:
    """A fake CRM and the adapter that talks to it."""

    fake: FakeCrm
    crm: CrmAdapter
    clock: ManualClock
    account: AnyAccount


@pytest.fixture
def hurried() -> HurriedClock:
    return HurriedClock(NOON)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(params=FAKES, ids=lambda fake: fake.__name__.removeprefix("Fake"))
async def connected(
    request: pytest.FixtureRequest, hurried: HurriedClock, http: aiohttp.ClientSession
) -> AsyncIterator[Connected]:
    fake: FakeCrm = request.param(hurried)
    async with TestServer(fake.app()) as server:
        account = fake.account(str(server.make_url("")).rstrip("/"))
        crm = Builder(http, hurried).build("shop", account, MemoryTokens())
        yield Connected(fake, crm, hurried, account)
        fake.released.set()
