"""An administrator at the command line: rules, why somebody was written to, what would have been."""

import asyncio
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.proactive.rules import FOLDER
from core.db import Database
from core.settings import ROOT
from crm_bridge.models import (
    ContactKind,
    ContactPoint,
    Customer,
    DeliveryMethod,
    Identity,
    Order,
    OrderState,
    Proof,
)

DAY = timedelta(days=1)
PHONE = "+79000001002"


def zabota(*words: str, code: int = 0) -> tuple[str, str]:
    """What a command writes and says, in a process of its own."""
    command = [sys.executable, "-c", "from bot.cli.proactive import app; app()", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout, " ".join(done.stderr.split())


def told(*words: str) -> Any:
    """What a command tells a script: nothing but JSON."""
    return json.loads(zabota(*words, "--json")[0])


@pytest.fixture
def company(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody waits for a parcel that should have come the day before yesterday."""
    (tmp_path / "var").mkdir()
    shutil.copy(migrated_sqlite, tmp_path / "var" / "zabota.db")
    monkeypatch.setenv("ZABOTA_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("ZABOTA_MODELS", str(tmp_path / "models"))

    async def fill() -> None:
        db, now = Database(f"sqlite+aiosqlite:///{tmp_path / 'var' / 'zabota.db'}"), datetime.now(UTC)
        since = now - 90 * DAY
        async with db.write() as session:
            session.add(
                Customer(
                    id=1, given_name="Мария", family_name="Соколова", language="ru", created_at=since,
                    time_zone="Europe/Moscow", city="Казань",
                )
            )  # fmt: skip
            await session.flush()
            session.add(
                Identity(
                    channel="webchat", account="main", external_id="v1", customer_id=1, created_at=since,
                    method=Proof.SIGNED_USER, verified_at=since, language="ru",
                )
            )  # fmt: skip
            session.add(
                ContactPoint(
                    customer_id=1, kind=ContactKind.PHONE, value=PHONE, created_at=since, verified_at=since,
                )
            )  # fmt: skip
            session.add(
                Order(
                    customer_id=1, number="1002", state=OrderState.SHIPPED, total_minor=1, currency="RUB",
                    delivery_method=DeliveryMethod.COURIER, delivery_city="Казань",
                    placed_at=now - 6 * DAY, promised_at=now - 2 * DAY,
                )
            )  # fmt: skip
        await db.close()

    asyncio.run(fill())


@pytest.mark.usefixtures("company")
def test_from_a_draft_to_the_reason_of_a_decision() -> None:
    assert {rule["state"] for rule in told("rules", "list")} == {"draft"}
    zabota("rules", "move", "late_delivery", "live", code=2)
    assert "rules try" in zabota("rules", "move", "late_delivery", "simulated", code=2)[1]
    assert "late_delivery is simulated" in zabota("rules", "try", "late_delivery", "--days", "1")[1]
    zabota("rules", "move", "late_delivery", "live", "--why", "пора")
    done = told("run")
    assert (done["rules"], done["signals"]) == (["late_delivery"], 1)
    [decision] = told("explain", PHONE, "--language", "ru")
    assert decision["rule"] == "late_delivery"
    assert decision["verdict"] in ("send", "wait", "holdout")  # by the hour at which this runs, and by lot
    assert decision["reason"].endswith("а заказ ещё в пути")
    assert decision["inputs"]["time_zone"] == "Europe/Moscow"
    _, said = zabota("explain", PHONE)
    assert "An order will be late" in said
    assert "still under way (99%)" in said


def test_a_bad_rule_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "late.yml"
    path.write_text((FOLDER / "late_delivery.yml").read_text().replace("threshold: 0.6", "threshold: 6"))
    _, said = zabota("rules", "check", str(path), code=1)
    assert "line 4, threshold" in said


@pytest.mark.usefixtures("company")
def test_two_sets_of_rules_are_tried_on_the_same_past(tmp_path: Path) -> None:
    late = (FOLDER / "late_delivery.yml").read_text().replace("holdout: 0.1", "holdout: 0")
    for name, city in (("ours", "Казань"), ("other", "Самара")):
        (tmp_path / name).mkdir()
        text = late.replace("spread:", f"audience: {{ cities: [{city}] }}\nspread:")
        (tmp_path / name / "late_delivery.yml").write_text(text)
    days = [f"{datetime.now(UTC) + days * DAY:%Y-%m-%d}" for days in (-3, 1)]
    folders = ("--rules", str(tmp_path / "ours"), "--against", str(tmp_path / "other"))
    ours, other = told("simulate", "--from", days[0], "--to", days[1], *folders)
    assert (ours["messages"], other["messages"]) == (1, 0)
    assert ours["busiest"] == sum(ours["per_hour"].values()) == 1
    [message] = ours["told"]
    assert (message["customer_id"], message["subject"], message["reason"]) == (1, "order:1002", "overdue")
    assert other["by_rule"] == {"late_delivery": {"audience": 1}}
