"""Examples come from other programs and go there; poison stays outside, and nothing is half-done."""

import csv
import io
import json
import shutil
import zipfile
from pathlib import Path

import aiohttp
import pytest

from bot.studio.changes import Refused
from bot.studio.checking import problems
from bot.studio.exchange import (
    FORMATS,
    BadFile,
    Foreign,
    Import,
    Mapping,
    State,
    default_mapping,
    export,
    look,
    parse,
    recognise,
    save,
)  # fmt: skip
from bot.studio.exchange.importing import clean
from bot.studio.files import Example, TrainingFiles
from bot.studio.library import Library
from core.settings import ROOT
from tests.studio.conftest import Office
from tests.studio.test_intent_pages import agrees

EXAMPLES = [
    Example("ru", "track_order", "где заказ, «тот самый»?"),
    Example("ru", "track_order", "-где он"),
    Example("en", "track_order", 'where is "my" order, please'),
    Example("ru", "complaint", "жалоба: [Тула](city)"),
]


@pytest.mark.parametrize("format_", FORMATS)
def test_what_goes_out_comes_back(format_: str) -> None:
    data, name, _ = export(format_, EXAMPLES)
    assert recognise(name, data) == format_
    back = [(one.language, one.intent, one.text) for one in parse(format_, data)]
    plain = [(one.language, one.intent, one.text.replace("[Тула](city)", "Тула")) for one in EXAMPLES]
    whole = [(one.language, one.intent, one.text) for one in EXAMPLES]
    assert sorted(back) == sorted(whole if format_ == "rasa" else plain)
    assert export(format_, EXAMPLES)[0] == data  # the same examples, the same bytes


def test_a_spreadsheet_takes_no_example_for_a_formula() -> None:
    data, *_ = export("csv", [Example("en", "complaint", '=HYPERLINK("http://evil")')])
    ((_, *_), (cell, *_)) = list(csv.reader(io.StringIO(data.decode())))
    assert cell.startswith("'=")


def dialogflow(**said: list[str]) -> bytes:
    """An export as Dialogflow makes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("agent.json", "{}")
        for name, texts in said.items():
            archive.writestr(f"intents/{name}.json", json.dumps({"name": name}))
            rows = [
                {
                    "id": "1",
                    "data": [{"text": text[:4], "userDefined": False}, {"text": text[4:], "alias": "x"}],
                }
                for text in texts
            ]
            archive.writestr(f"intents/{name}_usersays_en.json", json.dumps(rows))
    return out.getvalue()


def test_the_formats_as_others_write_them() -> None:
    bitext = (
        "flags,instruction,category,intent,response\nB,cancel {{Order Number}} now,ORDER,cancel_order,ok\n"
    )
    assert parse("bitext", bitext.encode()) == [Foreign("cancel 77-10452 now", "cancel_order", "en")]
    assert parse("csv", "text;intent\nгде заказ;where\n".encode("utf-8-sig")) == [
        Foreign("где заказ", "where", "ru")
    ]
    archive = dialogflow(**{"Order.Status": ["where is it"]})
    assert recognise("agent.zip", archive) == "dialogflow"
    assert parse("dialogflow", archive) == [Foreign("where is it", "Order.Status", "en")]
    rasa = "nlu:\n- intent: a\n  examples: |\n    - раз\n- lookup: city\n  examples: |\n    - Тула\n"
    assert parse("rasa", rasa.encode()) == [Foreign("раз", "a", "ru")]


@pytest.mark.parametrize(
    ("format_", "data", "why"),
    [
        ("csv", b"question,label\na,b\n", "no_columns"),
        ("csv", b"text,intent\n", "empty"),
        ("csv", "text,intent\nпривет,a\n".encode("cp1251"), "unreadable"),
        ("rasa", b"nlu: 5", "unreadable"),
        ("rasa", b"- [", "unreadable"),
        ("rasa", b"!!python/object/apply:os.system ['true']", "unreadable"),
        ("dialogflow", b"PK\x03\x04 no zip at all", "unreadable"),
        ("dialogflow", dialogflow(), "empty"),
        ("csv", b"text,intent\n" + b"a" * (9 * 1024 * 1024), "too_large"),
    ],
)
def test_a_file_that_is_none_is_refused(format_: str, data: bytes, why: str) -> None:
    with pytest.raises(BadFile, match=why):
        parse(format_, data)


def test_an_archive_that_swells_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("intents/a_usersays_en.json", b" " * (65 * 1024 * 1024))
    with pytest.raises(BadFile, match="too_large"):
        parse("dialogflow", out.getvalue())


# --- judging ------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> TrainingFiles:
    shutil.copytree(ROOT / "data", tmp_path / "p/data")
    for name in ("domain.yml", "config.yml"):
        shutil.copy(ROOT / name, tmp_path / "p" / name)
    return TrainingFiles(tmp_path / "p", tmp_path / "lock")


def looked(
    files: TrainingFiles, rows: list[tuple[str, str]], held_out: tuple[str, ...] = (), **into: str
) -> Import:
    """`rows`: text and foreign intent; `into`: what they are here, the rest by themselves."""
    foreign = [Foreign(text, intent, "ru") for text, intent in rows]
    now = Library(files).now()
    mapping: Mapping = default_mapping(foreign, now) | into
    return look(clean(foreign), mapping, now, held_out)


def states(made: Import) -> list[State]:
    return [row.state for row in made.rows]


def test_foreign_names_find_ours(files: TrainingFiles) -> None:
    rows = [Foreign("x", name, "en") for name in ("Track Order", "contact_human_agent", "Sing.A.Song")]
    rows += [
        Foreign(text, "статус", "ru") for text in ("где мой заказ", "где заказ", "где моя посылка сейчас")
    ]
    assert default_mapping(rows, Library(files).now()) == {
        "Sing.A.Song": "", "Track Order": "track_order", "contact_human_agent": "human_agent",
        "статус": "track_order",
    }  # fmt: skip


def test_every_row_says_what_becomes_of_it(files: TrainingFiles) -> None:
    standing = next(one.text for one in files.examples() if one.intent == "track_order")
    rows = [
        ("гравировку бы мне на кружке", "a"), ("Есть самовывоз!", "a"), (standing.upper(), "b"),
        ("гравировку бы мне на кружке!", "a"), ("одно и то же", "a"), ("одно и то же", "b"),
        ("спою вам песню", "c"), ("из проверки слово в слово", "a"), ("<script>alert(1)</script>", "a"),
    ]  # fmt: skip
    made = looked(files, rows, ("Из проверки, слово в слово",), a="complaint", b="track_order", c="")
    assert states(made) == [
        State.NEW, State.CONFLICT, State.KNOWN, State.REPEATED, State.CONTRADICTS, State.CONTRADICTS,
        State.SKIPPED, State.MEASURES, State.REFUSED,
    ]  # fmt: skip
    assert made.rows[1].against == "delivery_options"


def test_a_poisoned_file_comes_clean_or_not_at_all(files: TrainingFiles) -> None:
    rows = [
        ("приз на карту 4111 1111 1111 1111", "a"), ("пишите на ivan@mail.ru про приз", "a"),
        ("где приз <b onclick=x>мой</b>?", "a"), ("жмите javascript:alert(1)", "a"),
        *((f"приз приз приз приз приз {n}", "a") for n in range(200)),
    ]  # fmt: skip
    made = looked(files, rows, a="complaint")
    assert states(made)[:4] == [State.CLEANED, State.CLEANED, State.CLEANED, State.REFUSED]
    assert made.counted[State.FLOOD] >= 120
    texts = [one.text for one in made.taken]
    assert not any(sign in text for text in texts for sign in ("4111", "ivan", "<", "onclick", "javascript"))
    files.editor.save(lambda changes: save(files, changes, made))
    assert problems(files.examples()) == []


def test_swapped_labels_are_seen_and_need_a_word(files: TrainingFiles) -> None:
    now = Library(files).now()
    track = [one.text for one in now.examples if (one.intent, one.language) == ("track_order", "ru")][:12]
    praise = [one.text for one in now.examples if (one.intent, one.language) == ("cancel_order", "ru")][:12]
    rows = [(f"{text} пожалуйста срочно", "cancel_order") for text in track]
    rows += [(f"{text} пожалуйста срочно", "track_order") for text in praise]
    made = looked(files, rows)
    assert {one.name: one.swapped_with for one in made.suspicious} == {
        "cancel_order": "track_order", "track_order": "cancel_order",
    }  # fmt: skip
    before = {path: path.read_bytes() for path in files.root.rglob("*.yml")}
    with pytest.raises(Refused, match="swapped"):
        files.editor.save(lambda changes: save(files, changes, made))
    assert {path: path.read_bytes() for path in files.root.rglob("*.yml")} == before
    right = looked(files, [(text, "track_order") for text, label in rows if label == "cancel_order"])
    assert right.suspicious == []


def test_an_import_into_an_intent_that_is_none_writes_nothing(files: TrainingFiles) -> None:
    made = looked(
        files, [("гравировку бы мне", "a"), ("жалуюсь на гравировку", "b")], a="engraving", b="complaint"
    )
    with pytest.raises(Refused, match="no_such_intent"):
        files.editor.save(lambda changes: save(files, changes, made))
    assert "жалуюсь на гравировку" not in {one.text for one in files.examples()}


# --- by hand ------------------------------------------------------------------------------------------------


async def upload(office: Office, name: str, data: bytes) -> tuple[int, str, str]:
    """Status, page, and where the page goes on to."""
    form = aiohttp.FormData()
    form.add_field("file", data, filename=name)
    async with office.http.post(
        f"{office.url}/studio/exchange/import", data=form, headers={"X-CSRF-Token": office.csrf}
    ) as answer:
        return answer.status, await answer.text(), answer.headers.get("HX-Redirect", "")


async def test_a_file_is_looked_at_mapped_and_imported_on_the_page(office: Office) -> None:
    rows = "".join(f"гравировку бы мне номер {n} на кружке {'абвгд'[n]},engraving_wish\n" for n in range(5))
    status, _, where = await upload(
        office, "их.csv", f"text,intent\n{rows}звоните +7 916 234-56-78,engraving_wish\n".encode()
    )
    assert status == 200
    _, page = await office.get(where)
    assert "Добавится примеров: 0 из 6" in page
    assert "916" not in page
    kept = (office.project.parent / "studio/imports").glob("*.json")
    assert all("234" not in path.read_text(encoding="utf-8") for path in kept)
    mapping = {"into:engraving_wish": "complaint"}
    _, page = await office.post(where, **mapping)
    assert "Добавится примеров: 6 из 6" in page
    assert "Добавятся после очистки" in page
    await agrees(office, f"{where}/save", **mapping)
    assert (await office.get(where))[0] == 303  # it is done, and cannot be done twice
    assert "гравировку бы мне номер 0 на кружке а" in (office.project / "data/nlu/ru/feedback.yml").read_text(
        "utf-8"
    )


async def test_what_is_no_file_of_examples_is_said_so(office: Office) -> None:
    _, page, where = await upload(office, "x.csv", b"a,b\n1,2\n")
    assert ("нет нужных столбцов" in page, where) == (True, "")
    _, page, _ = await upload(office, "x.csv", b"text,intent\n" + b"x" * (9 * 1024 * 1024))
    assert "слишком большой" in page
    await office.logs_in("anna")
    assert (await upload(office, "x.csv", b"text,intent\na,b\n"))[0] == 403
    assert (await office.get("/studio/exchange/export/csv"))[0] == 403


async def test_everything_can_be_taken_away_as_a_file(office: Office) -> None:
    async with office.http.get(f"{office.url}/studio/exchange/export/dialogflow") as answer:
        data = await answer.read()
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert "intents/track_order_usersays_ru.json" in names
    assert (await office.get("/studio/exchange/export/nothing"))[0] == 404
