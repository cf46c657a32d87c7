"""The whole product with two models that can go live, and an administrator's browser."""

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.registry import Registry
from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core.clock import SystemClock
from core.settings import Settings
from tests.product.running import Product, running_product, trained_models
from tests.studio.conftest import PASSWORD

KEY = Settings().models_key
SECOND = "second.tar.gz"
PATIENCE = 120  # seconds; a busy machine is slow


@dataclass
class Shop:
    """A running product with two models, and somebody who is logged in."""

    product: Product
    registry: Registry
    http: aiohttp.ClientSession
    engine: str  # its address
    csrf: str

    async def posts(self, path: str, **form: str) -> int:
        """What a form on a page does; the status."""
        async with self.http.post(
            f"{self.product.base}{path}", data=form | {"csrf": self.csrf}, allow_redirects=False
        ) as answer:
            return answer.status

    async def switch(self) -> None:
        """Promote the model that is not live; an answer may never come."""
        live = self.registry.live_model()
        [other] = [one.file for one in self.registry.models() if live is None or one.file != live.file]
        with contextlib.suppress(aiohttp.ClientError):
            why = "проверяем, что ничего не сломается"
            assert await self.posts("/studio/models/promote", model=other, reason=why) == 303

    async def settled(self) -> None:
        """The registry is whole, the engine serves what it names, and a customer is answered."""
        for model in self.registry.models():
            self.registry.check(model)
        live = self.registry.live()
        assert live is not None
        async with asyncio.timeout(PATIENCE):
            while (await self._health()).get("model") != live.name:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.2)
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    customer = await self.product.customer()
                    break
                await asyncio.sleep(0.2)  # the gateway is not there again
        assert await customer.says("какие есть способы доставки?")

    async def candidate(self) -> dict[str, Any] | None:
        """What the engine tries."""
        found: dict[str, Any] | None = (await self._health()).get("candidate")
        return found

    async def _health(self) -> dict[str, Any]:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self.http.get(f"{self.engine}/webhooks/zabota/health") as answer:
                found: dict[str, Any] = await answer.json()
                return found
        return {}


@contextlib.asynccontextmanager
async def running_shop(folder: Path) -> AsyncIterator[Shop]:
    """Start it with a copy of the real model under a second name."""
    models = Path(shutil.copytree(await asyncio.to_thread(trained_models), folder / "models"))
    registry = Registry(models, KEY)
    first = registry.live()
    assert first is not None
    shutil.copy(first, models / SECOND)
    registry.add(models / SECOND, SystemClock().now(), 1.0, live=False)
    settings = {"staff_secret": PASSWORD, "messages_per_minute": "10000"}
    async with (
        running_product(folder, models, **settings) as product,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        accounts = Accounts(product.db, SystemClock(), PASSWORD.encode())
        await accounts.add("chief", "Вера", PASSWORD, frozenset({Role.ADMINISTRATOR}), "tests")
        form = {"login": "chief", "password": PASSWORD}
        async with http.post(f"{product.base}/staff/login", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        async with http.get(f"{product.base}/staff/account") as answer:
            found = re.search(r'name="csrf" value="(\w+)"', await answer.text())
        assert found
        environment = product.process("bot.engine.launcher").environ()
        engine = f"http://127.0.0.1:{environment['ZABOTA_ENGINE_PORT']}"
        yield Shop(product, registry, http, engine, found[1])
