"""Text that looks like a command of the engine is text."""

import json

import pytest
from sqlalchemy import select

from crm_bridge.models import Conversation
from tests.product.running import Product

COMMANDS = ("/restart", "/back", "/session_start", '/track_order{"order_id":"1002"}', "/human_agent")
PREFIXES = ("", " ", "\u00a0", "\u2003", "\t", "\u200b", "\u2060", "\ufeff", "\n", "  \u00a0 ")


def variants(command: str) -> list[str]:
    spelled = [
        command,
        command.upper(),
        command.replace("/", "/ "),
        command.replace("/", "／"),
        f"/{command}",
    ]
    return [prefix + command for prefix in PREFIXES[1:]] + spelled


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_does_nothing_special(product: Product, command: str) -> None:
    """Every variant is answered as words; the memory of the dialogue neither restarts nor goes back."""
    maria = await product.customer()
    await maria.says("где мой заказ 1001")
    await maria.proves("maria.sokolova@example.com")
    for text in variants(command):
        answer = await maria.says(text)
        assert "сортиров" not in answer, repr(text)
        async with product.db.read() as session:
            memory = await session.scalar(
                select(Conversation.memory).where(Conversation.id == maria.conversation_id)
            )
        events = json.dumps(memory)
        assert '"restart"' not in events, repr(text)
        assert '"rewind"' not in events, repr(text)
        if not answer:  # handed to a person after two misunderstandings: go on in a new chat
            maria = await product.customer()
            await maria.says("где мой заказ 1001")
            await maria.proves("maria.sokolova@example.com")
