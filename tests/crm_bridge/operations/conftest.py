"""The demo company's rules over an empty database."""

import pytest

from core.clock import ManualClock
from core.db import Database
from core.settings import ROOT
from crm_bridge import company
from crm_bridge.operations.running import Operations
from tests.crm_bridge.people import Company


@pytest.fixture(scope="session")
def rules() -> company.Company:
    return company.load(ROOT / "data/company.yml")


@pytest.fixture
def shop(db: Database, clock: ManualClock) -> Company:
    return Company(db, clock)


@pytest.fixture
def operations(db: Database, clock: ManualClock) -> Operations:
    return Operations(db, clock)
