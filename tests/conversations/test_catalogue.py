"""The catalogue of dialogues says what the files say."""

from pathlib import Path

import pytest

from scripts import catalogue


def test_it_is_up_to_date() -> None:
    written = catalogue.PAGE.read_text(encoding="utf-8")
    assert written == catalogue.page(), "run `make catalogue`"


def test_it_tells_of_every_intent_that_a_rule_serves() -> None:
    page, files = catalogue.page(), catalogue.Files()
    for intent in files.served.keys() & set(files.domain["intents"]):
        assert f"\n## {intent}" in page, intent


def test_a_dialogue_is_told_with_what_it_asks_reads_and_does() -> None:
    _, _, after = catalogue.page().partition("## cancel_order")
    chapter, _, _ = after.partition("\n## ")
    assert "`action_cancel_order`, personal" in chapter
    assert "`orders.of_customer`" in chapter
    assert "- does: `order_operations.cancel`" in chapter
    assert "| asks | Отменить заказ {number}" in chapter
    assert "Order {number} is cancelled" in chapter


def test_a_change_of_the_texts_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stale = tmp_path / "dialogues.md"
    stale.write_text(catalogue.page().replace("Отменить заказ", "Отменить"), encoding="utf-8")
    monkeypatch.setattr(catalogue, "PAGE", stale)
    with pytest.raises(AssertionError, match="make catalogue"):
        test_it_is_up_to_date()
