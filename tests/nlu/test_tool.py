"""What `zabota nlu` asks the engine's Python for."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bot.engine.nlu.metrics import Answer, figures
from bot.engine.nlu.tool import main
from tests.nlu.product_data import examples

KEYS = {
    "n",
    "accuracy",
    "in_scope_accuracy",
    "oos_recall",
    "oos_precision",
    "overall_accuracy",
    "macro_f1",
    "ece",
    "train_seconds",
    "latency_ms_p50",
    "latency_ms_p99",
    "peak_rss_mb",
    "intents",
}


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "intent"), *rows])
    return path


def last(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    return dict(json.loads(capsys.readouterr().out.strip().splitlines()[-1]))


def test_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = {"track_order", "greet", "human_agent", "out_of_scope"}
    rows = [
        (e.text, "oos" if e.intent == "out_of_scope" else e.intent) for e in examples() if e.intent in chosen
    ]
    train, test = write(tmp_path / "a.csv", rows[::2]), write(tmp_path / "b.csv", rows[1::2])
    assert main(["bench", "--train", str(train), "--test", str(test), "--encoder", "off"]) == 0
    result = last(capsys)
    assert result["event"] == "result"
    assert set(result) >= KEYS
    assert result["n"] == len(rows[1::2])
    assert float(str(result["accuracy"])) > 0.9


def test_a_wrong_file_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "a.csv"
    bad.write_text("message;label\n", encoding="utf-8")
    assert main(["bench", "--train", str(bad), "--test", str(bad)]) == 1
    assert "text,intent" in str(last(capsys)["message"])
    assert main(["eval", str(bad), "--model", str(tmp_path)]) == 1
    assert main(["lint", "--data", str(tmp_path)]) == 1


def test_figures_are_what_the_words_say() -> None:
    labels = ["a", "a", "b", "out_of_scope", "out_of_scope"]
    answers = [
        Answer("a", "a", 0.9, 0.001), Answer("out_of_scope", "a", 0.4, 0.001), Answer("a", "a", 0.6, 0.001),
        Answer("out_of_scope", "b", 0.3, 0.001), Answer("b", "b", 0.8, 0.001),
    ]  # fmt: skip
    found = figures(labels, answers)
    assert found["accuracy"] == pytest.approx(2 / 3, abs=1e-3)  # the best intent, rejected or not
    assert found["in_scope_accuracy"] == pytest.approx(1 / 3, abs=1e-3)  # a rejected row is wrong
    assert found["oos_recall"] == 0.5
    assert found["oos_precision"] == 0.5
    assert found["overall_accuracy"] == 0.4
    assert found["intents"]["a"] == {"n": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
