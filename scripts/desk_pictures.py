"""Makes the pictures of the desk: real pages beside the demo company, in the middle of a working day.

`python -m scripts.desk_pictures` makes these alone; `make screenshots` makes them with all others. No engine
is asked: what the assistant said and understood is put into the log as a turn puts it there.
"""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.presence import seen
from bot.desk.tables import Note
from bot.gateway.app import GATEWAY, Gateway
from bot.gateway.conversations import next_seq
from bot.web.app import make_app
from bot.web.staff.accounts import Accounts
from bot.web.staff.roles import Role
from core import logs
from core.clock import ManualClock, SystemClock
from core.db import Database
from core.migrations import upgrade_async
from core.settings import ROOT, Settings
from crm_bridge.demo.loading import load
from crm_bridge.models import (
    Author,
    Conversation,
    Customer,
    Identity,
    Message,
    MessageState,
    Proof,
    Rating,
)
from tests.browsing import launch

IMAGES = ROOT / "docs/img"
PASSWORD = "a long password"  # noqa: S105 - of a desk that lives for a minute
LAPTOP, PHONE = {"width": 1366, "height": 860}, {"width": 390, "height": 844}
ANNA, BORIS = 1, 2
SOME = ("desk", "desk-list", "desk-board", "desk-cases")  # which are shown dark and on a phone, too


@dataclass(frozen=True)
class Talk:
    """A dialogue: who writes where, what was said in turn, and how long ago it reached people."""

    ref: str  # the demo customer
    channel: str
    said: Sequence[tuple[Author, str]]
    topic: str
    minutes: int
    urgent: bool = False
    sentiment: float | None = None


C, B = Author.CUSTOMER, Author.ASSISTANT
TALKS = (
    Talk(
        "demo-1002", "telegram",
        (
            (C, "заказ 1002 опаздывает уже третий день, где он?"),
            (B, "Посылка задержалась в сортировочном центре. Начислила вам 300 баллов за ожидание."),
            (C, "и деньги за него списали два раза! позовите человека"),
            (B, "Позвала сотрудника: он увидит всю переписку и ответит здесь же."),
        ),
        "payment_issue", 6, sentiment=-0.7,
    ),
    Talk("demo-1003", "webchat", ((C, "Can the courier come after six today?"),), "delivery_options", 3),
    Talk("demo-1005", "vk", ((C, "Пришла лампа с трещиной, что делать?"),), "damaged_or_wrong_item", 12),
    Talk("demo-1006", "whatsapp", ((C, "Отмените 1008, пока не отправили"),), "cancel_order", 1, urgent=True),
    Talk("demo-1010", "telegram", ((C, "Как записаться к мастеру на субботу?"),), "book_appointment", 2),
)  # fmt: skip


async def take(browser: Browser) -> None:
    """All of them, into `docs/img`."""
    async with _desk() as (base, chat):
        for scheme, size, end in (
            ("light", LAPTOP, ""),
            ("dark", LAPTOP, "-dark"),
            ("light", PHONE, "-phone"),
        ):
            context = await browser.new_context(
                viewport=size,  # type: ignore[arg-type]
                color_scheme=scheme,  # type: ignore[arg-type]
                locale="ru",
                timezone_id="Europe/Moscow",
            )
            await _pages(context, base, chat, end)
            await context.close()


async def _pages(context: BrowserContext, base: str, chat: str, end: str) -> None:
    page = await context.new_page()
    await page.goto(f"{base}/staff/login?to=/desk")
    await _picture(page, "desk-login", end)
    await page.locator("[name=login]").fill("anna")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#rows a")
    await _picture(page, "desk-list", end)
    await page.locator("#q").fill("лампа с трещиной")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#rows[data-found] a")
    await _picture(page, "desk-search", end)
    await page.goto(f"{base}/desk/c/{chat}?view=mine")
    await page.wait_for_selector(".summary")
    await page.locator("#answer").fill("Пётр, второе списание вернём сегодня, деньги придут за три дня.")
    await _picture(page, "desk", end)
    for address, name in (
        ("/desk/cases", "cases"),
        ("/desk/canned", "canned"),
        ("/desk/board", "board"),
        (f"/desk/agents/{ANNA}", "skills"),
        (f"/desk/c/{chat}/review", "review"),
        ("/staff/account", "account"),
    ):
        await page.goto(base + address)
        await page.wait_for_load_state("networkidle")
        await _picture(page, f"desk-{name}", end)


async def _picture(page: Page, name: str, end: str) -> None:
    await page.wait_for_load_state("load")
    if not end or name in SOME:
        await page.screenshot(path=IMAGES / f"{name}{end}.png")


# --- the working day ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _desk() -> AsyncIterator[tuple[str, str]]:
    """The desk's address, and the dialogue that Anna has."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'zabota.db'}"
        await upgrade_async(url)
        db, clock = Database(url), SystemClock()
        await load(db, clock.now())
        own: dict[str, Any] = {"_env_file": None, "var": Path(folder), "demo": False}
        settings = Settings(**own | {"engine_secret": "of nobody"})
        accounts = Accounts(db, clock, settings.staff_key)
        for login, name, roles in (
            ("anna", "Анна", {Role.AGENT, Role.SUPERVISOR}),
            ("boris", "Борис", {Role.AGENT}),
        ):
            await accounts.add(login, name, PASSWORD, frozenset(roles), "screenshots")
        async with db.write() as session:  # whoever is not there has their dialogues given to others
            await seen(session, {ANNA, BORIS}, clock.now(), capacity=5)
        app = await make_app(settings, db, clock)
        async with TestServer(app) as server:
            chats = [await _begun(app[GATEWAY], db, talk) for talk in TALKS]
            await _worked(app[GATEWAY], db, chats)
            yield str(server.make_url("")).rstrip("/"), chats[0]
        await db.close()


async def _begun(gateway: Gateway, db: Database, talk: Talk) -> str:
    """A customer talked to the bot, and waits for people."""
    then = ManualClock(SystemClock().now() - timedelta(minutes=talk.minutes + 2))
    past = Gateway(gateway.settings, db, then, gateway.http)
    async with db.write() as session:
        customer = (await session.scalars(select(Customer).where(Customer.external_ref == talk.ref))).one()
        account = await past.identities.get_or_create(session, talk.channel, "main", f"account of {talk.ref}")
        await past.identities.link(session, account.id, customer.id, Proof.SIGNED_USER)
        language = customer.language
        chat = await past.conversations.current(session, account.id, talk.channel, "main", language)
        chat.language = language
        await session.flush()
        for number, (author, text) in enumerate(talk.said):
            then.advance(timedelta(seconds=20))
            if author is Author.CUSTOMER:
                understood = {"intent": {"name": talk.topic, "confidence": 0.91 - number / 10}}
                nlu = understood | ({"sentiment": talk.sentiment} if talk.sentiment is not None else {})
                id_ = f"{talk.ref}-{number}"
                await past.conversations.write_down(session, chat.id, id_, text, then.now(), {"nlu": nlu})
            else:
                buttons = [{"id": "b", "title": "Где посылка?"}] if number == 1 else []
                await _answered(session, chat.id, author, text, then.now(), buttons)
        await past.ownership.to_queue(session, chat.id, 0, urgent=talk.urgent)
        return chat.id


async def _answered(
    session: AsyncSession, chat: str, author: Author, text: str, at: datetime, buttons: Sequence[Any] = ()
) -> None:
    """The company said something, and the customer has read it."""
    session.add(
        Message(
            id=secrets.token_hex(8),
            conversation_id=chat,
            seq=await next_seq(session, chat),
            author=author,
            text=text,
            buttons=list(buttons),
            state=MessageState.READ,
            reply_to="",  # not begun by us
            created_at=at,
            sent_at=at,
        )
    )
    await session.flush()


async def _worked(gateway: Gateway, db: Database, chats: Sequence[str]) -> None:
    """Anna has the first and was told something; Boris has one and answered; two were rated today."""
    now = gateway.clock.now()
    async with db.write() as session:
        for chat, agent, text in (
            (chats[0], ANNA, "Здравствуйте, Пётр! Меня зовут Анна. Вижу оба списания, проверяю."),
            (chats[4], BORIS, "Здравствуйте! В субботу мастер свободен с 10:00 до 14:00. Записать вас?"),
        ):
            await gateway.ownership.take(session, chat, 1, agent)
            await _answered(session, chat, Author.AGENT, text, now - timedelta(minutes=1))
            await gateway.handoffs.answered(session, chat, agent)
        said = "Банк вернул такое же вчера за день."
        session.add(Note(conversation_id=chats[0], account_id=BORIS, text=said, at=now))
        for chat, score in ((chats[0], 4), (chats[4], 5)):
            held = await session.get_one(Conversation, chat)
            identity = await session.get_one(Identity, held.identity_id)
            whose = {"conversation_id": chat, "customer_id": identity.customer_id}
            session.add(Rating(score=score, comment="", at=now - timedelta(hours=2), **whose))
        thanks = {"nlu": {"intent": {"name": "thanks", "confidence": 0.97}}}
        await gateway.conversations.write_down(session, chats[0], "wrote", "спасибо, жду", now, thanks)
        await gateway.handoffs.customer_wrote(session, chats[0])


async def main() -> None:
    logs.set_up(level="warning")
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        await take(browser)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
