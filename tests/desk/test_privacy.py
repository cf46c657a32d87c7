"""What colleagues wrote about a customer is theirs too: it is shown to them, and gone when they are."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, text

from bot.cli.privacy import stores
from bot.desk.search import search
from bot.desk.tables import Mention
from crm_bridge.models import Conversation, Identity, TicketPriority, TicketState
from crm_bridge.privacy import erase, export, scrub
from tests.crm_bridge.test_privacy import files_with, mentions
from tests.desk.conftest import Browser, Console

MARK = "Щегол4417"  # in every text about the one who is erased
SCORES = {"understood": "5", "correct": "4", "polite": "5", "complete": "4"}


async def life(console: Console, agent: Browser, mark: str) -> tuple[str, int]:
    """A dialogue with everything that people at the desk leave behind; its id and the customer's."""
    chat = await console.waiting(mark, f"я {mark}, где заказ?", "track_order")
    anna, boris = await agent("anna"), await agent("boris")
    await anna.post(f"/desk/c/{chat}/take", epoch="1")
    await anna.post(f"/desk/c/{chat}/answer", epoch="2", text=f"Смотрю, {mark}", client_id=mark)
    await anna.post(f"/desk/c/{chat}/note", text=f"@boris {mark} звонит третий раз")
    form = {"subject": f"Пропал заказ {mark}", "text": mark, "kind": "complaint", "priority": "high"}
    _, said = await anna.post(f"/desk/c/{chat}/do/open_case", key="k", **form)
    number = said.partition("T-")[2][:5]
    changed = {"key": "k", "state": TicketState.IN_PROGRESS.value, "priority": TicketPriority.LOW.value}
    assert (await anna.post(f"/desk/cases/T-{number}", **changed))[0] == 200
    message = f"m{chat}"
    assert (await anna.post(f"/desk/c/{chat}/teach/{message}", intent="delivery_delay"))[0] == 200
    await anna.post(f"/desk/c/{chat}/resolve", epoch="2")
    await boris.post(f"/desk/c/{chat}/review", comment=f"{mark} довольна", **SCORES)
    async with console.db.read() as session:
        query = select(Identity.customer_id).join(Conversation, Conversation.identity_id == Identity.id)
        customer_id = await session.scalar(query.where(Conversation.id == chat))
    assert customer_id
    return chat, customer_id


async def test_the_desks_words_about_a_customer_are_shown_and_erased(
    console: Console, agent: Browser, tmp_path: Path
) -> None:
    chat, customer = await life(console, agent, MARK)
    other, _ = await life(console, agent, "Зяблик")
    console.clock.advance(timedelta(minutes=1))
    said = await mentions(console.db, MARK)
    assert {"desk_note", "quality_review", "ticket", "message"} <= set(said)

    held = await export(console.db, console.clock, stores(), customer)
    shown = held.as_json()
    for words in ("звонит третий раз", "довольна", "Пропал заказ"):
        assert words in shown, words
    assert {"desk_note", "desk_mention", "quality_review", "handoff", "promise"} <= set(held.tables)
    assert "Зяблик" not in shown

    receipt = await erase(console.db, console.clock, stores(), customer, "tests")
    assert await mentions(console.db, MARK) == {}
    assert set(await mentions(console.db, chat)) == {"audit"}, "which keeps numbers, and no words"
    async with console.db.read() as session:
        assert (await search(session, MARK)).hits == []
        [hit] = (await search(session, "Зяблик где заказ")).hits
        assert hit.row.id == other
        assert len(list(await session.scalars(select(Mention)))) == 1, "of the other's note"
        in_index = text("SELECT count(*) FROM message_search WHERE message_search MATCH :word")
        assert await session.scalar(in_index, {"word": MARK}) == 0
    assert await scrub(console.db, receipt.rows)
    assert files_with(tmp_path, MARK) == set()
