"""An administrator at the command line brings customers in, and answers requests about their data."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from bot.cli import crm, privacy

app = Typer()
app.add_typer(crm.app, name="crm")
app.add_typer(privacy.app, name="privacy")

TABLE = """Код;ФИО;Телефон;Почта
A1;Соколова Мария;8 900 000 10 01;maria@example.com
A2;Волков Пётр;позвоните;
A3;Орлова Елена;8 900 000 10 01;
"""


@pytest.fixture
def installed(tmp_path: Path, migrated_sqlite: Path) -> None:
    """The installation has run before: its tables are there."""
    (tmp_path / "var").mkdir()
    shutil.copy(migrated_sqlite, tmp_path / "var" / "zabota.db")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZABOTA_VAR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "people.csv"
    path.write_text(TABLE, encoding="cp1251")
    return path


def zabota(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def told(result: Result) -> Any:
    return json.loads(result.stdout)


def spoken(result: Result) -> str:
    """The output without the line breaks of a narrow terminal."""
    return " ".join(result.output.split())


def test_customers_come_in_and_what_is_wrong_is_said_in_words(file: Path, tmp_path: Path) -> None:
    preview = zabota("crm", "import", str(file), "--dry-run", "--json")
    assert (preview.exit_code, told(preview)["records"], told(preview)["refused"]) == (3, 3, 1)
    assert told(preview)["preview"][0]["family_name"] == "Соколова"
    assert not (tmp_path / "var" / "zabota.db").exists()
    errors = tmp_path / "errors.csv"
    done = zabota("crm", "import", str(file), "--errors", str(errors), "--language", "ru")
    assert done.exit_code == 3
    assert "2 new customers" in done.output
    assert errors.read_text(encoding="utf-8-sig").splitlines() == [
        "line;error",
        "3;телефон не похож на номер",
    ]
    again = zabota("crm", "import", str(file), "--json")
    assert (told(again)["repeated"], told(again)["created"]) == (True, 2)


def test_a_wrong_file_or_mapping_changes_nothing_and_says_why(file: Path) -> None:
    unknown = zabota("crm", "import", str(file), "--map", "phone=Mobile", "--json")
    assert (unknown.exit_code, told(unknown)) == (1, {"error": "The file has no column “Mobile”."})
    file.write_bytes(b"\x00\x01\x02")
    assert zabota("crm", "import", str(file)).exit_code == 1
    file.write_text("a;b\n1;2\n")
    nothing = zabota("crm", "import", str(file), "--language", "ru")
    assert nothing.exit_code == 1
    assert "Укажите его: --map phone=Столбец" in spoken(nothing)


@pytest.mark.usefixtures("installed")
def test_duplicates_and_problems_are_shown(file: Path) -> None:
    zabota("crm", "import", str(file))
    (pair,) = told(zabota("crm", "duplicates", "--no-search", "--json"))
    assert pair["administrator"]
    assert "an administrator decides" in pair["reasons"][-1]
    codes = {problem["code"] for problem in told(zabota("crm", "problems", "--json"))}
    assert codes == {"contact_of_several"}
    assert "people who share a contact" in spoken(zabota("crm", "duplicates", "--no-search"))


@pytest.mark.usefixtures("installed")
def test_an_administrator_makes_two_customers_one_and_two_again(file: Path) -> None:
    zabota("crm", "import", str(file))
    (pair,) = told(zabota("crm", "duplicates", "--no-search", "--json"))
    one, other = map(str, pair["customers"])
    merged = told(zabota("crm", "merge", one, other, "--by", "anna", "--json"))
    assert zabota("crm", "merge", one, other).exit_code == 1
    (readable,) = [told(zabota("privacy", "export", f"id:{one}", "--json"))]
    assert readable["customer"][0]["family_name"] == "Соколова"
    assert zabota("crm", "unmerge", str(merged["merge"])).exit_code == 0
    assert "is not there or undone already" in spoken(zabota("crm", "unmerge", str(merged["merge"])))
    assert told(zabota("crm", "duplicates", "--no-search", "--json")) == []


@pytest.mark.usefixtures("installed")
def test_a_proposed_pair_who_are_two_people_is_not_proposed_again(file: Path) -> None:
    zabota("crm", "import", str(file))
    (pair,) = told(zabota("crm", "duplicates", "--no-search", "--json"))
    assert zabota("crm", "apart", str(pair["id"])).exit_code == 0
    assert zabota("crm", "apart", str(pair["id"])).exit_code == 1
    assert "Nothing waits" in spoken(zabota("crm", "duplicates", "--no-search"))


@pytest.mark.usefixtures("installed")
def test_a_person_gets_everything_and_is_then_forgotten(file: Path, tmp_path: Path) -> None:
    zabota("crm", "import", str(file))
    assert zabota("privacy", "export", "89000001001").exit_code == 1  # two people have it
    assert zabota("privacy", "export", "nobody@example.com").exit_code == 1
    assert zabota("privacy", "export", "A1", "--out", str(tmp_path / "out")).exit_code == 0
    (readable,) = (tmp_path / "out").glob("*.txt")
    assert "Соколова" in readable.read_text(encoding="utf-8")
    assert readable.stat().st_mode & 0o077 == 0
    assert CliRunner().invoke(app, ["privacy", "erase", "A1"], input="n\n").exit_code == 1
    receipt = told(zabota("privacy", "erase", "A1", "--yes", "--by", "root", "--json"))
    assert receipt["scrubbed"]
    assert receipt["rows"]["customer"] == 1
    assert zabota("privacy", "export", "A1").exit_code == 1
    held = b"".join(path.read_bytes() for path in (tmp_path / "var").glob("zabota.db*"))
    assert "Соколова".encode() not in held
    assert "Орлова".encode() in held
