"""`var/channels.yml`: read strictly, secrets from elsewhere, mistakes told in words."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.channels.accounts import BadConfig, TelegramAccount, VkAccount, load
from bot.channels.http import Downloads
from bot.channels.port import Transient, Unreadable

TELEGRAM = "accounts:\n  shop:\n    kind: telegram\n    token: ${TOKEN}\n"
TOKEN = "123456:ABC-def"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "channels.yml"


def test_no_file_means_no_messenger(file: Path) -> None:
    assert load(file).accounts == {}
    file.write_text("")
    assert load(file).accounts == {}


def test_secrets_come_from_the_environment_or_from_files(file: Path, tmp_path: Path) -> None:
    (tmp_path / "vk-secret").write_text("a-secret-of-vk\n")
    file.write_text(
        TELEGRAM + f"  group:\n    kind: vk\n    token: ${{VK}}\n    group_id: 77\n    confirmation: abc\n"
        f"    secret: ${{file:{tmp_path}/vk-secret}}\n"
    )
    accounts = load(file, {"TOKEN": TOKEN, "VK": "vk1"}).accounts
    assert isinstance(accounts["shop"], TelegramAccount)
    assert accounts["shop"].token.get_secret_value() == TOKEN
    assert isinstance(accounts["group"], VkAccount)
    assert accounts["group"].secret.get_secret_value() == "a-secret-of-vk"


def test_a_webhook_secret_nobody_set_follows_from_the_key(file: Path) -> None:
    file.write_text(TELEGRAM)
    first = load(file, {"TOKEN": TOKEN}).accounts["shop"]
    other = load(file, {"TOKEN": TOKEN + "x"}).accounts["shop"]
    assert isinstance(first, TelegramAccount)
    assert isinstance(other, TelegramAccount)
    assert len(first.hook_secret) == 64
    assert first.hook_secret != other.hook_secret


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (TELEGRAM, "accounts.shop.token: the environment variable TOKEN is not set"),
        ("accounts:\n  a:\n    kind: vk\n    token: ${file:/nowhere}\n", "the file /nowhere cannot be read"),
        ("accounts:\n  a:\n    kind: icq\n", "accounts.a"),
        ("accounts:\n  a:\n    kind: telegram\n    token: nonsense\n", "@BotFather gives it"),
        ("accounts:\n  a:\n    kind: telegram\n    token: 1:a\n    tokn: x\n", "accounts.a.tokn: Extra"),
        ("accounts:\n  'a b':\n    kind: telegram\n    token: 1:a\n", "accounts.a b"),
        ("accounts: [", "not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_without_any_secret(file: Path, written: str, told: str) -> None:
    file.write_text(written)
    with pytest.raises(BadConfig) as caught:
        load(file, {})
    assert told in str(caught.value)
    assert "nonsense" not in str(caught.value)


# ---- files by addresses from outside ----


@pytest.fixture
async def inside() -> AsyncIterator[TestServer]:
    """Something in our own network that must not be reached."""

    async def secret(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"secret" * 1000)

    async def away(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("http://127.0.0.1/")

    app = web.Application()
    app.router.add_get("/secret", secret)
    app.router.add_get("/away", away)
    async with TestServer(app) as server:
        yield server


async def got(downloads: Downloads, url: str, limit: int = 10_000) -> bytes:
    return b"".join([chunk async for chunk in downloads.stream(url, limit)])


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/file",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "file:///etc/passwd",
        "",
    ],
)
async def test_an_event_cannot_make_us_ask_our_own_network(url: str) -> None:
    with pytest.raises((Unreadable, Transient)):
        await got(Downloads(), url)


async def test_a_name_that_leads_into_our_network_is_not_followed(inside: TestServer) -> None:
    with pytest.raises(Transient):
        await got(Downloads(), f"https://localhost:{inside.port}/secret")


async def test_files_of_our_own_server_and_no_more_of_them_than_allowed(inside: TestServer) -> None:
    downloads = Downloads(trusted=str(inside.make_url("")).rstrip("/"))
    url = str(inside.make_url("/secret"))
    assert await got(downloads, url) == b"secret" * 1000
    with pytest.raises(Unreadable):
        await got(downloads, url, limit=100)
    with pytest.raises(Unreadable):
        await got(downloads, str(inside.make_url("/away")))
    with pytest.raises(Unreadable):
        await got(downloads, str(inside.make_url("/nothing")))
