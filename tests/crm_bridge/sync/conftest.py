"""The office of every story: both databases, a CRM without wires, a clock that stands still."""

from collections.abc import Callable

import pytest

from core.clock import ManualClock
from core.db import Database
from crm_bridge.sync.rules import SyncRules
from tests.crm_bridge.sync.office import Office
from tests.fakes.crm.plain import PlainCrm

MakeOffice = Callable[..., Office]


@pytest.fixture
def crm(clock: ManualClock) -> PlainCrm:
    return PlainCrm(clock)


@pytest.fixture
def office(db: Database, clock: ManualClock, crm: PlainCrm) -> Office:
    return Office(db, clock, crm)


@pytest.fixture
def office_with(sqlite: Database, clock: ManualClock, crm: PlainCrm) -> MakeOffice:
    """An office with rules of its own."""

    def make(**rules: object) -> Office:
        return Office(sqlite, clock, crm, SyncRules.model_validate(rules))

    return make
