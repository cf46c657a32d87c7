"""The linter finds what spoils training data."""

from __future__ import annotations

from pathlib import Path

from bot.engine.nlu.lint import Example, findings, read_examples
from tests.nlu.product_data import CASES, case_rows, examples


def kinds(*rows: tuple[str, str], unseen: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    found = findings([Example(text, intent, "a.yml", i) for i, (text, intent) in enumerate(rows, 1)], unseen)
    return {(f.severity, f.kind) for f in found if f.kind != "few"}


def test_the_same_sentence_under_two_intents_is_an_error() -> None:
    assert kinds(("Где заказ?", "track_order"), ("где заказ", "delivery_delay")) == {("error", "conflict")}


def test_a_sentence_twice_is_a_warning() -> None:
    assert kinds(("Где заказ?", "track_order"), ("где  заказ!", "track_order")) == {("warning", "duplicate")}


def test_personal_data_is_an_error() -> None:
    assert kinds(("мой телефон +7 903 271-88-14", "edit_profile")) == {("error", "personal_data")}
    assert kinds(("моя почта masha.k@yandex.ru", "edit_profile")) == {("error", "personal_data")}
    assert kinds(("почта ivan@example.com", "edit_profile")) == set()


def test_a_series_from_a_template_is_a_warning() -> None:
    rows = [(f"где мой заказ номер {w}", "track_order") for w in ("раз", "ноль", "пять", "сто", "семь", "ли")]
    assert ("warning", "series") in kinds(*rows)


def test_a_test_sentence_in_the_data_is_an_error() -> None:
    assert kinds(
        ("когда приедет мой синий диван", "track_order"), unseen=("Когда приедет мой синий диван?",)
    ) == {("error", "leak")}


def test_a_command_is_an_error() -> None:
    assert kinds(("/restart", "greet")) == {("error", "command")}


def test_annotations_are_taken_off(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(
        'version: "3.1"\nnlu:\n- intent: buy\n  examples: |\n    - хочу [чайник](product)\n'
        "- lookup: product\n"
        "  examples: |\n    - чайник\n",
        encoding="utf-8",
    )
    assert [(e.text, e.intent, e.line) for e in read_examples(tmp_path)] == [("хочу чайник", "buy", 5)]


def test_the_products_own_data_has_no_errors() -> None:
    errors = [f for f in findings(examples()) if f.severity == "error"]
    assert not errors, errors


def test_no_test_sentence_stands_in_the_training_data() -> None:
    unseen = [row["text"] for path in CASES.glob("heldout_*.csv") for row in case_rows(path.name)]
    assert len(unseen) > 3000
    leaks = [f for f in findings(examples(), unseen) if f.severity == "error"]
    assert not leaks, leaks
