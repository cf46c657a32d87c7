"""A model that loses a tested conversation is refused, and the very step is named."""

from pathlib import Path

import pytest

from bot.studio.gate import Answer, Answers, add_conversations, compare
from bot.studio.played import played, steps_of, write_rows
from core.settings import ROOT

STORIES = """
version: "3.1"
stories:
- story: where the order is
  steps:
  - user: |
      где мой заказ?
    intent: track_order
  - bot: Какой
  - user: |
      ▸ 1001
    intent: track_order
  - user: |
      код {code}
    intent: verify
  - user: |
      второй
    intent: answer
  - user: |
      а если, отменить?
    intent: cancel_order
- story: nonsense
  steps:
  - user: фыва
    intent: nlu_fallback
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "tests/conversations"
    folder.mkdir(parents=True)
    (folder / "test_orders.yml").write_text(STORIES, encoding="utf-8")
    return tmp_path


def said(text: str, truth: str, intent: str) -> Answer:
    return Answer(text, truth, intent, intent, 0.9, 0.1, 1.0)


def test_only_what_a_model_decides_is_asked(project: Path) -> None:
    steps = steps_of(project)
    assert [(one.story, one.number, one.text, one.intent) for one in steps] == [
        ("where the order is", 1, "где мой заказ?", "track_order"),
        ("where the order is", 5, "а если, отменить?", "cancel_order"),
        ("nonsense", 1, "фыва", "out_of_scope"),
    ]
    write_rows(steps, project / "rows.csv")
    assert (project / "rows.csv").read_text(encoding="utf-8").splitlines()[
        2
    ] == '"а если, отменить?",cancel_order'
    assert steps_of(project / "nowhere") == []


@pytest.mark.parametrize(
    ("live", "new", "outcome", "lost"),
    [
        (
            ("track_order", "cancel_order", "out_of_scope"),
            ("track_order", "refund", "out_of_scope"),
            "worse",
            1,
        ),
        (("track_order", "refund", "out_of_scope"), ("track_order", "refund", "out_of_scope"), "equal", 0),
        (("refund", "refund", "out_of_scope"), ("track_order", "cancel_order", "out_of_scope"), "equal", 0),
    ],
)
def test_a_conversation_that_only_the_new_model_loses_makes_it_worse(
    project: Path, live: tuple[str, ...], new: tuple[str, ...], outcome: str, lost: int
) -> None:
    steps = steps_of(project)
    old, fresh = (
        [said(step.text, step.intent, intent) for step, intent in zip(steps, which, strict=True)]
        for which in (live, new)
    )
    told = played(steps, old, fresh)
    equal = [said("где он", "track_order", "track_order")]
    facts = compare(Answers(equal, 0.5), Answers(equal, 0.5))
    add_conversations(facts, told)
    assert (facts["outcome"], told["lost"]) == (outcome, lost)
    if lost:
        assert facts["reasons"] == ["conversations"]
        assert told["failed"][0] == {
            "file": "orders", "story": "where the order is", "step": 5, "text": "а если, отменить?",
            "wanted": "cancel_order", "live": "cancel_order", "new": "refund", "fresh": True,
        }  # fmt: skip


def test_the_products_own_conversations_are_in_the_gate() -> None:
    steps = steps_of(ROOT)
    assert len(steps) > 200
    assert len({(one.file, one.story) for one in steps}) > 150
