"""Asks how the help was. The buttons begin the dialogue `rate_service`, which stores the answer."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.gateway.outbox import Button, Line, OutboxShelf
from bot.gateway.tables import Press
from core.settings import ROOT
from core.texts import Texts
from crm_bridge.models import Author, Conversation, Message

INTENT = "rate_service"
STARS = range(1, 6)
NOT_AGAIN_WITHIN = timedelta(days=1)  # nobody likes to be asked after every question

_texts = Texts(ROOT / "bot/gateway/texts.yml")


async def ask_for_rating(
    session: AsyncSession, outbox: OutboxShelf, conversation_id: str, epoch: int, now: datetime
) -> bool:
    """Ask the customer to rate the help, one to five, in the caller's transaction.

    For a matter that was just settled; the conversation is the bot's again, in `epoch`.

    Returns:
        Whether it was asked: not when this customer was asked here within a day.

    Raises:
        EpochPassed: the conversation changed hands since the caller looked.
    """
    if await _asked_since(session, conversation_id, now - NOT_AGAIN_WITHIN):
        return False
    query = select(Conversation.language).where(Conversation.id == conversation_id)
    language = (await session.execute(query)).scalar_one()
    stars = [Button("★" * count, INTENT, {"rating": str(count)}) for count in STARS]
    line = Line(_texts("ask_for_rating", language), stars)
    await outbox.say(session, conversation_id, [line], author=Author.ASSISTANT, epoch=epoch)
    return True


async def _asked_since(session: AsyncSession, conversation_id: str, moment: datetime) -> bool:
    asked = (
        select(Press.id)
        .join(Message, Message.id == Press.message_id)
        .where(Message.conversation_id == conversation_id, Message.created_at > moment)
        .where(Press.intent == INTENT)
    )
    return await session.scalar(asked.limit(1)) is not None
