"""The pictures of docs/studio.md: customers ask something new, Vera teaches it, the new model is tried."""

import asyncio
import io
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

from PIL import Image
from playwright.async_api import FloatRect, Locator, Page, ViewportSize, expect

from bot.studio.files import TrainingFiles
from bot.studio.guard import PLACES
from bot.studio.tables import Tally
from core.clock import SystemClock
from crm_bridge.models import Author, Message, MessageState
from tests.product.running import Product

QUESTIONS = (
    "сколько стоит гравировка на часах?",
    "а гравировка на часах сколько стоит",
    "сколько будет стоить гравировка часов",
    "хочу гравировку на часах, сколько стоит",
    "посоветуйте хороший фильм про осень",
    "хороший фильм про осень посоветуйте",
    "можно забрать посылку соседу по записке?",
    "напишите стихи о чайнике",
)
HEARD = {"track_order": (9, 11), "return_item": (6, 2), "delivery_period": (3, 5), "track_refund": (2, 6)}
SWAPPED = 6  # examples with a wrong label in the imported file
COLOURS = 128  # of a picture in the repository: pages have few, and the file is a third of its size
WIDE, PHONE = ViewportSize(width=1280, height=860), ViewportSize(width=390, height=844)
EXPECTED, PATIENCE = 60_000, 600_000  # ms for a page, for a training; a busy machine is slow


class Album:
    """Takes pictures of one page."""

    def __init__(self, page: Page, product: Product, folder: Path) -> None:
        self.page = page
        self._base = product.base
        self._folder = folder

    async def opens(self, path: str) -> None:
        await self.page.goto(f"{self._base}{path}")
        await self.page.wait_for_load_state("networkidle")

    async def takes(self, name: str, height: int = 0, part: Locator | None = None) -> None:
        """Keep what is seen.

        Args:
            height: of the page from its top, for more or less than the window shows.
            part: this part of the page alone.
        """
        clip = FloatRect(x=0, y=0, width=WIDE["width"], height=height) if height else None
        if part is not None:
            raw = await part.screenshot()
        else:
            raw = await self.page.screenshot(full_page=bool(height), clip=clip)
        few = Image.open(io.BytesIO(raw)).convert("RGB").quantize(COLOURS)
        few.save(self._folder / f"studio-{name}.png", optimize=True)


async def take(page: Page, product: Product, project: Path, folder: Path) -> None:
    """All of them, with somebody logged in as an administrator. `project`: the copy that the studio edits."""
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "-m", "as it was")):
        who = ("-c", "user.name=Zabota", "-c", "user.email=zabota@example.com")
        await asyncio.to_thread(subprocess.check_call, ["git", "-C", str(project), *who, *command])
    await _were_heard(product)
    for text in QUESTIONS:
        await (await product.customer()).says(text)
    expect.set_options(timeout=EXPECTED)
    album = Album(page, product, folder)
    await _inbox(album)
    await _training(album)
    await _data(album)
    await _exchange(album, project)
    await _models(album, product)


async def _inbox(album: Album) -> None:
    page = album.page
    for _ in range(60):
        await album.opens("/studio")
        if await page.locator("article.group").count() >= 4:
            break
        await page.wait_for_timeout(1000)
    await album.takes("inbox")
    await page.set_viewport_size(PHONE)
    await album.takes("inbox-phone")
    await page.set_viewport_size(WIDE)
    card = page.locator("article.group", has_text="гравировк")
    await card.locator("details.new summary").click()
    await card.locator("[name=name]").fill("engraving")
    await card.locator("[name=ru]").fill("Да, гравируем: от 500 рублей, готово за день.")
    await card.locator("[name=en]").fill("Yes, we engrave: from 500 roubles, within a day.")
    await album.takes("new-intent", part=card)
    await card.get_by_role("button", name="Создать тему").click()
    await expect(page.locator(".decided li")).to_have_count(1)
    film = page.locator("article.group", has_text="фильм")
    await film.locator("[data-key=o]").click()
    await expect(page.locator(".decided li")).to_have_count(2)


async def _training(album: Album) -> None:
    page = album.page
    await album.opens("/studio/training")
    await page.get_by_role("button", name="Начать обучение").click()
    await expect(page.locator(".stages li").nth(2)).to_have_attribute(
        "aria-current", "step", timeout=PATIENCE
    )
    await album.takes("training")
    await page.wait_for_url("**/studio/runs/*", timeout=PATIENCE)
    await page.wait_for_load_state("networkidle")
    await album.takes("run", 1250)
    await page.emulate_media(color_scheme="dark")
    await page.locator(".pictures").scroll_into_view_if_needed()
    await page.evaluate("window.scrollTo(0, document.querySelector('.pictures').offsetTop - 20)")
    await album.takes("pictures-dark")
    await page.emulate_media(color_scheme="light")


async def _data(album: Album) -> None:
    page = album.page
    await album.opens("/studio/intents")
    await album.takes("intents")
    await album.opens("/studio/intents/track_refund")
    await album.takes("intent")
    await album.opens("/studio/answers/utter_engraving")
    await page.locator("summary").first.click()
    await page.locator("[name=text_0]").fill("Да, **гравируем**: от 500 рублей, готово за день.")
    await expect(page.locator("#seen-0 .bubble").first).to_contain_text("**гравируем**")
    await album.takes("answer")
    await album.opens("/studio/knowledge?ask=как убрать накипь в чайнике")
    await album.takes("knowledge")
    await album.opens("/studio/history")
    await album.takes("history", 420)


async def _exchange(album: Album, project: Path) -> None:
    """Somebody's file says that questions about refunds are complaints."""
    page = album.page
    known = TrainingFiles(project, project.parent / "lock").examples()
    refunds = [one.text for one in known if (one.language, one.intent) == ("ru", "track_refund")][:SWAPPED]
    rows = [f'"{text}, скажите",refund_status' for text in refunds]
    rows.append("позвоните +7 916 234-56-78 насчёт жалобы,complaint")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "examples.csv"
        await asyncio.to_thread(source.write_text, "\n".join(["text,intent", *rows, ""]), encoding="utf-8")
        await album.opens("/studio/exchange")
        await page.locator("[name=file]").set_input_files(source)
        await page.get_by_role("button", name="Посмотреть").click()
        await page.wait_for_url("**/exchange/import/*")
    await page.locator("[name='into:refund_status']").fill("complaint")
    await page.get_by_role("button", name="Пересчитать").click()
    await expect(page.locator("td .problem")).to_be_visible()
    await album.takes("import")


async def _models(album: Album, product: Product) -> None:
    """A model is tried on every tenth conversation; the turns of an hour are made up."""
    page = album.page
    await album.opens("/studio/models")
    await page.locator(".runs li a").first.click()
    await page.get_by_role("button", name="Дать 10 %").click()
    await page.wait_for_url("**/studio/models")
    live = await page.locator(".runs li", has_text="отвечает сейчас").inner_text()
    new = await page.locator("#trial b").inner_text()
    now = SystemClock().now()
    async with product.db.write() as session:
        for model, turns in ((live.split(" ")[0], 900), (new, 104)):
            session.add(
                Tally(
                    model=model, at=now + timedelta(seconds=1), turns=turns, texts=turns * 3 // 4,
                    rejected=turns // 12, escalated=turns // 30, errors=0,
                    times=[turns if place == 9 else 0 for place in range(PLACES)],
                )
            )  # fmt: skip
    await album.opens("/studio/models")
    await album.takes("models")


async def _were_heard(product: Product) -> None:
    """What customers wrote in the last eight weeks, so that shares and trends have something to show."""
    talk = (await product.customer()).conversation_id
    now = SystemClock().now()
    async with product.db.write() as session:
        for intent, (first, last) in HEARD.items():
            for week in range(8):
                for n in range(first + (last - first) * week // 7):
                    details = {"nlu": {"intent": {"name": intent, "confidence": 0.98}, "ranking": []}}
                    session.add(
                        Message(
                            id=f"h{intent}{week}-{n}", conversation_id=talk, author=Author.CUSTOMER, text="…",
                            details=details, state=MessageState.RECEIVED,
                            created_at=now - timedelta(weeks=7 - week, hours=n + 1),
                        )
                    )  # fmt: skip
