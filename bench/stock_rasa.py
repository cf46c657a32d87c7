"""Rasa's default pipeline on `text,intent` rows, in an environment with TensorFlow; for comparison only.

Run by `zabota nlu bench --stock`. Prints the same JSON lines and keys as `bot.engine.nlu.tool`. A message
counts as rejected when `FallbackClassifier` at its default threshold says so; rows labelled `oos` are left
out of training when the data has no other use for them, as Rasa would have it.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from bot.engine.nlu.metrics import Answer, figures
from bot.engine.nlu.tool import OUT_OF_SCOPE, read_rows, say

_EVERY = 50


def _config(epochs: int) -> dict[str, Any]:
    return {
        "recipe": "default.v1",
        "assistant_id": "stock",
        "language": "en",
        "pipeline": [
            {"name": "WhitespaceTokenizer"},
            {"name": "RegexFeaturizer"},
            {"name": "LexicalSyntacticFeaturizer"},
            {"name": "CountVectorsFeaturizer"},
            {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
            {"name": "DIETClassifier", "epochs": epochs, "constrain_similarities": True},
            {"name": "EntitySynonymMapper"},
            {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1},
        ],
    }


def _train(texts: list[str], intents: list[str], epochs: int, folder: Path) -> str:
    from rasa.model_training import train_nlu

    by_intent: dict[str, list[str]] = {}
    for text, intent in zip(texts, intents, strict=False):
        by_intent.setdefault(intent, []).append(" ".join(text.split()))
    data = {
        "version": "3.1",
        "nlu": [
            {"intent": intent, "examples": "".join(f"- {line}\n" for line in lines)}
            for intent, lines in by_intent.items()
        ],
    }
    (folder / "nlu.yml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    (folder / "config.yml").write_text(yaml.safe_dump(_config(epochs)), encoding="utf-8")
    found = train_nlu(str(folder / "config.yml"), str(folder / "nlu.yml"), str(folder / "models"))
    if not found:
        raise SystemExit("the stock pipeline could not be trained")
    return str(found)


def main() -> None:
    """Train, classify, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=100)
    arguments = parser.parse_args()
    texts, intents = read_rows(arguments.train)
    test, truth = read_rows(arguments.test)
    say("progress", done=0, of=len(test), what="train the stock pipeline")
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        model = _train(texts, intents, arguments.epochs, Path(name))
        seconds = time.perf_counter() - started
        answers = asyncio.run(_classify(model, test))
    result = figures(truth, answers)
    result["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    say("result", **result, train_seconds=round(seconds, 2), epochs=arguments.epochs)


async def _classify(model: str, texts: list[str]) -> list[Answer]:
    from rasa.core.agent import Agent

    agent = Agent.load(model)
    answers = []
    for text in texts:
        begin = time.perf_counter()
        parsed = await agent.parse_message(text)
        seconds = time.perf_counter() - begin
        ranking = [i for i in parsed["intent_ranking"] if i["name"] not in {"nlu_fallback", OUT_OF_SCOPE}]
        best = ranking[0] if ranking else parsed["intent"]
        said = parsed["intent"]["name"]
        said = OUT_OF_SCOPE if said in {"nlu_fallback", OUT_OF_SCOPE} else said
        answers.append(Answer(said, best["name"], best["confidence"], seconds))
        if len(answers) % _EVERY == 0:
            say("progress", done=len(answers), of=len(texts), what="classify with the stock pipeline")
    return answers


if __name__ == "__main__":
    main()
