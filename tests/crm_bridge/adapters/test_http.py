"""One account's requests: limited, guarded, repeated with care, silent about secrets."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.clock import ManualClock
from crm_bridge.adapters.auth import Header, Request
from crm_bridge.adapters.errors import RateLimited, Refused, Resting, Unavailable, Uncertain
from crm_bridge.adapters.http import CrmHttp, Limits
from tests.crm_bridge.adapters.conftest import HurriedClock
from tests.ports import free_port

FAST = Limits(requests=1000, failures=5)


class Server:
    """Answers with statuses in turn, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.asked: list[float] = []
        self.body = b"{}"

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked.append(time.monotonic())
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, body=self.body, headers=self.headers)


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    answers = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answers.answer)
    async with TestServer(app) as running:
        yield answers, str(running.make_url(""))


def client(address: str, http: aiohttp.ClientSession, clock: ManualClock, limits: Limits = FAST) -> CrmHttp:
    return CrmHttp("shop", address, http, Header({"Authorization": "Bearer s3cr3t"}), clock, limits)


async def test_a_burst_passes_and_what_follows_keeps_the_rate(
    server: tuple[Server, str], http: aiohttp.ClientSession, hurried: HurriedClock
) -> None:
    answers, address = server
    crm = client(address, http, hurried, replace(FAST, requests=5, per=timedelta(seconds=0.5)))
    began = time.monotonic()
    await asyncio.gather(*(crm.call(Request("GET", "x")) for _ in range(10)))
    assert len(answers.asked) == 10
    assert answers.asked[-1] - began >= 0.4  # five at once, five more at ten a second


async def test_an_account_that_fails_again_and_again_is_left_alone_and_then_tried(
    server: tuple[Server, str],
    http: aiohttp.ClientSession,
    hurried: HurriedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, address = server
    monkeypatch.setattr("purgatory.domain.model.time.time", lambda: hurried.now().timestamp())
    crm = client(address, http, hurried)
    answers.statuses = [503] * 6
    for _ in range(2):
        with pytest.raises(Unavailable):
            await crm.call(Request("GET", "x"))
    with pytest.raises(Resting):
        await crm.call(Request("GET", "x"))
    asked = len(answers.asked)
    assert asked == 5
    hurried.advance(timedelta(seconds=31))
    answers.statuses = []
    assert (await crm.call(Request("GET", "x"))).status == 200


async def test_a_refusal_is_no_failure_of_the_crm(
    server: tuple[Server, str], http: aiohttp.ClientSession, hurried: HurriedClock
) -> None:
    answers, address = server
    crm = client(address, http, hurried)
    answers.statuses = [400] * 20
    for _ in range(20):
        with pytest.raises(Refused):
            await crm.call(Request("POST", "x", body={}))
    assert (await crm.call(Request("GET", "x"))).status == 200


async def test_a_long_wait_is_left_to_the_caller(
    server: tuple[Server, str], http: aiohttp.ClientSession, hurried: HurriedClock
) -> None:
    answers, address = server
    answers.statuses, answers.headers = [429], {"Retry-After": "90"}
    with pytest.raises(RateLimited) as limited:
        await client(address, http, hurried).call(Request("GET", "x"))
    assert limited.value.retry_after == timedelta(seconds=90)
    assert len(answers.asked) == 1


async def test_nobody_at_the_address_is_unavailable_for_writes_too(
    http: aiohttp.ClientSession, hurried: HurriedClock
) -> None:
    crm = client(f"http://127.0.0.1:{free_port()}", http, hurried)
    with pytest.raises(Unavailable):
        await crm.call(Request("POST", "x", body={}))


async def test_an_answer_without_end_is_cut_off(
    server: tuple[Server, str],
    http: aiohttp.ClientSession,
    hurried: HurriedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, address = server
    monkeypatch.setattr("crm_bridge.adapters.http.ANSWER_LIMIT", 1000)
    answers.body = b"[" + b"1," * 1000 + b"1]"
    with pytest.raises(Refused, match="too large"):
        await client(address, http, hurried).call(Request("GET", "x"))


async def test_a_redirect_is_not_followed_with_the_key(
    server: tuple[Server, str], http: aiohttp.ClientSession, hurried: HurriedClock
) -> None:
    answers, address = server
    answers.statuses, answers.headers, answers.body = [302], {"Location": "http://127.0.0.1:1/"}, b"moved"
    with pytest.raises((Refused, Unavailable, Uncertain)):
        await client(address, http, hurried).call(Request("POST", "x", body={}))
    assert len(answers.asked) == 1


async def test_secrets_and_personal_data_stay_out_of_the_log(
    server: tuple[Server, str],
    http: aiohttp.ClientSession,
    hurried: HurriedClock,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers, address = server
    answers.statuses = [500]
    caplog.set_level(logging.DEBUG)
    request = Request("POST", "rest/1/c0de/x", body={"phone": "+79161234567"})
    with pytest.raises(Uncertain):
        await client(address, http, hurried).call(request)
    ours = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
    said = "\n".join([*ours, *capsys.readouterr()])
    assert "uncertain" in said
    for secret in ("s3cr3t", "c0de", "+7916"):
        assert secret not in said
