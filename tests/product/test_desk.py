"""A customer asks for a person, an agent takes over and hands back, and the bot goes on: for real."""

import contextlib
import re

import aiohttp

from bot.web.staff.accounts import Accounts, LoginTaken
from bot.web.staff.roles import Role
from core.clock import SystemClock
from tests.product.running import Product

PASSWORD = "a long password"


async def logged_in(product: Product, http: aiohttp.ClientSession) -> dict[str, str]:
    """Anna's browser; the headers that her page sends."""
    accounts = Accounts(product.db, SystemClock(), b"staff")
    with contextlib.suppress(LoginTaken):
        await accounts.add("anna", "Анна", PASSWORD, frozenset({Role.AGENT}), "tests")
    async with http.post(
        f"{product.base}/staff/login", data={"login": "anna", "password": PASSWORD}
    ) as answer:
        page = await answer.text()
    found = re.search(r"X-CSRF-Token&#34;: &#34;(\w+)|X-CSRF-Token\": \"(\w+)", page)
    assert found, page[:500]
    return {"X-CSRF-Token": found[1] or found[2]}


async def test_a_person_takes_over_and_the_bot_is_silent_until_it_is_handed_back(product: Product) -> None:
    maria = await product.customer()
    assert "Позвала сотрудника" in await maria.says("позовите живого человека")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        headers = await logged_in(product, http)
        chat = f"{product.base}/desk/c/{maria.conversation_id}"

        async def post(deed: str, epoch: int, **form: str) -> int:
            data = {"epoch": str(epoch)} | form
            async with http.post(f"{chat}/{deed}", data=data, headers=headers) as answer:
                return answer.status

        assert await post("take", 1) == 204
        assert "Анна" in (await maria.next_line())["text"]
        await maria.sends("где мой заказ 1001?")
        assert await post("answer", 2, text="Смотрю ваш заказ", client_id="a1") == 200
        said = await maria.next_line()
        assert (said["author"], said["text"]) == ("agent", "Смотрю ваш заказ")
        assert await post("hand_back", 2) == 204
        assert "Забота" in (await maria.next_line())["text"]
    assert "виртуальная помощница" in await maria.says("а теперь вы бот?")
