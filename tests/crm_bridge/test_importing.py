"""An administrator brings the company's customers in, with the files that companies have."""

import random
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select, update

from core.clock import ManualClock
from core.db import Base, Database
from crm_bridge.importing import BadMapping, Importer, Unreadable, export_customers, read_mapping
from crm_bridge.importing.importer import BATCH
from crm_bridge.models import (
    ConsentRecord,
    ContactKind,
    ContactPoint,
    Customer,
    Decision,
    ImportRun,
    MergeProposal,
)
from tests.crm_bridge.people import Company

TABLE = """Код;ФИО;Телефон;Эл. почта;Город;Согласие на рассылку
A-1;Соколова Мария Андреевна;8 (900) 000-10-01;Maria@Example.com;Казань;да
A-2;Волков Пётр;+79000001002;;Омск;нет
A-3;James Miller;+44 7700 900123;james@example.com;London;
"""


@pytest.fixture
def importer(db: Database, clock: ManualClock) -> Importer:
    return Importer(db, clock)


@pytest.fixture
def reader(sqlite: Database, clock: ManualClock) -> Importer:
    """For what is refused or told before any database is asked."""
    return Importer(sqlite, clock)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def file(text: str, encoding: str = "utf-8", name: str = "people.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return file


async def count(db: Database, table: type[Base]) -> int:
    async with db.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def people(db: Database) -> list[Customer]:
    async with db.read() as session:
        return list(await session.scalars(select(Customer).order_by(Customer.id)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
async def test_files_of_every_kind_that_companies_have(
    sqlite: Database, clock: ManualClock, write: Callable[..., Path], encoding: str, delimiter: str
) -> None:
    report = await Importer(sqlite, clock).run(write(TABLE.replace(";", delimiter), encoding), {})
    assert (report.created, report.refused) == (3, 0)
    maria, pyotr, james = await people(sqlite)
    assert (maria.external_ref, maria.family_name, maria.given_name, maria.patronymic, maria.city) == (
        "A-1",
        "Соколова",
        "Мария",
        "Андреевна",
        "Казань",
    )
    assert (pyotr.given_name, pyotr.patronymic) == ("Пётр", None)
    assert (james.given_name, james.family_name) == ("James", "Miller")


async def test_contacts_are_normalised_and_consent_is_recorded(
    db: Database, importer: Importer, write: Callable[..., Path]
) -> None:
    await importer.run(write(TABLE), {})
    async with db.read() as session:
        points = {(point.kind, point.value) for point in await session.scalars(select(ContactPoint))}
        said = list(await session.scalars(select(ConsentRecord.decision).order_by(ConsentRecord.id)))
    assert points == {
        (ContactKind.PHONE, "+79000001001"),
        (ContactKind.EMAIL, "maria@example.com"),
        (ContactKind.PHONE, "+79000001002"),
        (ContactKind.PHONE, "+447700900123"),
        (ContactKind.EMAIL, "james@example.com"),
    }
    assert said == [Decision.GRANTED, Decision.WITHDRAWN]


async def test_an_excel_table(db: Database, importer: Importer, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Имя", "Фамилия", "Телефон", None])
    sheet.append(["Мария", "Соколова", 79000001001, None])
    sheet.append([None, None, None, None])
    sheet.append(["Пётр", "Волков", "не знаю", None])
    book.save(tmp_path / "people.xlsx")
    report = await importer.run(tmp_path / "people.xlsx", {})
    assert (report.format.kind, report.created, report.refused) == ("xlsx", 1, 1)
    assert report.refusals[0].line == 4
    (maria,) = await people(db)
    assert maria.name == "Мария Соколова"


async def test_columns_are_named_by_hand_when_nobody_can_guess_them(
    db: Database, importer: Importer, write: Callable[..., Path]
) -> None:
    file = write("N1,N2\nМария,89000001001\n")
    with pytest.raises(BadMapping) as wrong:
        await importer.run(file, {})
    assert (wrong.value.code, wrong.value.what) == ("no_key", "N1, N2")
    report = await importer.run(file, read_mapping("given_name=n1, phone=N2"))
    assert (report.created, report.columns) == (1, {"given_name": "N1", "phone": "N2"})


@pytest.mark.parametrize(
    ("mapping", "code"), [("phone", "syntax"), ("fone=N1", "unknown_field"), ("phone=N9", "unknown_column")]
)
async def test_a_wrong_mapping_is_refused(
    importer: Importer, write: Callable[..., Path], mapping: str, code: str
) -> None:
    with pytest.raises(BadMapping) as wrong:
        importer.check(write("N1\n1\n"), read_mapping(mapping))
    assert wrong.value.code == code


async def test_every_wrong_row_is_told_with_its_line_and_the_others_come_in(
    db: Database, importer: Importer, write: Callable[..., Path]
) -> None:
    rows = [
        '"две',
        'строки",89000001001,',
        "Пётр,позвоните,",
        "Анна,,anna@",
        "Никто,,",
        "Ольга,,olga@example.com",
    ]
    told: list[tuple[int, str]] = []
    report = await importer.run(
        write("\n".join(["имя,телефон,почта", *rows]) + "\n"),
        {},
        on_refusal=lambda refusal: told.append((refusal.line, refusal.in_words("ru"))),
    )
    assert (report.created, report.refused, report.records) == (2, 3, 5)
    assert told == [
        (4, "телефон не похож на номер"),
        (5, "адрес почты с ошибкой"),
        (6, "нет ни кода клиента, ни телефона, ни почты"),
    ]


async def test_a_row_that_slipped_is_not_taken(
    db: Database, importer: Importer, write: Callable[..., Path]
) -> None:
    report = await importer.run(write("id,имя,почта\n1,Соколова, Мария,m@example.com\n2,Пётр,,,\n"), {})
    assert (report.created, report.refused) == (1, 1)
    assert "больше, чем столбцов" in report.refusals[0].in_words("ru")


async def test_a_preview_changes_nothing(
    db: Database, importer: Importer, write: Callable[..., Path]
) -> None:
    report = importer.check(write(TABLE, "cp1251"), {}, show=2)
    assert (report.records, report.format.encoding, report.format.delimiter) == (3, "cp1251", ";")
    assert [entry.family_name for entry in report.preview] == ["Соколова", "Волков"]
    assert report.columns["full_name"] == "ФИО"
    assert await count(db, Customer) == await count(db, ImportRun) == 0


async def test_the_same_file_twice_and_the_same_people_in_another_file_add_nobody(
    db: Database, importer: Importer, write: Callable[..., Path]
) -> None:
    await importer.run(write(TABLE), {})
    again = await importer.run(write(TABLE), {})
    assert (again.repeated, again.created) == (True, 3)
    other = await importer.run(write(TABLE + "A-4;Ильин Олег;89000001009;;;\n", name="b.csv"), {})
    assert (other.repeated, other.created, other.updated, other.unchanged) == (False, 1, 0, 3)
    assert await count(db, Customer) == 4
    assert await count(db, ConsentRecord) == 2


async def test_a_file_can_be_imported_again_on_purpose(
    db: Database, importer: Importer, write: Callable[..., Path]
) -> None:
    await importer.run(write(TABLE), {})
    async with db.write() as session:
        await session.execute(update(Customer).values(city="Пермь"))
    report = await importer.run(write(TABLE), {}, again=True)
    assert (report.repeated, report.created, report.updated) == (False, 0, 3)
    assert [person.city for person in await people(db)] == ["Казань", "Омск", "London"]
    assert (await importer.run(write(TABLE), {})).repeated


async def test_what_is_known_is_changed_by_what_the_row_says_and_by_nothing_else(
    db: Database, importer: Importer, write: Callable[..., Path]
) -> None:
    await importer.run(write(TABLE), {})
    report = await importer.run(
        write("id,city,email\nA-1,Пермь,second@example.com\nA-2,,\n", name="b.csv"), {}
    )
    assert (report.updated, report.unchanged) == (1, 1)
    maria, *_ = await people(db)
    assert (maria.city, maria.given_name, maria.updated_at is not None) == ("Пермь", "Мария", True)
    assert await count(db, ContactPoint) == 6


async def test_people_are_known_by_their_contacts_and_a_family_stays_two_people(
    db: Database, importer: Importer, clock: ManualClock, write: Callable[..., Path]
) -> None:
    await Company(db, clock).customer("Иван", "Орлов", phone="+79000001010")
    rows = "имя,фамилия,телефон\nИван,Орлов,89000001010\nЕлена,Орлова,89000001010\nЕлена,Орлова,89000001010\n"
    report = await importer.run(write(rows), {})
    assert (report.created, report.unchanged) == (1, 2)
    async with db.read() as session:
        (proposal,) = await session.scalars(select(MergeProposal))
    assert proposal.administrator


async def test_whoever_might_be_two_people_is_not_guessed(
    db: Database, importer: Importer, clock: ManualClock, write: Callable[..., Path]
) -> None:
    company = Company(db, clock)
    await company.customer("Мария", "Соколова", phone="+79000001001")
    await company.customer("Мария", "Соколова", email="maria@example.com")
    row = "имя,фамилия,телефон,почта\nМария,Соколова,89000001001,maria@example.com\n"
    report = await importer.run(write(row), {})
    assert (report.created, report.refused) == (0, 1)
    assert "разным клиентам" in report.refusals[0].in_words("ru")


class Crash(Exception):
    pass


async def test_after_a_crash_the_same_command_goes_on_and_nothing_is_half_done(
    db: Database, importer: Importer, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"C-{n},8900{n:07}" for n in range(2 * BATCH + 500)]
    file = write("\n".join(["id,телефон", *rows]))

    def crash(done: int, total: int | None) -> None:
        assert total == len(rows)
        if done == 2 * BATCH:
            raise Crash

    with pytest.raises(Crash):
        await importer.run(file, {}, crash)
    assert await count(db, Customer) == 2 * BATCH
    with monkeypatch.context() as patch:  # and in the middle of a transaction
        patch.setattr("crm_bridge.importing.storing._propose", boom)
        with pytest.raises(Crash):
            await importer.run(file, {})
    assert await count(db, Customer) == await count(db, ContactPoint) == 2 * BATCH
    report = await importer.run(file, {})
    assert (report.resumed_after, report.created, report.records) == (2 * BATCH, len(rows), len(rows))
    assert await count(db, Customer) == await count(db, ContactPoint) == len(rows)


async def boom(*_: Any) -> None:
    raise Crash


async def test_who_goes_on_after_a_crash_sees_the_refused_rows_of_the_whole_file(
    importer: Importer, write: Callable[..., Path]
) -> None:
    rows = [f"C-{n},{'none' if n in (3, BATCH + 1) else f'8900{n:07}'}" for n in range(BATCH + 500)]
    file = write("\n".join(["id,телефон", *rows]))

    def crash(done: int, _: int | None) -> None:
        if done == BATCH:
            raise Crash

    with pytest.raises(Crash):
        await importer.run(file, {}, crash)
    told: list[int] = []
    report = await importer.run(file, {}, on_refusal=lambda refusal: told.append(refusal.line))
    assert (report.resumed_after, report.refused) == (BATCH, 2)
    assert told == [refusal.line for refusal in report.refusals] == [5, BATCH + 3]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary"),
        (b"PK\x05\x06" + b"\x00" * 18, "xlsx"),
        ("id,name\n1,Мария\n2,".encode() + b"\xff\x98", "encoding"),
        (b'id,phone\n1,"unclosed\n' + b"2,x\n" * 20, "quotes"),
        (b'id,phone\n1,"' + b"x" * 40_000 + b'"\n', "long_cell"),
        (b"id,a\n" + b"," * 2000 + b"\n", "columns"),
    ],
)
async def test_a_broken_file_is_refused_as_a_whole(
    db: Database, importer: Importer, tmp_path: Path, content: bytes, code: str
) -> None:
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(Unreadable) as refused:
        await importer.run(tmp_path / "broken", {})
    assert refused.value.code == code
    assert await count(db, Customer) == await count(db, ImportRun) == 0


async def test_a_workbook_full_of_air_is_refused(reader: Importer, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for number in range(3):
            with packed.open(f"xl/{number}.xml", "w") as part:
                for _ in range(400):
                    part.write(b"\0" * (1 << 20))
    with pytest.raises(Unreadable) as refused:
        reader.check(tmp_path / "bomb.xlsx", {})
    assert refused.value.code == "too_large"


async def test_random_bytes_never_crash_the_reader(reader: Importer, tmp_path: Path) -> None:
    rng = random.Random(7)
    for size in (1, 10, 100, 1000, 10_000):
        for _ in range(20):
            (tmp_path / "noise").write_bytes(rng.randbytes(size))
            with pytest.raises((Unreadable, BadMapping)):
                reader.check(tmp_path / "noise", {})


async def test_a_large_file_is_read_in_flat_memory(reader: Importer, tmp_path: Path) -> None:
    with (tmp_path / "large.csv").open("w", encoding="cp1251") as file:
        file.write("код;фио;телефон\n")
        for number in range(60_000):
            file.write(f"{number};Соколова Мария;8900{number:07}{' ' * 300}\n")
    reader.check(tmp_path / "large.csv", {})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    report = reader.check(tmp_path / "large.csv", {})
    assert report.records == 60_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5_000  # kB; the file has 20 MB
    assert time.process_time() - started < 20


async def test_nothing_in_an_exported_table_is_a_formula_and_it_can_be_imported_again(
    db: Database, importer: Importer, clock: ManualClock, tmp_path: Path
) -> None:
    company = Company(db, clock)
    for name in ("=HYPERLINK(A1)", "@SUM(1)", "-2+3", "+7", "\tx", 'Мария; "М"', " =1"):
        await company.customer(name, "Соколова", phone="+79000001001", external_ref=f"R{name}")
    assert await export_customers(db, tmp_path / "out.csv") == 7
    text = (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    for line in text.splitlines()[1:]:
        for cell in line.split(";"):
            assert not cell.strip('" ').startswith(("=", "+", "-", "@"))
    report = await importer.run(tmp_path / "out.csv", {})
    assert (report.refused, report.created) == (0, 0)
    assert await count(db, Customer) == 7
