"""The engine's side of `zabota nlu`: measures, benchmarks and lints; prints one JSON object a line.

`{"event": "progress", "done": …, "of": …, "what": …}` while it works, `{"event": "result", …}` at the end,
`{"event": "error", "message": …}` and exit code 1 when it cannot. Run with the engine's Python:
`python -m bot.engine.nlu.tool bench --train A.csv --test B.csv`.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.engine.nlu.blas import choose_kernels

choose_kernels()  # before NumPy

from bot.engine.nlu.metrics import Answer, figures  # noqa: E402
from bot.engine.nlu.training import OUT_OF_SCOPE  # noqa: E402

_EVERY = 50  # rows between two progress lines
EXPECTED_WITH_ENCODER = 0.12  # share out of scope; chosen on val.csv of CLINC150 (docs/nlu.md)


class Unusable(Exception):
    """What was asked cannot be done; the message says why, to a person."""


def say(event: str, **facts: Any) -> None:
    """Print one line."""
    print(json.dumps({"event": event, **facts}, ensure_ascii=False), flush=True)


def read_rows(path: Path) -> tuple[list[str], list[str]]:
    """Texts and intents of a CSV file with the header `text,intent`; `oos` means out of scope.

    Raises:
        Unusable: no such file, other header, no rows.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"text", "intent"} <= set(reader.fieldnames or ()):
                raise Unusable(f"{path}: the header must be text,intent")
            rows = [(r["text"], r["intent"].strip()) for r in reader if r["text"] and r["intent"]]
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    if not rows:
        raise Unusable(f"{path} has no rows")
    return [t for t, _ in rows], [OUT_OF_SCOPE if i == "oos" else i for _, i in rows]


def bench(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train the product's classifier on any data and measure it."""
    from bot.engine.nlu.background import background_sentences
    from bot.engine.nlu.dense import DEFAULT_ENCODERS, dense_features
    from bot.engine.nlu.model import IntentModel, Options
    from bot.engine.nlu.repair import repair

    texts, intents = read_rows(arguments.train)
    test, truth = read_rows(arguments.test)
    if arguments.validation:
        more, labels = read_rows(arguments.validation)
        texts, intents = [*texts, *more], [*intents, *labels]
    options = Options(seed=arguments.seed)
    encoders = {**DEFAULT_ENCODERS, "en": arguments.encoder}
    dense = dense_features(True, encoders)
    expected = arguments.expect
    if expected is None and dense is not None and dense.describe()["encoders"]:
        expected = EXPECTED_WITH_ENCODER
    if expected is not None:
        options = replace(options, expected_out_of_scope=expected)
    say("progress", done=0, of=len(test), what="train")
    started = time.perf_counter()
    background = () if arguments.no_background else background_sentences()
    model = IntentModel.fit(texts, intents, options, dense, background)
    seconds = time.perf_counter() - started

    def answers() -> Iterator[Answer]:
        for text in test:
            begin = time.perf_counter()
            found = model.predict(repair(text).text)
            name, confidence = found.ranking[0]
            yield Answer(found.intent, name, confidence, time.perf_counter() - begin)

    result = figures(truth, _counted(answers(), len(test)))
    used = dense.describe() if dense is not None else None
    return {**result, "train_seconds": round(seconds, 2), "training": model.report, "dense": used}


def _counted(answers: Iterator[Answer], total: int) -> list[Answer]:
    out = []
    for answer in answers:
        out.append(answer)
        if len(out) % _EVERY == 0:
            say("progress", done=len(out), of=total, what="classify")
    return out


def evaluate(arguments: argparse.Namespace) -> dict[str, Any]:
    """The given model, in Rasa as it runs in the engine, on labelled rows."""
    texts, truth = read_rows(arguments.file)
    model = newest(arguments.model)
    say("progress", done=0, of=len(texts), what="load")
    import logging

    from bot.engine import tf_absent

    tf_absent.install()
    import structlog
    from rasa.core.agent import Agent

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    started = time.perf_counter()
    agent = Agent.load(str(model))
    loaded = time.perf_counter() - started
    if agent.processor is None:
        raise Unusable(f"{model} cannot be loaded")

    async def run() -> list[Answer]:
        answers = []
        await agent.parse_message("привет")
        for text in texts:
            begin = time.perf_counter()
            parsed = await agent.parse_message(text)
            seconds = time.perf_counter() - begin
            ranking = parsed.get("intent_ranking") or [parsed["intent"]]
            answers.append(
                Answer(parsed["intent"]["name"], ranking[0]["name"], ranking[0]["confidence"], seconds)
            )
            if len(answers) % _EVERY == 0:
                say("progress", done=len(answers), of=len(texts), what="classify")
        return answers

    result = figures(truth, asyncio.run(run()))
    return {**result, "train_seconds": None, "load_seconds": round(loaded, 2), "model": model.name}


def newest(path: Path) -> Path:
    """A model file, or the newest one of a folder.

    Raises:
        Unusable: there is none.
    """
    if path.is_dir():
        found = sorted(path.glob("*.tar.gz"), key=lambda p: p.stat().st_mtime)
        if not found:
            raise Unusable(f"{path} has no model: train one first")
        return found[-1]
    if not path.exists():
        raise Unusable(f"{path}: no such model")
    return path


def lint(arguments: argparse.Namespace) -> dict[str, Any]:
    """Findings about the training data."""
    from bot.engine.nlu.lint import findings, read_examples

    examples = read_examples(arguments.data)
    if not examples:
        raise Unusable(f"{arguments.data} has no training examples")
    unseen = [read_rows(path)[0] for path in arguments.unseen]
    found = findings(examples, [text for texts in unseen for text in texts])
    return {
        "examples": len(examples),
        "intents": len({e.intent for e in examples}),
        "errors": sum(f.severity == "error" for f in found),
        "warnings": sum(f.severity == "warning" for f in found),
        "findings": [f.to_json() for f in found],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bot.engine.nlu.tool")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("bench")
    one.add_argument("--train", type=Path, required=True)
    one.add_argument("--test", type=Path, required=True)
    one.add_argument("--validation", type=Path)
    one.add_argument("--encoder", default="auto", help="off, auto or a folder")
    one.add_argument("--expect", type=float, help="share of out-of-scope messages expected in use")
    one.add_argument("--no-background", action="store_true")
    one.add_argument("--seed", type=int, default=7)
    one.set_defaults(run=bench)
    one = commands.add_parser("eval")
    one.add_argument("file", type=Path)
    one.add_argument("--model", type=Path, default=Path("models"))
    one.set_defaults(run=evaluate)
    one = commands.add_parser("lint")
    one.add_argument("--data", type=Path, default=Path("data/nlu"))
    one.add_argument(
        "--unseen", type=Path, nargs="*", default=[], help="test files whose rows must not be there"
    )
    one.set_defaults(run=lint)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    parsed = _parser().parse_args(arguments)
    try:
        result = parsed.run(parsed)
    except Unusable as error:
        say("error", message=str(error))
        return 1
    say("result", **result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
