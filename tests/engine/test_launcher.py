"""Starting and ending."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.engine.launcher import Refused, Settings

from .harness import ROOT, SECRET, TOKEN, Engine, environment

GOOD = {
    "ZABOTA_ENGINE_MODEL": "models/some.tar.gz",
    "ZABOTA_ENGINE_SECRET": SECRET,
    "ZABOTA_ACTIONS_SECRET": SECRET,
    "ZABOTA_ENGINE_WORKDIR": "work",
}


def test_settings_have_safe_defaults() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings.port == 5005
    assert len(settings.token) > 30
    assert settings.token != Settings.from_environment(GOOD).token
    assert settings.model.is_absolute()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ZABOTA_ENGINE_MODEL", ""), ("ZABOTA_ENGINE_SECRET", ""), ("ZABOTA_ENGINE_SECRET", "short"),
        ("ZABOTA_ACTIONS_SECRET", ""), ("ZABOTA_ENGINE_PORT", "5oo5"), ("ZABOTA_ENGINE_PORT", "70000"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(Refused, match=name):
        Settings.from_environment({**GOOD, name: value})


def test_a_missing_model_is_never_replaced_by_another(project: Path, tmp_path: Path) -> None:
    settings = environment(**{**GOOD, "ZABOTA_ENGINE_MODEL": str(project / "models" / "gone.tar.gz")})
    settings["ZABOTA_ENGINE_WORKDIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "bot.engine.launcher"],
        cwd=project,
        env=settings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "there is no model file" in done.stderr


def test_a_port_in_use_ends_the_launcher_with_an_error(model: Path, engine: Engine, tmp_path: Path) -> None:
    settings = environment(
        **{**GOOD, "ZABOTA_ENGINE_MODEL": str(model), "ZABOTA_ENGINE_PORT": str(engine.port)}
    )
    settings["ZABOTA_ENGINE_WORKDIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "bot.engine.launcher"], cwd=ROOT, env=settings, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"cannot listen on port {engine.port}" in done.stderr


def test_an_engine_dies_with_its_parent(model: Path, tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys\n"
        "os.environ['ZABOTA_PARENT_PID'] = str(os.getpid())\n"
        "child = subprocess.Popen([sys.executable, '-m', 'bot.engine.launcher'], stderr=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "child.stderr.readline()\n"
        "print('up', flush=True)\n"
        "sys.stdin.read()\n"
    )
    settings = environment(**{**GOOD, "ZABOTA_ENGINE_MODEL": str(model), "ZABOTA_ENGINE_PORT": "0"})
    settings.update(
        ZABOTA_ENGINE_WORKDIR=str(tmp_path), ZABOTA_ENGINE_PORT=str(20_000 + os.getpid() % 10_000)
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    engine_pid = int(parent.stdout.readline())
    assert parent.stdout.readline() == "up\n"
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and is_alive(engine_pid):
        time.sleep(0.05)
    assert not is_alive(engine_pid)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_no_secret_on_the_command_line(engine: Engine) -> None:
    assert engine.process is not None
    command = Path(f"/proc/{engine.process.pid}/cmdline").read_text()
    assert SECRET not in command
    assert TOKEN not in command


def test_only_loopback_is_bound(engine: Engine) -> None:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    assert f"0100007F:{engine.port:04X}" in listening
    assert f"00000000:{engine.port:04X}" not in listening


def test_the_engine_is_small_and_starts_quickly(
    model: Path, actions, tmp_path: Path, record_property
) -> None:  # type: ignore[no-untyped-def]
    fresh = Engine(model, actions.port, tmp_path / "fresh")
    seconds = fresh.start()
    megabytes = fresh.memory_mb()
    fresh.kill()
    record_property("start_seconds", seconds)
    record_property("resident_mb", megabytes)
    print(f"\nstart {seconds:.1f} s, resident {megabytes:.0f} MB")
    assert megabytes < 130
    assert seconds < 20
