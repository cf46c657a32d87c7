"""A pipeline at the command line does what the studio's pages do; a person there reads what happened."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from bot.cli.main import app
from bot.studio.exchange import parse
from bot.studio.files import Example, TrainingFiles
from bot.studio.inbox import Inbox
from bot.studio.tables import Decision, Run, RunState, Verdict
from core.audit import AuditRecord
from core.clock import SystemClock
from core.db import Database
from core.settings import ROOT
from tests.studio.conftest import Office
from tests.studio.test_pages import models

Zabota = Callable[..., Awaitable[Result]]
COMMANDS = (
    "inbox", "label", "undo", "new-intent", "rename", "merge", "import", "export",
    "train", "compare", "models", "promote", "rollout", "rollback",
)  # fmt: skip


@pytest.fixture
def zabota(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zabota:
    """`zabota studio …` beside the running studio: the same files, models and database."""
    for name, value in (("VAR", tmp_path), ("MODELS", tmp_path / "models"), ("PROJECT", office.project)):
        monkeypatch.setenv(f"ZABOTA_{name}", str(value))
    monkeypatch.setenv("COLUMNS", "200")

    async def say(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["studio", *words])

    return say


async def test_every_command_explains_itself(zabota: Zabota) -> None:
    listed = (await zabota("--help")).output
    for command in COMMANDS:
        assert command in listed
        assert (await zabota(command, "--help")).exit_code == 0


async def test_a_group_is_read_labelled_and_given_back(office: Office, zabota: Zabota) -> None:
    for who in "abc":
        await office.town.says("сколько стоит гравировка?", who=who)
    await office.town.collector.look()
    [group] = json.loads((await zabota("inbox", "--json")).stdout)
    assert (group["size"], group["texts"]) == (3, ["сколько стоит гравировка?"])
    assert "сколько стоит гравировка?" in (await zabota("inbox")).stdout
    assert json.loads((await zabota("inbox", "--measuring", "--json")).stdout) == []
    number = str(group["group"])
    refused = await zabota("label", number, "no_such_intent")
    assert (refused.exit_code, refused.stderr) == (1, "There is no intent no_such_intent.\n")
    done = await zabota("label", number, "product_advice")
    assert (done.exit_code, done.stdout) == (0, "Decision 1: product_advice\n")
    assert "Всё разобрано." in (await office.get("/studio"))[1]
    late = await zabota("label", number, "ignore")
    assert (late.exit_code, late.stderr) == (1, f"Nothing of the group {number} waits.\n")
    assert (await zabota("undo", "1")).exit_code == 0
    assert f'data-group="{number}"' in (await office.get("/studio"))[1]
    again = await zabota("undo", "1")
    assert (again.exit_code, again.stderr) == (1, "There is no decision 1 that holds.\n")


@pytest.mark.parametrize("word", [Verdict.OUT_OF_SCOPE, Verdict.IGNORE])
async def test_what_is_none_of_the_intents_has_a_word_too(
    office: Office, zabota: Zabota, word: Verdict
) -> None:
    await office.town.says("купите слона")
    await office.town.collector.look()
    [group] = json.loads((await zabota("inbox", "--json")).stdout)
    assert (await zabota("label", str(group["group"]), word)).exit_code == 0
    async with office.db.read() as session:
        decision = await session.scalar(select(Decision))
    assert decision is not None
    assert (decision.verdict, decision.intent, decision.staff_id) == (word, None, None)


async def test_an_intent_is_made_renamed_merged_and_committed(office: Office, zabota: Zabota) -> None:
    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", "-C", str(office.project), *arguments], text=True).strip()

    git("init", "--quiet")
    git("add", ".")
    git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "as it was")
    answers = ("--ru", "Да, гравируем.", "--en", "Yes, we engrave.")
    looked = await zabota("new-intent", "engraving", *answers, "--dry-run")
    assert "+  - engraving" in looked.stdout
    assert git("status", "--porcelain") == ""
    done = await zabota("new-intent", "engraving", *answers)
    assert (done.exit_code, "2 files changed, commit " in done.stdout) == (0, True)
    assert git("log", "-1", "--format=%an|%s") == "Zabota|Studio: new intent engraving"
    taken = await zabota("new-intent", "engraving", *answers)
    assert (taken.exit_code, taken.stderr) == (1, "There is an intent of this name already.\n")
    looked = await zabota("rename", "engraving", "laser_work", "--dry-run")
    assert "+  - laser_work" in looked.stdout
    assert (await zabota("rename", "engraving", "laser_work")).exit_code == 0
    assert "Studio: engraving is now laser_work" in git("log", "-1", "--format=%s")
    looked = await zabota("merge", "laser_work", "product_advice", "--dry-run")
    assert "-  - laser_work" in looked.stdout
    assert (await zabota("merge", "laser_work", "product_advice")).exit_code == 0
    assert git("status", "--porcelain") == ""
    assert git("diff", "HEAD~3", "--stat") == "", "made, renamed, merged: nothing is left of it"
    gone = await zabota("merge", "laser_work", "product_advice")
    assert (gone.exit_code, "Traceback" in gone.output) == (1, False)
    fixed = await zabota("rename", "track_refund", "refund_status")
    assert (fixed.exit_code, "actions/refunds.py" in fixed.stderr) == (1, True)


async def test_examples_come_in_and_go_out(office: Office, zabota: Zabota, tmp_path: Path) -> None:
    source, target = tmp_path / "their.csv", tmp_path / "ours.zip"
    rows = [
        f"{text},wish" for text in ("гравировку бы на кружке", "звоните +7 916 234-56-78 насчёт гравировки")
    ]
    source.write_text("\n".join(["text,intent", *rows, ""]), encoding="utf-8")
    looked = await zabota("import", str(source), "--map", "wish=complaint", "--dry-run", "--json")
    assert json.loads(looked.stdout)["rows"] == {"new": 1, "cleaned": 1}
    assert (await zabota("import", str(source), "--map", "wish=complaint")).exit_code == 0
    _, page = await office.get("/studio/intents/complaint?q=гравиров")
    assert "гравировку бы на кружке" in page
    assert "916" not in page
    strange = await zabota("import", str(source), "--map", "other=complaint")
    assert (strange.exit_code, "the file has no intent other" in strange.stderr) == (1, True)
    assert (await zabota("import", str(source), "--map", "wish=nobody")).exit_code == 1
    assert (await zabota("export", "rasa", "-o", str(tmp_path / "ours.yml"))).exit_code == 0
    ours = parse("rasa", (tmp_path / "ours.yml").read_bytes())
    assert len(ours) == len(TrainingFiles(office.project, tmp_path / "lock").examples())
    assert (await zabota("export", "dialogflow", "-o", str(target))).exit_code == 0
    assert target.read_bytes().startswith(b"PK")
    assert (await zabota("export", "punchcards")).exit_code == 1


async def test_swapped_labels_end_the_pipeline(office: Office, zabota: Zabota, tmp_path: Path) -> None:
    files = TrainingFiles(office.project, tmp_path / "lock")
    own = [one.text for one in files.examples() if one.intent == "track_refund" and one.language == "ru"]
    source = tmp_path / "swapped.csv"
    lines = "".join(f'"{text} очень",complaint\n' for text in own[:12] if "[" not in text)
    source.write_text(f"text,intent\n{lines}", encoding="utf-8")
    done = await zabota("import", str(source))
    assert (done.exit_code, "Labels look swapped" in done.stderr) == (3, True)
    assert (await zabota("import", str(source), "--swapped-too")).exit_code == 0


async def test_a_model_goes_live_is_tried_and_comes_back(office: Office, zabota: Zabota) -> None:
    nothing = await zabota("rollback")
    assert (nothing.exit_code, nothing.stderr) == (1, "There is no model before this one.\n")
    models(office, "old.tar.gz", "new.tar.gz")
    await office.run("new.tar.gz", "old.tar.gz", (0, 9))
    assert "→ old.tar.gz" in (await zabota("models")).stdout
    done = await zabota("promote", "new.tar.gz", "--shadow")
    assert (done.exit_code, done.stdout) == (0, "Tried in the shadow: new.tar.gz\n")
    assert json.loads((await zabota("rollout", "--json")).stdout)["stage"] == "shadow"
    done = await zabota("promote", "new.tar.gz", "--canary", "10")
    assert done.stdout == "Answers 10 % of the conversations: new.tar.gz\n"
    assert "Отвечает в 10 % разговоров" in (await office.get("/studio/models"))[1]
    assert "new.tar.gz" in (await zabota("rollout", "--stop")).stdout
    assert "закончена вручную" in (await office.get("/studio/models"))[1]
    assert (await zabota("promote", "new.tar.gz")).stdout == "Live: new.tar.gz\n"
    told = {row["file"]: row["live"] for row in json.loads((await zabota("models", "--json")).stdout)}
    assert told == {"old.tar.gz": False, "new.tar.gz": True}
    assert (await zabota("rollback")).stdout == "Live: old.tar.gz\n"
    assert office.registry.live() == office.registry.folder / "old.tar.gz"
    (office.registry.folder / "new.tar.gz").write_text("something else")
    for words in (("promote", "new.tar.gz"), ("promote", "nobody.tar.gz"), ("rollback",)):
        refused = await zabota(*words)
        assert (refused.exit_code, "no such model of this engine" in refused.stderr) == (1, True)
    assert (await zabota("promote", "new.tar.gz", "--shadow", "--canary", "10")).exit_code == 1
    assert office.registry.live() == office.registry.folder / "old.tar.gz"


async def test_what_the_gate_refuses_needs_a_reason_that_is_kept(office: Office, zabota: Zabota) -> None:
    models(office, "old.tar.gz", "new.tar.gz")
    run = await office.run("new.tar.gz", "old.tar.gz", (9, 0))
    why = "старая отвечает про закрытый магазин"
    for words in (("promote", "new.tar.gz", "--canary", "10"), ("promote", "new.tar.gz")):
        refused = await zabota(*words)
        assert (refused.exit_code, "See --reason" in refused.stderr) == (3, True)
        assert (await zabota(*words, "--reason", "надо")).exit_code == 3
        assert (await zabota(*words, "--reason", why)).exit_code == 0
    shown = await zabota("compare")
    assert "The new model is worse: it must not go live." in shown.stdout
    assert "- more errors, and not by chance" in shown.stdout
    assert "- «<b>0</b>» track_order: track_order → complaint" in shown.stdout
    told = json.loads((await zabota("compare", str(run), "--json")).stdout)
    assert (told["model"], told["comparison"]["lost"]) == ("new.tar.gz", 9)
    missing = await zabota("compare", "99")
    assert (missing.exit_code, missing.stderr) == (1, "There is no such run.\n")
    async with office.db.read() as session:
        kept = list(await session.scalars(select(AuditRecord).order_by(AuditRecord.id)))
    assert [one.details["reason"] for one in kept if one.action == "gate overridden"] == [why]
    assert why in (await office.get("/studio/models"))[1]


# --- training: a small project of its own, with the product's pipeline ------------------------------------


TAUGHT = ("track_order", "payment_methods", "complaint", "praise")
DOMAIN = """version: "3.1"
intents:
{intents}
slots:
  language: {{type: categorical, values: [ru, en], mappings: [{{type: custom}}]}}
responses:
  utter_track_order:
    - text: "Заказ в пути."
    - condition: &english [{{type: slot, name: language, value: en}}]
      text: "It is on its way."
{responses}
"""
RESPONSE = """  utter_{name}:
    - text: "Поняла."
    - condition: *english
      text: "I see."
"""


@pytest.fixture
def small(office: Office, tmp_path: Path) -> TrainingFiles:
    """Four of the product's intents, so that a whole training takes seconds."""
    files = TrainingFiles(office.project, tmp_path / "lock")
    kept = [one for one in files.examples() if one.intent in TAUGHT and "[" not in one.text]
    for folder in ("nlu", "rules", "stories", "heldout"):
        for path in (office.project / "data" / folder).rglob("*.*"):
            path.unlink()
    others = TAUGHT[1:]
    (office.project / "domain.yml").write_text(
        DOMAIN.format(
            intents="\n".join(f"  - {name}" for name in TAUGHT),
            responses="".join(RESPONSE.format(name=name) for name in others),
        ),
        encoding="utf-8",
    )
    rules = "".join(
        f"- rule: {name}\n  steps:\n  - intent: {name}\n  - action: utter_{name}\n" for name in TAUGHT
    )
    (office.project / "data/rules/rules.yml").write_text(f'version: "3.1"\nrules:\n{rules}', encoding="utf-8")
    chosen = [
        one
        for language in ("ru", "en")
        for name in TAUGHT
        for one in [each for each in kept if (each.language, each.intent) == (language, name)][:24]
    ]
    files.change(add=[one for n, one in enumerate(chosen) if n % 4])
    rows = "".join(f'"{one.text}",{one.intent}\n' for n, one in enumerate(chosen) if not n % 4)
    (office.project / "data/heldout/own.csv").write_text(f"text,intent\n{rows}", encoding="utf-8")
    return files


async def test_a_pipeline_teaches_trains_compares_and_promotes(
    office: Office, small: TrainingFiles, zabota: Zabota
) -> None:
    first = await zabota("train", "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert (told["state"], told["live"], told["comparison"]) == ("done", None, None)
    assert {"data", "frame", "code", "seed", "environment"} <= told["origin"].keys()
    assert (await zabota("promote", told["model"])).exit_code == 0
    await office.town.says("посылочка моя где едет")
    await office.town.collector.look()
    [group] = json.loads((await zabota("inbox", "--json")).stdout)
    await zabota("label", str(group["group"]), "track_order")
    second = await zabota("train")
    assert second.exit_code == 0, second.output
    assert "1 examples added" in second.stdout
    assert re.search("The new model is (as good as|better than) the live one", second.stdout)
    assert Example("ru", "track_order", "посылочка моя где едет") in small.examples()
    newest = json.loads((await zabota("compare", "--json")).stdout)
    assert newest["live"] == told["model"]
    assert (await zabota("promote", newest["model"])).exit_code == 0
    assert (await zabota("rollback")).stdout == f"Live: {told['model']}\n"


async def test_data_that_must_not_be_learnt_ends_the_pipeline(small: TrainingFiles, zabota: Zabota) -> None:
    small.change(add=[Example("ru", "complaint", "звоните +7 916 234-56-78")])
    failed = await zabota("train")
    assert (failed.exit_code, "personal: «звоните +7 916 234-56-78»" in failed.stdout) == (1, True)


async def test_a_file_that_cannot_be_read_is_named(
    office: Office, small: TrainingFiles, zabota: Zabota, tmp_path: Path
) -> None:
    (office.project / "domain.yml").write_text("intents: [", encoding="utf-8")
    path = office.project / "data/nlu/ru/studio.yml"
    path.write_text(path.read_text(encoding="utf-8") + "  - [broken: {\n", encoding="utf-8")
    source = tmp_path / "their.csv"
    source.write_text("text,intent\nгде моя посылка,track_order\n", encoding="utf-8")
    for words in (("train",), ("export", "csv"), ("import", str(source)), ("label", "1", "complaint")):
        failed = await zabota(*words)
        assert (failed.exit_code, "data/nlu/ru/studio.yml:" in failed.output) == (1, True)
        assert "Traceback" not in failed.output


async def test_ctrl_c_ends_the_training_and_everything_it_started(
    office: Office, small: TrainingFiles, zabota: Zabota, sqlite: Database
) -> None:
    command = [str(Path(sys.executable).with_name("zabota")), "studio", "train"]
    trainer = psutil.Popen(command, cwd=ROOT, env=dict(os.environ), stderr=subprocess.DEVNULL)
    started: list[psutil.Process] = []
    patience = time.monotonic() + 120
    while not started:
        assert time.monotonic() < patience
        await asyncio.sleep(0.1)  # another process: there is no event to wait for
        started = [one for one in trainer.children(recursive=True) if "bot.engine" in " ".join(one.cmdline())]
    started[0].suspend()  # it is not through before the others have looked
    busy = await zabota("train")
    assert (busy.exit_code, busy.stderr) == (1, "A training is under way.\n")
    started[0].resume()
    trainer.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(trainer.wait, 60) != 0
    assert not psutil.wait_procs(started, timeout=20)[1]
    async with sqlite.read() as session:
        assert (await session.scalars(select(Run.state))).all() == [RunState.CANCELLED]
    assert office.registry.models() == []
    async with sqlite.read() as session:
        assert await Inbox(SystemClock()).waiting(session) == 0
