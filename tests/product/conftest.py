"""The whole product as a customer meets it: every process, the real model, the demo company."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from crm_bridge.models import Throttle, VerificationCode
from tests.product.running import Product, running_product, trained_models


@pytest.fixture(scope="session")
def models() -> Path:
    return trained_models()


@pytest.fixture(scope="session")
async def shared_product(models: Path) -> AsyncIterator[Product]:
    """One product for all tests that leave it as it was."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_product(
            Path(folder), models, site_secret="site", staff_secret="staff", messages_per_minute="10000"
        ) as running:
            yield running


@pytest.fixture
async def product(shared_product: Product) -> Product:
    """The shared product; nobody has asked for too many codes yet, though all play the same customers."""
    async with shared_product.db.write() as session:
        for table in (VerificationCode, Throttle):
            await session.execute(delete(table))
    return shared_product
