"""Quicker training gives the same model."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine import quick
from bot.engine.nlu import parallel, training
from bot.engine.nlu.model import IntentModel

TEXTS = [
    "где мой заказ",
    "где заказ?",
    "заказ мой где",
    "верните деньги",
    "деньги верните",
    "верните мои деньги",
]
INTENTS = ["track_order"] * 3 + ["return_item"] * 3


def examples(*rows: tuple[str, str]) -> TrainingData:
    return TrainingData([Message.build(text, intent) for text, intent in rows])


def test_merging_without_copies_gives_the_same_examples() -> None:
    first = examples(("привет", "greet"), ("пока", "goodbye"))
    second = examples(("hello", " greet "), ("привет", "greet"))
    whole, ours = first.merge(second), quick._merge(first, second, None)
    assert [e.as_dict() for e in ours.training_examples] == [e.as_dict() for e in whole.training_examples]
    assert ours.fingerprint() == whole.fingerprint()


def test_the_blanks_round_an_intent_go_and_duplicates_too() -> None:
    rows = [
        Message.build("hello", " greet "),
        Message.build("hello", "greet"),
        Message.build("bye", "goodbye"),
    ]
    assert [e.get("intent") for e in quick._sanitize(rows)] == ["greet", "goodbye"]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    read: list[str] = []

    def load(name: str, language: str | None) -> str:
        read.append(Path(name).read_text(encoding="utf-8"))
        return read[-1]

    once = quick._ReadOnce(load)
    path.write_text("one", encoding="utf-8")
    assert [once(str(path)), once(str(path))] == ["one", "one"]
    path.write_text("two", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert once(str(path)) == "two"
    assert len(read) == 2


def test_the_archive_is_an_ordinary_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("заказ" * 1000, encoding="utf-8")
    with quick._archive(tarfile.TarFile).open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.txt", "a.txt")
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert archive.getnames() == ["a.txt"]


def test_work_side_by_side_comes_back_in_order() -> None:
    assert parallel.run([lambda n=n: n * n for n in range(5)]) == [0, 1, 4, 9, 16]


def test_a_model_fitted_side_by_side_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = IntentModel.fit(TEXTS, INTENTS)
    monkeypatch.setattr(training, "MANY_ROWS", 1)
    together = IntentModel.fit(TEXTS, INTENTS)
    assert np.array_equal(alone.linear.weights, together.linear.weights)
    assert alone.temperature == together.temperature
