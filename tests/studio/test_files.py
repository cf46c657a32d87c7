"""What the studio writes is plain Rasa YAML, small in its changes, and never over somebody's hand."""

import csv
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.studio import files as files_module
from bot.studio.files import ChangedMeanwhile, Example, Refused, TrainingFiles
from bot.studio.tables import Reason, Sample, Verdict
from bot.studio.writing import Writer
from core.settings import ROOT
from tests.studio.conftest import VERA, Town, changed_lines


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The product's own data, to be changed."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "data", root / "data")
    for name in ("domain.yml", "config.yml"):
        shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture
def files(project: Path, tmp_path: Path) -> TrainingFiles:
    return TrainingFiles(project, tmp_path / "lock")


def test_a_new_example_is_one_new_line(files: TrainingFiles, project: Path) -> None:
    written = files.change([Example("ru", "delivery_options", "довезёте до дачи [в горах]?")])
    (path,) = written.files
    assert path == project / "data/nlu/ru/delivery.yml"
    assert changed_lines(ROOT / path.relative_to(project), path) == ["+    - довезёте до дачи (в горах)?"]
    assert files.change(remove=written.added).removed == written.added
    assert path.read_bytes() == (ROOT / path.relative_to(project)).read_bytes()


def test_what_stands_there_is_not_written_again_and_a_contradiction_is_shown(files: TrainingFiles) -> None:
    known = Example("ru", "delivery_options", "Есть самовывоз")
    written = files.change([known, Example("ru", "complaint", "ЕСТЬ САМОВЫВОЗ!")])
    assert written.known == [known]
    assert [(c.example.intent, c.stands_under) for c in written.conflicts] == [
        ("complaint", "delivery_options")
    ]
    assert written.files == []


def test_a_file_edited_by_hand_at_the_same_moment_is_not_overwritten(
    files: TrainingFiles, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "data/nlu/ru/delivery.yml"
    dump = files_module.dump

    def meanwhile(content: object) -> bytes:
        path.write_text(path.read_text(encoding="utf-8") + "    - а на остров?\n", encoding="utf-8")
        return dump(content)

    with monkeypatch.context() as patched:
        patched.setattr(files_module, "dump", meanwhile)
        with pytest.raises(ChangedMeanwhile):
            files.change([Example("ru", "delivery_options", "довезёте до дачи?")])
    assert "а на остров?" in path.read_text(encoding="utf-8")
    assert not list(project.rglob(".*.new"))
    files.change([Example("ru", "delivery_options", "довезёте до дачи?")])
    assert "а на остров?" in path.read_text(encoding="utf-8")


def test_a_new_intent_comes_with_its_answer_and_its_rule(files: TrainingFiles, project: Path) -> None:
    answers = {"ru": 'Да, гравируем: "от 500 ₽".', "en": "Yes, we do: from 500 ₽."}
    files.editor.save(lambda changes: files.with_intent(changes, "engraving", answers))
    files.change(
        [Example("ru", "engraving", "делаете гравировку?"), Example("en", "engraving", "do you engrave?")]
    )
    domain = yaml.safe_load((project / "domain.yml").read_text(encoding="utf-8"))
    assert domain["intents"][-1] == "engraving"
    said = domain["responses"]["utter_engraving"]
    assert [one["text"] for one in said] == ['Да, гравируем: "от 500 ₽".', "Yes, we do: from 500 ₽."]
    assert said[1]["condition"] == [{"type": "slot", "name": "language", "value": "en"}]
    rules = yaml.safe_load((project / "data/rules/studio.yml").read_text(encoding="utf-8"))
    assert rules["rules"][0]["steps"] == [{"intent": "engraving"}, {"action": "utter_engraving"}]
    nlu = yaml.safe_load((project / "data/nlu/ru/studio.yml").read_text(encoding="utf-8"))
    assert nlu == {
        "version": "3.1",
        "nlu": [{"intent": "engraving", "examples": "- делаете гравировку?\n"}],
    }
    assert all(line[0] == "+" for line in changed_lines(ROOT / "domain.yml", project / "domain.yml"))


@pytest.mark.parametrize(
    ("name", "answers", "why"),
    [
        ("Гравировка", {"ru": "да", "en": "yes"}, "bad_name"),
        ("track_order", {"ru": "да", "en": "yes"}, "name_taken"),
        ("engraving", {"ru": "да", "en": " "}, "answer_missing"),
        ("engraving", {"ru": "цена {price}", "en": "yes"}, "braces"),
    ],
)
def test_half_an_intent_is_refused(
    files: TrainingFiles, project: Path, name: str, answers: dict[str, str], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        files.editor.save(lambda changes: files.with_intent(changes, name, answers))
    assert (project / "domain.yml").read_bytes() == (ROOT / "domain.yml").read_bytes()


async def test_decisions_become_examples_with_the_administrator_as_author(
    town: Town, files: TrainingFiles, project: Path
) -> None:
    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", "-C", str(project), *arguments], text=True).strip()

    git("init", "--quiet")
    git("add", ".")
    git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "as it was")
    (project / "config.yml").write_text("# being edited by hand\n", encoding="utf-8")
    for who, text in enumerate(["привезёте на дачу?", "привезёте на дачу", "а на дачу привезёте"]):
        await town.says(text, who=str(who))
    await town.collector.look()
    writer = Writer(files, town.clock)
    async with town.db.write() as session:
        (group,) = await town.inbox.groups(session)
        decision = await town.inbox.decide(session, group.id, Verdict.INTENT, "delivery_options", VERA)
        carried = await writer.write(session, (VERA.name, VERA.login))
    assert [one.text for one in carried.written.added] == ["привезёте на дачу?", "а на дачу привезёте"]
    assert git("log", "-1", "--format=%an <%ae>|%s") == (
        "Вера <vera@studio.local>|Studio: 2 examples added, 0 removed"
    )
    assert git("show", "--stat", "--format=", "--name-only") == "data/nlu/ru/delivery.yml"
    async with town.db.write() as session:
        again = await writer.write(session, None)
        assert (again.written.files, again.commit) == ([], None)
        await town.inbox.undo(session, decision.id, VERA)
        undone = await writer.write(session, None)
        assert len(undone.written.removed) == 2
        assert await town.inbox.waiting(session) == 3
    assert git("diff", "HEAD~2", "--stat", "--", "data") == ""


async def test_a_flood_of_one_phrase_adds_little(town: Town, files: TrainingFiles) -> None:
    for n in range(60):
        await town.says(f"купите мои ссылки номер {n}", who=str(n % 3))
        await town.says("купите мои ссылки", who=str(n % 3))
    await town.collector.look()
    async with town.db.write() as session:
        for group in await town.inbox.groups(session):
            await town.inbox.decide(session, group.id, Verdict.OUT_OF_SCOPE, None, VERA)
        carried = await Writer(files, town.clock).write(session, None)
    assert len(carried.written.added) <= 20
    assert carried.left_out > 0


async def test_the_random_draw_measures_and_is_never_trained_on(
    town: Town, files: TrainingFiles, project: Path
) -> None:
    asked = await town.says("привезёте на дачу?")
    await town.collector.look()
    async with town.db.write() as session:
        sample = (await town.inbox.groups(session))[0]
        row = await session.get_one(Sample, sample.id)
        row.reason = Reason.RANDOM
        await session.flush()
        await town.inbox.decide(session, sample.id, Verdict.INTENT, "delivery_options", VERA)
        carried = await Writer(files, town.clock).write(session, None)
    assert asked
    assert (carried.written.added, carried.measured) == ([], 1)
    with (project / "data/heldout/measured_ru.csv").open(encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [{"text": "привезёте на дачу?", "intent": "delivery_options"}]


async def test_a_message_of_the_exam_is_not_learnt_when_it_is_asked_again(
    town: Town, files: TrainingFiles, project: Path
) -> None:
    with (project / "data/heldout/ru.csv").open("a", encoding="utf-8") as file:
        file.write("привезёте ли вы заказ на дачу,delivery_options\n")
    await town.says("Привезёте ли вы заказ на дачу?")
    await town.says("а на остров заказ привезёте ли", who="another")
    await town.collector.look()
    async with town.db.write() as session:
        for group in await town.inbox.groups(session):
            await town.inbox.decide(session, group.id, Verdict.INTENT, "delivery_options", VERA)
        carried = await Writer(files, town.clock).write(session, None)
    assert [one.text for one in carried.written.added] == ["а на остров заказ привезёте ли"]
    assert carried.left_out == 1
