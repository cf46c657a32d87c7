"""Rasa without TensorFlow: the stand-ins, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import rasa

from bot.engine.components import NEEDING_TENSORFLOW, NeedsTensorFlow, check_config
from bot.engine.standins import StandIns

from .harness import environment

CONFIG = """
recipe: default.v1
assistant_id: test
language: ru
pipeline: [{{name: {component}}}]
policies: [{{name: {policy}}}]
"""


def write(folder: Path, component: str = "WhitespaceTokenizer", policy: str = "RulePolicy") -> Path:
    path = folder / "config.yml"
    path.write_text(CONFIG.format(component=component, policy=policy))
    return path


def run(code: str, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**more), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_list_is_every_component_of_rasa_whose_module_imports_tensorflow() -> None:
    imports = re.compile(r"^\s*(?:import|from) (?:tensorflow|transformers)", re.MULTILINE)
    registered = re.compile(r"^@DefaultV1Recipe\.register\((?:.|\n)*?^class (\w+)", re.MULTILINE)
    found: set[str] = set()
    for package in ("nlu", "core"):
        for path in Path(rasa.__path__[0], package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            if imports.search(source):
                found.update(registered.findall(source))
    assert found == NEEDING_TENSORFLOW


@pytest.mark.parametrize("name", sorted(NEEDING_TENSORFLOW - {"TEDPolicy", "UnexpecTEDIntentPolicy"}))
def test_a_component_that_needs_tensorflow_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NeedsTensorFlow, match=rf"config.yml names {name}, .*make setup ENGINE=tensorflow"):
        check_config(write(tmp_path, component=name))


@pytest.mark.parametrize(
    "name", ["TEDPolicy", "UnexpecTEDIntentPolicy", "rasa.core.policies.ted_policy.TEDPolicy"]
)
def test_a_policy_that_needs_tensorflow_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NeedsTensorFlow, match=name.rpartition(".")[2]):
        check_config(write(tmp_path, policy=name))


def test_a_class_of_ones_own_that_derives_from_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from rasa.nlu.classifiers.diet_classifier import DIETClassifier\nclass Mine(DIETClassifier): pass\n"
    )
    (tmp_path / "own_component.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(NeedsTensorFlow, match="Mine, a kind of DIETClassifier"):
        check_config(write(tmp_path, component="own_component.Mine"))


@pytest.mark.parametrize("section", ["pipeline", "policies"])
@pytest.mark.parametrize("left", ["absent", "null"])
def test_rasas_default_is_refused(tmp_path: Path, section: str, left: str) -> None:
    path = write(tmp_path)
    empty = "" if left == "absent" else f"{section}: null"
    path.write_text(re.sub(rf"^{section}:.*$", empty, path.read_text(), flags=re.MULTILINE))
    with pytest.raises(NeedsTensorFlow, match=f"leaves `{section}` to Rasa's default"):
        check_config(path)
    other = "policies" if section == "pipeline" else "pipeline"
    check_config(path, sections=(other,))


def test_a_graph_recipe_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    uses = "rasa.nlu.classifiers.diet_classifier.DIETClassifier"
    path.write_text(f"recipe: graph.v1\ntrain_schema: {{nodes: {{diet: {{uses: {uses}}}}}}}\n")
    with pytest.raises(NeedsTensorFlow, match="DIETClassifier"):
        check_config(path)


def test_a_config_that_works_without_is_accepted(tmp_path: Path) -> None:
    check_config(write(tmp_path, component="bot.engine.guard.SlashGuard"))


def test_the_command_line_refuses_before_anything_starts(tmp_path: Path) -> None:
    write(tmp_path, component="DIETClassifier")
    command = [sys.executable, "-m", "bot.engine.cli", "train"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "DIETClassifier, which needs TensorFlow" in done.stderr


def test_the_command_line_is_rasas(project: Path) -> None:
    command = [sys.executable, "-m", "bot.engine.cli", "data", "validate", "--fail-on-warnings"]
    done = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stand_ins_step_aside_where_tensorflow_is_installed(tmp_path: Path) -> None:
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("real = True\n")
    code = (
        "from bot.engine.tf_absent import install\nprint(install())\n"
        "import tensorflow\nprint(tensorflow.real)"
    )
    path = environment()["PYTHONPATH"] + ":" + str(tmp_path)
    assert run(code, PYTHONPATH=path).split() == ["False", "True"]


def test_other_libraries_hear_that_there_is_no_tensorflow() -> None:
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from bot.engine import tf_absent; tf_absent.install(); tf_absent.install()\n"
        "import thinc.compat; print(thinc.compat.has_tensorflow, tf_absent.is_tensorflow_installed())"
    )
    assert run(code).split() == ["False", "False"]


def test_a_stand_in_answers_what_code_does_at_import_time() -> None:
    finder = StandIns(["absent_package"])
    finder.install()
    try:
        from absent_package import Thing, decorate
        from absent_package.deep.down import make_base

        class Derived(Thing.Inner, make_base()):  # type: ignore[misc, valid-type]
            field: Thing | None = None

        def function() -> int:
            return 5

        assert decorate(function)() == 5
        assert Thing[int] | None is Thing
        assert isinstance(Derived(), Derived)
    finally:
        finder.remove()
