"""The product's training data and test cases, read once."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import yaml

from bot.engine.nlu.background import background_sentences
from bot.engine.nlu.dense import dense_features
from bot.engine.nlu.lint import Example, read_examples
from bot.engine.nlu.model import IntentModel, Options

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "nlu" / "cases"


@lru_cache(maxsize=1)
def examples() -> tuple[Example, ...]:
    """Every training example of both languages."""
    return tuple(read_examples(ROOT / "data" / "nlu"))


@lru_cache(maxsize=1)
def product_model() -> IntentModel:
    """The intent model of config.yml and data/nlu, without an encoder."""
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    settings = next(c for c in config["pipeline"] if c["name"].endswith("IntentClassifier"))
    options = Options(expected_out_of_scope=settings["expected_out_of_scope"])
    texts = [e.text for e in examples()]
    intents = [e.intent for e in examples()]
    return IntentModel.fit(texts, intents, options, dense_features(True, {}), background_sentences())


def case_rows(name: str) -> list[dict[str, str]]:
    """Rows of a file in `cases`."""
    with (CASES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
