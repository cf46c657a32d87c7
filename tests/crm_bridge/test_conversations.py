"""What was said is read page by page."""

from datetime import timedelta

from core.clock import ManualClock
from core.db import Database
from crm_bridge.conversations import ButtonView, Conversations
from crm_bridge.models import Author, Message, MessageState
from tests.crm_bridge.people import Company


async def test_a_conversation_is_read_in_order_and_from_where_one_stopped(
    db: Database, clock: ManualClock
) -> None:
    company = Company(db, clock)
    chat, other = await company.chat(), await company.chat()
    async with db.write() as session:
        for where, seq in ((chat, 3), (chat, 1), (chat, None), (chat, 2), (other, 1)):
            session.add(
                Message(
                    id=f"{where}-{seq}",
                    conversation_id=where,
                    seq=seq,
                    author=Author.ASSISTANT,
                    text=f"говорю {seq}",
                    buttons=[{"id": "p1", "title": "Да"}],
                    state=MessageState.SENT if seq else MessageState.PENDING,
                    created_at=clock.now() - timedelta(seconds=seq or 0),
                )
            )
    conversations = Conversations(db)
    said = await conversations.messages(chat)
    assert [message.seq for message in said] == [1, 2, 3]
    assert said[0].buttons == (ButtonView("p1", "Да"),)
    assert [message.seq for message in await conversations.messages(chat, after_seq=1, limit=1)] == [2]
    assert await conversations.messages(chat, after_seq=3) == []
