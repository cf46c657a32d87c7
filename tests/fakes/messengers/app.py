"""The application of all fakes, and how to run it: in a test, or as a process of its own.

As a process, `/_fake/…` lets a test of whole processes break things and look at what people got.
"""

import argparse
import asyncio
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

from core.process import make_loop
from tests.fakes.messengers.base import FakeProvider
from tests.fakes.messengers.max import FakeMax
from tests.fakes.messengers.sms import FakeSms
from tests.fakes.messengers.telegram import FakeTelegram
from tests.fakes.messengers.viber import FakeViber
from tests.fakes.messengers.vk import FakeVk
from tests.fakes.messengers.whatsapp import FakeWhatsApp

LARGEST = 60 * 1024 * 1024


class Messengers:
    """Every provider; `async with` runs them."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self.telegram = FakeTelegram()
        self.max = FakeMax()
        self.vk = FakeVk()
        self.whatsapp = FakeWhatsApp()
        self.viber = FakeViber()
        self.sms = FakeSms()
        self.base = ""

    @property
    def all(self) -> dict[str, FakeProvider]:
        known = (self.telegram, self.max, self.vk, self.whatsapp, self.viber, self.sms)
        return {each.name: each for each in known}

    async def __aenter__(self) -> "Messengers":
        self._session = aiohttp.ClientSession()
        app = web.Application()
        for name, provider in self.all.items():
            part = web.Application(client_max_size=LARGEST)
            provider.routes(part.router)
            provider.session = self._session
            app.add_subapp(f"/{name}", part)
        self._admin(app.router)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base = f"http://127.0.0.1:{port}"
        for name, provider in self.all.items():
            provider.url = f"{self.base}/{name}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for provider in self.all.values():
            provider.stopping.set()
            for task in list(provider._pushing):
                task.cancel()
        await self._runner.cleanup()
        await self._session.close()

    # ---- from other processes ----

    def _admin(self, router: web.UrlDispatcher) -> None:
        router.add_post("/_fake/fault", self._fault)
        router.add_post("/_fake/user_says", self._user_says)
        router.add_post("/_fake/hook", self._hook)
        router.add_get("/_fake/state", self._state)

    async def _fault(self, request: web.Request) -> web.Response:
        """`{"channel", "mode", "n"}`"""
        asked = await request.json()
        self.all[asked["channel"]].fail(asked["mode"], asked.get("n", 1))
        return web.json_response({})

    async def _user_says(self, request: web.Request) -> web.Response:
        """`{"channel", "user", "text"}`"""
        asked = await request.json()
        await self.all[asked["channel"]].person(asked["user"]).says(asked["text"])
        return web.json_response({})

    async def _hook(self, request: web.Request) -> web.Response:
        """`{"channel", "url"}`: what a person enters in the settings of VK or WhatsApp."""
        asked = await request.json()
        self.all[asked["channel"]].hook = asked["url"]
        return web.json_response({})

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response({name: _seen(provider) for name, provider in self.all.items()})


def _seen(provider: FakeProvider) -> dict[str, Any]:
    return {
        "people": {id_: [each.text for each in person.heard] for id_, person in provider.people.items()},
        "requests": len(provider.requests),
        "over_limit": provider.over_limit,
        "pushed": provider.pushed,
        "attempts": provider.attempts,
    }


async def _run(port: int) -> None:
    async with Messengers(port) as messengers:
        print(messengers.base, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    with asyncio.Runner(loop_factory=make_loop) as runner:  # it must not be what holds up a benchmark
        runner.run(_run(options.parse_args().port))
