"""Which of the two languages a message is in: Russian or English.

Decided for every message by script and frequent words; a message that says nothing about it («1001», «ok», an
emoji) keeps the conversation's language. Latin letters may still be Russian: transliterated («gde moi zakaz»)
or typed in the wrong keyboard layout («ghbdtn»).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.engine.language_words import ENGLISH, NEUTRAL, RUSSIAN_STEMS, TRANSLITERATED, TRANSLITERATED_STEMS

__all__ = ["DEFAULT", "ENTITY", "OUTPUT_KEY", "SLOT", "LanguageDetector", "as_entity", "detect", "remembered"]

LANGUAGES = ("ru", "en")
DEFAULT = "ru"
ENTITY = "language"  # the entity that fills the slot
SLOT = "language"
OUTPUT_KEY = "language"  # the key in the parse data

_SHORT = 3  # letters; a shorter Latin message («no», «hi») does not change the language of a conversation

_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|\S*[\d_]\S*")
_CYRILLIC = re.compile(r"[Ѐ-ӿ]{2,}")
_LATIN = re.compile(r"[A-Za-zÀ-ž]+(?:'[A-Za-z]+)?")

_QWERTY = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_RUSSIAN = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_TO_RUSSIAN = str.maketrans(_QWERTY, _RUSSIAN)
_TO_QWERTY = str.maketrans(_RUSSIAN, _QWERTY)


def detect(text: str, previous: str | None = None, hint: str | None = None) -> str:
    """`ru` or `en`.

    Args:
        text: what the customer wrote.
        previous: language of the conversation so far.
        hint: language of the customer's page or profile; used while there is no `previous`.
    """
    so_far = _known(previous) or _known(hint)
    words = _NOT_WORDS.sub(" ", text.casefold())
    cyrillic, latin = _CYRILLIC.findall(words), _LATIN.findall(words)
    if cyrillic:
        return _mixed(cyrillic, latin)
    telling = [word for word in latin if word not in NEUTRAL]
    if not telling:
        return so_far or DEFAULT
    return _latin(words, telling, so_far)


def remembered(slots: Mapping[str, Any], hint: str | None = None) -> str:
    """The language where no text tells it: the conversation's, else the hint, else Russian."""
    slot = slots.get(SLOT)
    return _known(getattr(slot, "value", None)) or _known(hint) or DEFAULT


def as_entity(language: str) -> dict[str, Any]:
    """The entity that fills the slot `language`."""
    return {"entity": ENTITY, "value": language, "extractor": LanguageDetector.__name__}


def _known(language: Any) -> str | None:
    return language if language in LANGUAGES else None


def _mixed(cyrillic: list[str], latin: list[str]) -> str:
    """Some Cyrillic: Russian, except an English sentence with a Russian name or English mistyped."""
    english = sum(word in ENGLISH for word in latin)
    if english > 1 and english > len(cyrillic):
        return "en"
    longer = [word for word in cyrillic if len(word) > _SHORT]
    if longer and not latin and all(_is_english_mistyped(word) for word in longer):
        return "en"
    return "ru"


def _is_english_mistyped(word: str) -> bool:
    return word.translate(_TO_QWERTY) in ENGLISH and not word.startswith(RUSSIAN_STEMS)


def _latin(words: str, telling: list[str], so_far: str | None) -> str:
    english = sum(word.partition("'")[0] in ENGLISH for word in telling)
    if max(_transliterated(telling), _mistyped(words)) > english:
        return "ru"
    if so_far and (not english or sum(map(len, telling)) <= _SHORT):
        # Names, products, a word or two of another language.
        return so_far
    return "en"


def _transliterated(words: list[str]) -> int:
    stems = tuple(TRANSLITERATED_STEMS)
    return sum(word in TRANSLITERATED or word.startswith(stems) for word in words)


def _mistyped(words: str) -> int:
    """Words that become frequent Russian ones on the Russian layout, where `;`, `[`, `,` are letters."""
    candidates = words.translate(_TO_RUSSIAN).split()
    return sum(
        (len(word) > _SHORT and word.startswith(RUSSIAN_STEMS)) or word in RUSSIAN_STEMS
        for word in candidates
    )


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class LanguageDetector(GraphComponent):
    """Second component of the pipeline: `name: bot.engine.language.LanguageDetector`.

    Adds the entity `language` for the slot of the same name and the output key `language`. The hint is
    `metadata["language"]` of the message.
    """

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LanguageDetector:
        """See `GraphComponent.create`."""
        return cls()

    def process(self, messages: list[Message], tracker: DialogueStateTracker | None = None) -> list[Message]:
        """Tell the language of every message."""
        for message in messages:
            hint = (message.get("metadata") or {}).get("language")
            previous = _previous(tracker)
            language = detect(message.get(TEXT) or "", previous, hint)
            message.set(ENTITIES, [*message.get(ENTITIES, []), as_entity(language)], add_to_output=True)
            message.set(OUTPUT_KEY, language, add_to_output=True)
        return messages


def _previous(tracker: DialogueStateTracker | None) -> str | None:
    # A tracker made for /parse has slots of any name: `in` would create one.
    slot = dict(tracker.slots).get(SLOT) if tracker is not None else None
    return _known(slot.value) if slot is not None else None
