"""Files without a word: kept for the matter that they belong to, and honest when they are lost."""

from datetime import timedelta

from sqlalchemy import func, select

from core.clock import ManualClock
from core.db import Database
from core.media import Content, record
from crm_bridge.models import Ticket, TicketFile
from tests.actions.conftest import Open

KEY = "a" * 64
PHOTO = {"key": KEY, "name": "foto.png", "type": "image/png"}
COMPLAINT = "хочу пожаловаться, курьер бросил коробку у двери и уехал"


async def keep(shop: Database, clock: ManualClock) -> None:
    """The photo is in the media store."""
    async with shop.write() as session:
        await record(session, Content(KEY, "image/png", b""), clock.now())


async def filed(shop: Database) -> int:
    async with shop.read() as session:
        query = select(func.count()).select_from(TicketFile).join(Ticket, Ticket.id == TicketFile.ticket_id)
        return await session.scalar(query.where(TicketFile.sha256 == KEY)) or 0


async def test_a_file_that_did_not_come_through_is_asked_for_again(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    assert "не загрузился" in await dmitry.says("", "send_file")


async def test_a_file_sent_first_goes_to_the_next_matter(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    await keep(shop, clock)
    dmitry = await chats("demo-1006")
    dmitry.files = [PHOTO]
    assert "К чему он относится?" in await dmitry.says("", "send_file")
    dmitry.files = []
    assert "завела обращение" in await dmitry.says(COMPLAINT, "complaint")
    assert await filed(shop) == 1


async def test_an_old_file_belongs_to_nothing_new(chats: Open, shop: Database, clock: ManualClock) -> None:
    await keep(shop, clock)
    dmitry = await chats("demo-1006")
    dmitry.files = [PHOTO]
    await dmitry.says("", "send_file")
    dmitry.files = []
    clock.advance(timedelta(hours=2))
    await dmitry.says(COMPLAINT, "complaint")
    assert await filed(shop) == 0


async def test_a_file_after_the_case_is_added_to_it_for_a_day(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    await keep(shop, clock)
    dmitry = await chats("demo-1006")
    await dmitry.says(COMPLAINT, "complaint")
    dmitry.files = [PHOTO]
    assert "добавила файл к обращению" in await dmitry.says("", "send_file")
    assert await filed(shop) == 1


async def test_somebody_elses_case_is_never_touched(chats: Open, shop: Database, clock: ManualClock) -> None:
    await keep(shop, clock)
    dmitry, maria = await chats("demo-1006"), await chats("demo-1001")
    await dmitry.says(COMPLAINT, "complaint")
    maria.files = [PHOTO]
    assert "К чему он относится?" in await maria.says("", "send_file")
    assert await filed(shop) == 0
