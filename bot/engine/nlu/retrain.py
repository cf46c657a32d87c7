"""The engine's side of the studio: retrain on changed examples, and answer held-out rows for the gate.

`python -m bot.engine.nlu.retrain examples --base LIVE --data data/nlu --out NEW --cache FILE …`
`python -m bot.engine.nlu.retrain answers MODEL --rows FILE.csv … --answers FILE`

Prints one JSON object a line: `{"event": "stage", "stage": …, "share": 0…1}` while it works, then
`{"event": "result", …}`, or `{"event": "error", "code": …, "message": …}` and exit code 1.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.engine.nlu.blas import choose_kernels

choose_kernels()  # before NumPy

from bot.engine.nlu import parallel  # noqa: E402
from bot.engine.nlu.archives import read_classifier, with_classifier  # noqa: E402
from bot.engine.nlu.background import background_sentences  # noqa: E402
from bot.engine.nlu.feature_cache import FeatureCache  # noqa: E402
from bot.engine.nlu.inquiries import find_inquiries  # noqa: E402
from bot.engine.nlu.lint import read_examples  # noqa: E402
from bot.engine.nlu.model import IntentModel  # noqa: E402
from bot.engine.nlu.repair import repair  # noqa: E402
from bot.engine.nlu.tool import Unusable, read_rows, say  # noqa: E402

MOST_CHANGED = 0.02  # share of examples: with more, calibration and rejection must be learnt anew


def examples(arguments: argparse.Namespace) -> dict[str, Any]:
    """A copy of the live model that has learnt the examples of today, and its answers to held-out rows.

    Raises:
        Unusable: a whole training is needed; the message says why.
    """
    say("stage", stage="read", share=0.05)
    base, config = read_classifier(arguments.base)
    rows = list(dict.fromkeys((e.text, e.intent) for e in read_examples(arguments.data)))
    changed = len(set(rows) ^ set(zip(base.memory.texts, base.memory.intents, strict=True)))
    changed += int(base.report.get("changed_since_calibration", 0))
    if changed > MOST_CHANGED * len(rows):
        raise Unusable(f"{changed} of {len(rows)} examples changed since the last whole training")
    say("stage", stage="learn", share=0.15)
    background = background_sentences() if config["background"] else ()
    texts, intents = [text for text, _ in rows], [intent for _, intent in rows]
    try:
        model = base.refit(texts, intents, background, FeatureCache(arguments.cache))
    except ValueError as error:
        raise Unusable(str(error)) from error
    model.report["changed_since_calibration"] = changed
    say("stage", stage="pack", share=0.7)
    with_classifier(arguments.base, model, arguments.out)
    _judge(model, config, arguments)
    return {"examples": len(rows), "changed": changed, "seed": model.options.seed}


def answers(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a model says to labelled rows, as the engine would."""
    model, config = read_classifier(arguments.model)
    _judge(model, config, arguments)
    return {}


def _judge(model: IntentModel, config: dict[str, Any], arguments: argparse.Namespace) -> None:
    say("stage", stage="judge", share=0.8)
    texts: list[str] = []
    truth: list[str] = []
    for path in arguments.rows:
        more, labels = read_rows(path)
        texts, truth = [*texts, *more], [*truth, *labels]
    shares = parallel.cores()
    jobs = [
        functools.partial(answer, model, texts[n::shares], config["talk"], config["split"])
        for n in range(shares)
    ]
    given: list[dict[str, Any]] = [{}] * len(texts)
    for n, part in enumerate(parallel.run(jobs)):
        given[n::shares] = part
    rows = [{"text": t, "truth": i, **a} for t, i, a in zip(texts, truth, given, strict=True)]
    facts = {"rows": rows, "intents": model.linear.classes, "threshold": model.rejection.threshold}
    fresh = arguments.answers.with_name(f".{arguments.answers.name}.{os.getpid()}")
    fresh.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    fresh.replace(arguments.answers)


def answer(
    model: IntentModel, texts: Sequence[str], talk: Sequence[str], split: float
) -> list[dict[str, Any]]:
    """Intent, best intent whether rejected or not, its confidence, the rejection's score, milliseconds."""
    out = []
    for text in texts:
        began = time.perf_counter()
        found = find_inquiries(repair(text).text, model.predict_all, talk, split)[0].prediction
        name, confidence = found.ranking[0]
        out.append(
            {
                "intent": found.intent,
                "best": name,
                "confidence": round(confidence, 4),
                "score": round(found.rejection_score, 4),
                "ms": round((time.perf_counter() - began) * 1000, 3),
            }
        )
    return out


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bot.engine.nlu.retrain")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("examples")
    for name in ("--base", "--data", "--out", "--cache"):
        one.add_argument(name, type=Path, required=True)
    one.set_defaults(run=examples)
    two = commands.add_parser("answers")
    two.add_argument("model", type=Path)
    two.set_defaults(run=answers)
    for each in (one, two):
        each.add_argument("--rows", type=Path, nargs="+", required=True)
        each.add_argument("--answers", type=Path, required=True)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    parsed = _parser().parse_args(arguments)
    try:
        result = parsed.run(parsed)
    except Unusable as error:
        say("error", code="unusable", message=str(error))
        return 1
    say("result", **result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
