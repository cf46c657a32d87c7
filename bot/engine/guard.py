"""Free text has no special meaning.

Rasa takes a text that begins with `/` for an order: `/restart`, `/back`, `/intent{"slot": "value"}` set
intents, slots and undo history, whoever typed them. The handler that does so is always the last of the
pipeline;
`SlashGuard` stands at its head and takes the slash away. Buttons do not pass here: they travel in a field of
their own.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

__all__ = ["SlashGuard", "plain"]

_INVISIBLE = ("Z", "C", "M")  # Unicode categories: separators; controls and formats; combining marks


def plain(text: str) -> str:
    """`text` without slashes at its beginning; the length, and so every entity's position, stays the same.

    Leading slashes become spaces, whatever invisible characters surround them. The full-width `／` and other
    characters that compatibility normalisation turns into a slash count as slashes: a later component may
    normalise.
    """
    for index, character in enumerate(text):
        if not _is_slash(character) and not _is_invisible(character):
            head = text[:index]
            break
    else:
        index, head = len(text), text
    if not any(map(_is_slash, head)):
        return text
    return " " * len(head) + text[index:]


def _is_slash(character: str) -> bool:
    return unicodedata.normalize("NFKC", character).startswith("/")


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character)[0] in _INVISIBLE


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class SlashGuard(GraphComponent):
    """First component of the pipeline: `name: bot.engine.guard.SlashGuard`."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SlashGuard:
        """See `GraphComponent.create`."""
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Make the text of every message plain."""
        for message in messages:
            text = message.get(TEXT)
            if isinstance(text, str):
                message.set(TEXT, plain(text))
        return messages
