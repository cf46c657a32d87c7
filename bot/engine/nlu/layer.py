"""`LanguageLayer`: repair of the text, then tokens with lemmas, as a Rasa tokenizer."""

from __future__ import annotations

from typing import Any

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.nlu.fingerprint import code_fingerprint
from bot.engine.nlu.pipeline import pipeline
from bot.engine.nlu.repair import repair
from bot.engine.nlu.text import script_language

REPAIRED = "repaired"  # {"text", "kind", "aligned"}; set only when something was put right


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class LanguageLayer(Tokenizer):
    """Tokens and lemmas from the spaCy pipeline of the message's language.

    The output key `repaired` says what was put right (wrong layout, Latin letters for Russian, stretched
    letters); the classifier reads the repaired text, tokens and entities keep the places of the original.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        """Build both pipelines now (0.3 s): the first customer should not wait for them."""
        super().__init__(config)
        for language in ("ru", "en"):
            pipeline(language)("1")

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The base class wants these keys."""
        return {"intent_tokenization_flag": False, "intent_split_symbol": "_", "token_pattern": None}

    @staticmethod
    def required_packages() -> list[str]:
        """Libraries whose version is part of the fingerprint."""
        return ["spacy", "pymorphy3"]

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """A change in any helper module or data file of this package counts."""
        return code_fingerprint()

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing: no component here learns from tokens, and Rasa would fingerprint every one of them."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Repair, then tokenize."""
        for message in messages:
            text = message.get(TEXT)
            if isinstance(text, str) and text:
                fixed = repair(text)
                if fixed.kind != "none":
                    found = {"text": fixed.text, "kind": fixed.kind, "aligned": fixed.aligned}
                    message.set(REPAIRED, found, add_to_output=True)
        processed: list[Message] = super().process(messages)
        return processed

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Tokens of a text with their places and lemmas."""
        text = message.get(attribute)
        language = message.get("language") or script_language(text)
        doc = pipeline("ru" if language == "ru" else "en")(text)
        return [Token(t.text, t.idx, lemma=t.lemma_) for t in doc if not t.is_space]
