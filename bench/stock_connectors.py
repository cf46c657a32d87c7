"""Rasa's own Telegram connector, to be measured beside ours; `bench.delivery` runs it.

It runs in the engine's environment. The most favourable case for it: behind the connector stands an
assistant that says nothing, at once.

    serve PORT BASE    takes webhooks at /webhooks/telegram/webhook
    deliver BASE N     sends N messages, 64 at a time; prints how many a second, and what each cost (ms)
"""

from __future__ import annotations

import asyncio
import sys
import time
from types import SimpleNamespace

from aiogram.bot.api import TelegramAPIServer
from rasa.core.channels.channel import UserMessage, register
from rasa.core.channels.telegram import TelegramInput, TelegramOutput
from sanic import Sanic

TOKEN, BOT = "123456:fake-token_for-tests", "shop_bot"
AT_ONCE = 64


class LocalOutput(TelegramOutput):
    """Rasa's, but for the address of Telegram."""

    def __init__(self, base: str) -> None:
        super().__init__(TOKEN)
        self.server = TelegramAPIServer.from_base(base)


class LocalInput(TelegramInput):
    """Likewise."""

    def __init__(self, base: str) -> None:
        super().__init__(TOKEN, BOT, webhook_url="https://example.com")
        self._base = base

    def get_output_channel(self) -> TelegramOutput:
        return LocalOutput(self._base)


class Silent:
    """An assistant."""

    async def handle_message(self, message: UserMessage) -> None:
        return None


def serve(port: int, base: str) -> None:
    app = Sanic("stock", configure_logging=False)
    app.ctx = SimpleNamespace(agent=Silent())
    register([LocalInput(base)], app, route="/webhooks/")
    app.run(host="127.0.0.1", port=port, access_log=False, motd=False)


async def deliver(base: str, count: int) -> None:
    output = LocalOutput(base)
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await output.send_text_message(str(2000 + number % 600), "Заказ в пути.")

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    took, used = time.perf_counter() - began, time.process_time() - used
    print(f"{count / took:.1f} {1000 * used / count:.3f}")
    await output.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port, base]:
            serve(int(port), base)
        case ["deliver", base, count]:
            asyncio.run(deliver(base, int(count)))
