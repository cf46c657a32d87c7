"""Intents are made, split, merged, renamed with everything that refers to them, or not at all."""

import csv
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.studio.changes import ChangedMeanwhile, Changes, Refused
from bot.studio.checking import problems
from bot.studio.editing import Editing
from bot.studio.files import Example, TrainingFiles, key
from bot.studio.intents import Intents
from bot.studio.versions import history
from core.settings import ROOT
from tests.studio.conftest import VERA, changed_lines

ANSWERS = {"ru": "Да, гравируем.", "en": "Yes, we engrave."}
EXAMPLES = {
    "ru": ["делаете гравировку?", "гравировка на часах"],
    "en": ["do you engrave?", "engraving please"],
}


class Workshop:
    """The product's own data, to be changed."""

    def __init__(self, root: Path, lock: Path) -> None:
        self.root = root
        self.files = TrainingFiles(root, lock)
        self.editing = Editing(self.files.editor)
        self.intents = Intents(self.files)

    def save(self, edit: Callable[[Changes], object]) -> list[str]:
        done = self.editing.save(edit, "try", VERA)
        return [path.relative_to(self.root).as_posix() for path in done.files]

    def make(self, name: str = "engraving") -> None:
        self.save(lambda c: self.intents.make(c, name, ANSWERS, EXAMPLES))

    def yaml(self, path: str) -> Any:
        return yaml.safe_load((self.root / path).read_text(encoding="utf-8"))

    def held_out(self, language: str = "ru") -> list[tuple[str, str]]:
        with (self.root / f"data/heldout/{language}.csv").open(encoding="utf-8") as file:
            return [(row["text"], row["intent"]) for row in csv.DictReader(file)]

    def measure(self, text: str, intent: str) -> None:
        path = self.root / "data/heldout/ru.csv"
        path.write_text(path.read_text(encoding="utf-8") + f'"{text}",{intent}\n', encoding="utf-8")

    def texts(self, intent: str, language: str = "ru") -> list[str]:
        return [one.text for one in self.files.examples() if (one.intent, one.language) == (intent, language)]

    def state(self) -> dict[str, bytes]:
        return {
            str(path): path.read_bytes()
            for path in sorted(self.root.rglob("*.*"))
            if ".git" not in path.parts
        }

    def git(self, *arguments: str) -> str:
        return subprocess.check_output(["git", "-C", str(self.root), *arguments], text=True).strip()

    def under_git(self) -> None:
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "as it was")


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    root = tmp_path / "project"
    shutil.copytree(ROOT / "data", root / "data")
    for name in ("domain.yml", "config.yml"):
        shutil.copy(ROOT / name, root / name)
    return Workshop(root, tmp_path / "var/lock")


def test_a_renamed_intent_has_its_new_name_everywhere(shop: Workshop) -> None:
    shop.make()
    shop.measure("сколько стоит гравировка, если по-латыни", "engraving")
    rule = shop.root / "data/proactive/restock_due.yml"
    with_button = rule.read_text(encoding="utf-8").replace(
        "buttons:\n", "buttons:\n  - { title: { ru: Гравировка, en: Engraving }, intent: engraving }\n"
    )
    rule.write_text(with_button, encoding="utf-8")
    domain = (shop.root / "domain.yml").read_text(encoding="utf-8")
    with_payload = domain.replace("payload: /capabilities }", "payload: /engraving }", 1)
    (shop.root / "domain.yml").write_text(with_payload, encoding="utf-8")
    comments = [line for line in with_payload.splitlines() if line.lstrip().startswith("#")]

    touched = shop.save(lambda c: shop.intents.rename(c, "engraving", "laser_work"))

    assert touched == [
        "data/heldout/ru.csv", "data/nlu/en/studio.yml", "data/nlu/ru/studio.yml",
        "data/proactive/restock_due.yml", "data/rules/studio.yml", "domain.yml",
    ]  # fmt: skip
    for path in (*shop.root.rglob("*.yml"), *shop.root.rglob("*.csv")):
        text = path.read_text(encoding="utf-8")
        assert "engraving:" not in text
        assert "intent: engraving" not in text
        assert "/engraving" not in text
    facts = shop.yaml("domain.yml")
    assert "laser_work" in facts["intents"]
    assert facts["responses"]["utter_laser_work"][0]["text"] == "Да, гравируем."
    (made,) = shop.yaml("data/rules/studio.yml")["rules"]
    assert made["steps"] == [{"intent": "laser_work"}, {"action": "utter_laser_work"}]
    assert ("сколько стоит гравировка, если по-латыни", "laser_work") in shop.held_out()
    after = (shop.root / "domain.yml").read_text(encoding="utf-8")
    assert [line for line in after.splitlines() if line.lstrip().startswith("#")] == comments
    assert len(after.splitlines()) == len(with_payload.splitlines())


def test_an_intent_that_program_code_names_is_not_renamed_and_the_places_are_told(shop: Workshop) -> None:
    before = shop.state()
    with pytest.raises(Refused, match="code_refers") as why:
        shop.save(lambda c: shop.intents.rename(c, "track_refund", "refund_status"))
    assert any(place.startswith("actions/refunds.py:") for place in why.value.places)
    assert any(place.startswith("bot/desk/texts.yml:") for place in why.value.places)
    with pytest.raises(Refused, match="code_refers"):
        shop.save(lambda c: shop.intents.merge(c, "track_refund", "refund_policy"))
    assert shop.state() == before


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("engraving", "track_order", "name_taken"),
        ("engraving", "Гравировка", "bad_name"),
        ("engraving", "order_new", "name_taken"),  # its answer would be another one's
        ("no_such", "something", "unknown_intent"),
        ("out_of_scope", "something", "reserved"),
    ],
)
def test_a_name_that_cannot_be_is_refused(shop: Workshop, old: str, new: str, why: str) -> None:
    shop.make()
    before = shop.state()
    with pytest.raises(Refused, match=why):
        shop.save(lambda c: shop.intents.rename(c, old, new))
    assert shop.state() == before


def test_merged_intents_leave_no_trace_of_the_one(shop: Workshop) -> None:
    original = (shop.root / "domain.yml").read_bytes()
    shop.make()
    shop.measure("гравировка готова?", "engraving")
    both = len(shop.texts("product_advice")) + len(shop.texts("engraving"))
    shop.save(lambda c: shop.intents.merge(c, "engraving", "product_advice"))
    assert "engraving" not in shop.files.intents()
    assert len(shop.texts("product_advice")) == both
    assert shop.texts("engraving") == []
    assert ("гравировка готова?", "product_advice") in shop.held_out()
    assert not (shop.root / "data/rules/studio.yml").exists()
    assert (shop.root / "domain.yml").read_bytes() == original


def test_an_intent_with_a_longer_dialogue_is_merged_by_a_person(shop: Workshop) -> None:
    shop.make()
    rules = shop.root / "data/rules/studio.yml"
    rules.write_text(rules.read_text(encoding="utf-8") + "      - action: action_greet\n", encoding="utf-8")
    with pytest.raises(Refused, match="rule_refers") as why:
        shop.save(lambda c: shop.intents.merge(c, "engraving", "product_advice"))
    assert why.value.places == ("data/rules/studio.yml:5",)


def test_split_takes_the_chosen_examples_and_what_measures_them(shop: Workshop) -> None:
    chosen = {
        (one.language, key(one.text))
        for one in shop.files.examples()
        if one.intent == "delivery_options" and any(word in one.text for word in ("самовывоз", "pick up"))
    }
    assert len({language for language, _ in chosen}) == 2
    whole = len(shop.texts("delivery_options"))
    shop.measure("Есть самовывоз", "delivery_options")
    shop.save(lambda c: shop.intents.split(c, "delivery_options", "self_pickup", ANSWERS, chosen))
    moved = shop.texts("self_pickup")
    assert moved
    assert all("самовывоз" in text for text in moved)
    assert len(moved) + len(shop.texts("delivery_options")) == whole
    assert ("Есть самовывоз", "self_pickup") in shop.held_out()
    assert problems(shop.files.examples()) == []
    with pytest.raises(Refused, match="nothing_chosen"):
        shop.save(lambda c: shop.intents.split(c, "delivery_options", "other", ANSWERS, set()))


def test_an_intent_never_loses_its_last_example_of_a_language(shop: Workshop) -> None:
    shop.make()
    russian = [Example("ru", "engraving", text) for text in EXAMPLES["ru"]]
    with pytest.raises(Refused, match="keeps_none"):
        shop.save(lambda c: shop.intents.move(c, russian, "complaint"))
    shop.save(lambda c: shop.intents.move(c, russian[:1], "complaint"))
    assert shop.texts("engraving") == EXAMPLES["ru"][1:]
    assert EXAMPLES["ru"][0] in shop.texts("complaint")


def test_moving_an_example_keeps_its_entities_and_changes_two_lines(shop: Workshop) -> None:
    path = shop.root / "data/nlu/ru/delivery.yml"
    noted = "    - довезёте до [Тулы](city)?\n"
    path.write_text(
        path.read_text(encoding="utf-8").replace("    - какие есть способы доставки\n", noted, 1),
        encoding="utf-8",
    )
    before = shop.state()
    example = Example("ru", "delivery_options", "довезёте до [Тулы](city)?")
    shop.save(lambda c: shop.intents.move(c, [example], "delivery_period"))
    (tmp := shop.root.parent / "was.yml").write_bytes(before[str(path)])
    assert sorted(changed_lines(tmp, path)) == [
        "+    - довезёте до [Тулы](city)?",
        "-    - довезёте до [Тулы](city)?",
    ]
    assert "довезёте до [Тулы](city)?" in shop.texts("delivery_period")


def test_an_example_that_says_something_else_already_is_not_put_elsewhere(shop: Workshop) -> None:
    with pytest.raises(Refused, match="stands_elsewhere") as why:
        shop.save(lambda c: shop.intents.add(c, [Example("ru", "complaint", "есть самовывоз")]))
    assert why.value.places == ("«есть самовывоз»: delivery_options",)


def test_repetitions_go_and_the_first_stays(shop: Workshop) -> None:
    shop.make()
    path = shop.root / "data/nlu/ru/studio.yml"
    path.write_text(path.read_text(encoding="utf-8") + "    - Делаете гравировку\n", encoding="utf-8")
    shop.save(shop.intents.tidy)
    assert shop.texts("engraving") == EXAMPLES["ru"]


def test_what_was_saved_is_one_commit_and_comes_back_by_another(shop: Workshop) -> None:
    shop.under_git()
    before = shop.state()
    shop.make()
    shop.save(lambda c: shop.intents.rename(c, "engraving", "laser_work"))
    first, second = history(shop.root)[::-1]
    assert (second.who, second.words) == ("Вера", "Studio: try")
    with pytest.raises(ChangedMeanwhile):  # the second stands on it
        shop.editing.undo(first.id, VERA)
    shop.editing.undo(second.id, VERA)
    shop.editing.undo(first.id, VERA)
    assert shop.state() == before
    assert shop.git("status", "--porcelain") == ""
    with pytest.raises(Refused, match="no_commit"):
        shop.editing.undo(shop.git("rev-list", "--max-parents=0", "HEAD"), VERA)


def test_a_preview_that_is_out_of_date_is_not_saved(shop: Workshop) -> None:
    def edit(changes: Changes) -> None:
        shop.intents.make(changes, "engraving", ANSWERS, EXAMPLES)

    seen = shop.editing.editor.preview(edit)
    assert [one.path for one in seen.diff()] == [
        "data/nlu/en/studio.yml", "data/nlu/ru/studio.yml", "data/rules/studio.yml", "domain.yml",
    ]  # fmt: skip
    by_hand = shop.root / "domain.yml"
    by_hand.write_text(by_hand.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    before = shop.state()
    with pytest.raises(ChangedMeanwhile):
        shop.editing.save(edit, "try", VERA, seen.version())
    assert shop.state() == before
    shop.editing.save(edit, "try", VERA, shop.editing.editor.preview(edit).version())
    assert "# by hand" in by_hand.read_text(encoding="utf-8")


def test_killed_between_two_files_the_rest_is_done_by_who_comes_next(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.make()
    replace = Path.replace

    def die(self: Path, target: Path) -> Path:
        if str(target).endswith("data/rules/studio.yml"):
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as dying:
        dying.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            shop.save(lambda c: shop.intents.rename(c, "engraving", "laser_work"))
    assert shop.texts("laser_work")  # half of it is there
    assert "intent: engraving" in (shop.root / "data/rules/studio.yml").read_text(encoding="utf-8")
    again = TrainingFiles(shop.root, tmp_path / "var/lock")
    assert "laser_work" in again.intents()
    assert "intent: laser_work" in (shop.root / "data/rules/studio.yml").read_text(encoding="utf-8")
    assert not list(shop.root.rglob(".*.new"))
