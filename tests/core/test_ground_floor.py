"""Settings, secrets, texts, logs: what every process stands on."""

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from core import logs
from core.settings import ROOT, Settings, read_or_make_secret
from core.texts import Texts


def test_durations_are_given_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZABOTA_QUEUE_PATIENCE", "90")
    assert Settings().queue_patience == timedelta(seconds=90)


def test_a_secret_is_made_once_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "engine"
    first = read_or_make_secret(path)
    assert read_or_make_secret(path) == first
    assert len(first) == 64
    assert path.stat().st_mode & 0o077 == 0


def test_a_secret_from_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZABOTA_SITE_SECRET", "given")
    settings = Settings(var=tmp_path)
    assert settings.site_key == b"given"
    assert "given" not in repr(settings)


def test_every_setting_is_explained_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    untold = {"var", "models"}  # where data lies; tests move them
    missing = [
        name
        for name in Settings.model_fields
        if name not in untold and f"ZABOTA_{name.upper()}" not in example
    ]
    assert missing == []


def test_a_text_that_lacks_a_language_does_not_load(tmp_path: Path) -> None:
    catalogue = tmp_path / "texts.yml"
    catalogue.write_text("hello:\n  ru: Здравствуйте\n", encoding="utf-8")
    with pytest.raises(ValueError, match="hello"):
        Texts(catalogue)


def test_logs_hold_no_personal_data(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json", "info", "test")
    try:
        said = {"to": "maria@example.com", "text": "где мой заказ", "note": "+7 900 000-10-01"}
        logs.get("test").info("code sent", **said)
        logging.getLogger("some.library").warning("mail to maria@example.com failed")
    finally:
        logging.basicConfig(force=True)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0]["to"] == "<email>"
    assert lines[0]["text"] == "<hidden>"
    assert lines[0]["note"] == "<number>"
    assert "maria" not in str(lines)
