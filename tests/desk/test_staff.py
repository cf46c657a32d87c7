"""Who gets in, and what a stranger, a colleague and another site cannot do."""

import re
from datetime import timedelta

import pyotp
import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import AbstractRoute

from tests.desk.conftest import PASSWORD, Browser, Console

ROLES = ("anna", "boris", "vera")
# Page or deed → who may. Direct requests included: the menu is no lock.
ANSWER, SUPERVISE, ALL = {"anna", "boris"}, {"boris"}, {"anna", "boris", "vera"}
TABLE = {
    ("GET", "/desk"): ANSWER,
    ("GET", "/desk/list/queue"): ANSWER,
    ("GET", "/desk/list/all"): ANSWER,
    ("GET", "/desk/search?q=x"): ANSWER,
    ("POST", "/desk/filters"): ANSWER,
    ("POST", "/desk/filters/1/remove"): ANSWER,
    ("POST", "/desk/away"): ANSWER,
    ("GET", "/desk/c/{chat}"): ANSWER,
    ("GET", "/desk/c/{chat}/log"): ANSWER,
    ("GET", "/desk/c/{chat}/customer"): ANSWER,
    ("GET", "/desk/c/{chat}/history"): ANSWER,
    ("GET", "/desk/c/{chat}/file/none"): ANSWER,
    ("POST", "/desk/c/{chat}/take"): ANSWER,
    ("POST", "/desk/c/{chat}/answer"): ANSWER,
    ("POST", "/desk/c/{chat}/typing"): ANSWER,
    ("POST", "/desk/c/{chat}/hand_back"): ANSWER,
    ("POST", "/desk/c/{chat}/resolve"): ANSWER,
    ("POST", "/desk/c/{chat}/snooze"): ANSWER,
    ("POST", "/desk/c/{chat}/transfer"): ANSWER,
    ("POST", "/desk/c/{chat}/note"): ANSWER,
    ("POST", "/desk/c/{chat}/retry/none"): ANSWER,
    ("GET", "/desk/c/{chat}/help"): ANSWER,
    ("GET", "/desk/c/{chat}/teach/m{chat}"): ANSWER,
    ("POST", "/desk/c/{chat}/teach/m{chat}"): ANSWER,
    ("POST", "/desk/c/{chat}/do/send_code"): ANSWER,
    ("POST", "/desk/c/{chat}/do/check_code"): ANSWER,
    ("POST", "/desk/c/{chat}/do/open_case"): ANSWER,
    ("POST", "/desk/c/{chat}/do/cancel_order"): ANSWER,
    ("GET", "/desk/c/{chat}/do/slots"): ANSWER,
    ("POST", "/desk/c/{chat}/do/book_visit"): ANSWER,
    ("GET", "/desk/cases"): ANSWER,
    ("POST", "/desk/cases/T-00001"): ANSWER,
    ("GET", "/desk/canned"): ANSWER,
    ("GET", "/desk/canned/list?conversation={chat}"): ANSWER,
    ("POST", "/desk/canned"): SUPERVISE,
    ("GET", "/desk/board"): SUPERVISE,
    ("GET", "/desk/board/now"): SUPERVISE,
    ("GET", "/desk/agents/1"): SUPERVISE,
    ("POST", "/desk/agents/1"): SUPERVISE,
    ("GET", "/desk/c/{chat}/review"): SUPERVISE,
    ("POST", "/desk/c/{chat}/review"): SUPERVISE,
    ("GET", "/staff"): ALL,
    ("GET", "/staff/account"): ALL,
    ("POST", "/staff/account/password"): ALL,
    ("POST", "/staff/account/second-factor"): ALL,
    ("POST", "/staff/account/second-factor/confirm"): ALL,
    ("POST", "/staff/account/sessions/99/end"): ALL,
}


@pytest.mark.parametrize(("method", "path"), TABLE, ids=str)
async def test_every_page_and_deed_is_for_those_who_may(
    console: Console, agent: Browser, method: str, path: str
) -> None:
    chat = await console.waiting()
    for login in (None, *ROLES):
        browser = await agent(login)
        address = path.replace("{chat}", chat)
        form = {"epoch": "0", "text": "…", "client_id": "x", "key": "x", "number": "1", "slot": "1"}
        status, _ = await (browser.get(address) if method == "GET" else browser.post(address, **form))
        if login is None:
            assert status in (303, 401), login
        elif login in TABLE[method, path]:
            assert status not in (401, 403), login
            assert "/staff/login" not in browser.sent_to, login
        else:
            assert status == 403, login


async def test_the_table_has_every_page_of_the_staff(console: Console) -> None:
    """A new page that nobody put into the table is no page that was tried."""
    tried = set()
    for method, path in TABLE:
        address = path.replace("{chat}", "chat").partition("?")[0]
        found = await console.app.router.resolve(make_mocked_request(method, address))
        tried.add((method, _shape(found.route)))
    open_to_all = {"/staff/login", "/staff/second-factor", "/staff/logout", "/desk/events"}
    for route in console.app.router.routes():
        if _shape(route).startswith(("/desk", "/staff")) and route.method != "HEAD":
            assert _shape(route) in open_to_all or (route.method, _shape(route)) in tried


OFFICE = ("/studio", "/proactive")


async def test_the_administrators_pages_are_theirs_alone(console: Console, agent: Browser) -> None:
    """Every page and deed that there is, those that come later too."""
    browsers = {login: await agent(login) for login in ("anna", "boris")}
    stranger, vera = await agent(), await agent("vera")
    tokens = {login: await browser.csrf() for login, browser in browsers.items()}
    seen = 0
    for route in console.app.router.routes():
        if not _shape(route).startswith(OFFICE) or route.method not in ("GET", "POST"):
            continue
        address = await _address(console, route)
        seen += 1
        get = route.method == "GET"
        status, _ = await (stranger.get(address) if get else stranger.post(address, csrf=""))
        assert status in (303, 401, 403), address
        for login, browser in browsers.items():
            status, _ = await (browser.get(address) if get else browser.post(address, csrf=tokens[login]))
            assert status == 403, (login, address)
        if get and not address.endswith("/events"):
            assert (await vera.get(address))[0] not in (401, 403), address
    assert seen > 40


async def _address(console: Console, route: AbstractRoute) -> str:
    """An address that leads to the route: some take a number, some a word."""
    for word in ("1", "x", "utter_greet", "csv", "0" * 32):
        address = re.sub(r"{[^}]*}", word, _shape(route))
        found = await console.app.router.resolve(make_mocked_request(route.method, address))
        if found.route is route:
            return address
    raise AssertionError(_shape(route))


def _shape(route: AbstractRoute) -> str:
    return route.resource.canonical if route.resource else ""


async def test_a_wrong_password_and_an_unknown_login_look_the_same(agent: Browser) -> None:
    browser = await agent()
    assert await browser.logs_in("anna", "a wrong password") == 422
    assert await browser.logs_in("nobody", "a wrong password") == 422
    assert (await browser.get("/desk"))[0] == 303


async def test_guessing_is_ended_after_five_tries_for_a_while(console: Console, agent: Browser) -> None:
    browser = await agent()
    for _ in range(5):
        assert await browser.logs_in("anna", "a wrong password") == 422
    assert await browser.logs_in("anna") == 429
    console.clock.advance(timedelta(minutes=16))
    assert await browser.logs_in("anna") == 303


async def test_the_second_factor_is_asked_for_and_a_code_counts_once(
    console: Console, agent: Browser
) -> None:
    anna = await agent("anna")
    _, page = await anna.post("/staff/account/second-factor")
    secret = re.search(r"<code>(\w+)</code>", page)
    assert secret
    totp = pyotp.TOTP(secret[1])
    code = totp.at(console.clock.now())
    assert (await anna.post("/staff/account/second-factor/confirm", code="000000"))[0] == 422
    assert (await anna.post("/staff/account/second-factor/confirm", code=code))[0] == 303

    again = await agent("anna")
    assert (await again.get("/desk"))[0] == 303, "the password alone is not enough"
    assert (await again.post("/staff/second-factor", code=code))[0] == 422, "the code was used already"
    console.clock.advance(timedelta(seconds=30))
    fresh = totp.at(console.clock.now())
    assert (await again.post("/staff/second-factor", code=fresh))[0] == 303
    assert (await again.get("/desk"))[0] == 200


async def test_another_site_cannot_act_for_an_agent(console: Console, agent: Browser) -> None:
    chat = await console.waiting()
    anna = await agent("anna")
    for token in ("", "guessed"):
        status, _ = await anna.post(f"/desk/c/{chat}/take", csrf=token, epoch="1")
        assert status == 403
    assert (await console.conversation(chat)).agent_id is None


async def test_after_the_log_in_one_stays_on_this_site(agent: Browser) -> None:
    browser = await agent()
    for target, lands in (
        ("/desk?view=all", "/desk?view=all"),
        ("//evil.example", "/staff"),
        ("https://e.org", "/staff"),
    ):
        form = {"login": "anna", "password": PASSWORD}
        async with browser.http.post(
            f"{browser.url}/staff/login", params={"to": target}, data=form, allow_redirects=False
        ) as answer:
            assert answer.headers["Location"] == lands


@pytest.mark.parametrize(("login", "lands"), [("anna", "/desk"), ("boris", "/desk"), ("vera", "/studio")])
async def test_everybody_begins_where_they_work(agent: Browser, login: str, lands: str) -> None:
    browser = await agent(login)
    async with browser.http.get(f"{browser.url}/staff", allow_redirects=False) as answer:
        assert answer.headers["Location"] == lands


async def test_a_session_ends_by_itself_by_hand_and_with_the_account(
    console: Console, agent: Browser
) -> None:
    anna = await agent("anna")
    console.clock.advance(timedelta(hours=13))
    assert (await anna.get("/desk"))[0] == 303
    anna = await agent("anna")
    assert (await anna.post("/staff/logout"))[0] == 303
    assert (await anna.get("/desk"))[0] == 303
    anna = await agent("anna")
    [account] = [one for one in await console.accounts.all() if one.login == "anna"]
    await console.accounts.disable(account.id, "tests")
    assert (await anna.get("/desk"))[0] == 303
    assert await anna.logs_in("anna") == 422


async def test_a_new_password_ends_the_other_sessions(agent: Browser) -> None:
    here, there = await agent("anna"), await agent("anna")
    status, _ = await here.post("/staff/account/password", old=PASSWORD, new="another long one")
    assert status == 200
    assert (await there.get("/desk"))[0] == 303
    assert (await here.get("/desk"))[0] == 200
