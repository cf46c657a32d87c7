"""An administrator at the command line."""

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.main import app
from bot.registry import Registry, TamperedModel, engine_version

run = CliRunner().invoke


def test_every_command_explains_itself() -> None:
    listed = run(app, ["--help"]).output
    for command in ("up", "train", "chat", "doctor"):
        assert command in listed
        assert run(app, [command, "--help"]).exit_code == 0


def test_the_doctor_says_what_is_wrong_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZABOTA_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("ZABOTA_MODELS", str(tmp_path / "models"))
    for name in ("ZABOTA_PORT", "ZABOTA_ENGINE_PORT", "ZABOTA_ACTIONS_PORT"):
        monkeypatch.setenv(name, "1")
    result = run(app, ["doctor", "--json"])
    assert result.exit_code == 1
    findings = {finding["what"]: finding for finding in json.loads(result.output)}
    assert not findings["model"]["well"]
    assert "zabota train" in findings["model"]["advice"]
    assert not findings["gateway"]["well"]
    assert not findings["database"]["well"]


def test_up_says_when_a_port_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZABOTA_VAR", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("ZABOTA_PORT", str(taken.getsockname()[1]))
        result = run(app, ["up"])
    assert result.exit_code == 1
    assert "ZABOTA_PORT" in result.output


def test_up_says_when_the_model_is_not_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_text("a")
    Registry(tmp_path, b"key of another installation").add(tmp_path / "a.tar.gz", datetime.now(UTC), 1.0)
    for name, value in {"VAR": str(tmp_path / "var"), "MODELS": str(tmp_path)}.items():
        monkeypatch.setenv(f"ZABOTA_{name}", value)
    for name in ("ZABOTA_PORT", "ZABOTA_ENGINE_PORT", "ZABOTA_ACTIONS_PORT"):
        monkeypatch.setenv(name, "0")
    result = run(app, ["up"])
    assert result.exit_code == 1
    assert "a.tar.gz is not a model of this installation" in result.output
    assert "Move models/ away" in result.output


def test_chat_says_when_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZABOTA_PORT", "1")
    result = run(app, ["chat"])
    assert result.exit_code == 1
    assert "make run" in result.output


def test_the_newest_registered_model_is_live_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    registry = Registry(tmp_path, b"key")
    assert registry.live() is None
    for name in ("a.tar.gz", "b.tar.gz"):
        (tmp_path / name).write_text(name)
        registry.add(tmp_path / name, datetime.now(UTC), 1.0)
    assert registry.live() == tmp_path / "b.tar.gz"
    known = (tmp_path / "registry.json").read_text()
    (tmp_path / "registry.json").write_text(known.replace(engine_version(), "older"))
    assert registry.live() is None  # the engine has changed since: `zabota up` trains anew
    (tmp_path / "registry.json").write_text(known)
    (tmp_path / "b.tar.gz").write_text("something else")
    with pytest.raises(TamperedModel):
        registry.live()
