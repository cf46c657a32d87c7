"""Looks for duplicates among all customers, with splink on DuckDB.

Splink learns from the data itself how telling it is that a name, a city or a contact agrees, so that two
Сергей Ивановых of Moscow weigh less than two Пульхерия Синичкиных. It is imported when it is needed: loading
it takes seconds and a hundred megabytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from core.db import Database
from crm_bridge.duplicates.matching import Match, Person, compare, plain, read_people
from crm_bridge.duplicates.proposals import Proposals
from crm_bridge.models import Customer, FoundBy

if TYPE_CHECKING:
    import duckdb

PROBABLE = 0.8
ENOUGH_TO_LEARN = 1000  # customers; below, what splink assumes is better than what it could learn
PAIRS_TO_LEARN_FROM = 1_000_000
_PAGE = 20_000
_COLUMNS = "unique_id BIGINT, given TEXT, family TEXT, patronymic TEXT, city TEXT, phone TEXT, email TEXT"


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search brought."""

    customers: int
    pairs: int  # likely ones
    proposed: int  # of these new


class BatchSearch:
    """Searches all customers for pairs."""

    def __init__(self, db: Database, proposals: Proposals) -> None:
        self._db = db
        self._proposals = proposals

    async def run(self) -> Searched:
        """Search, and propose what was found. Reads the customers page by page."""
        import duckdb

        with duckdb.connect() as memory:
            memory.execute(f"CREATE TABLE people ({_COLUMNS})")
            customers = await self._fill(memory)
            pairs = find_pairs(memory, customers) if customers > 1 else []
        proposed = 0
        for start in range(0, len(pairs), 500):
            proposed += await self._propose(pairs[start : start + 500])
        return Searched(customers, len(pairs), proposed)

    async def _fill(self, memory: "duckdb.DuckDBPyConnection") -> int:
        last, count = 0, 0
        async with self._db.read() as session:
            while True:
                page = select(Customer.id).where(Customer.id > last).order_by(Customer.id).limit(_PAGE)
                ids = list(await session.scalars(page))
                if not ids:
                    return count
                rows = [_row(person) for person in (await read_people(session, ids)).values()]
                _insert(memory, rows)
                last, count = ids[-1], count + len(rows)

    async def _propose(self, pairs: list[tuple[int, int, float]]) -> int:
        new = 0
        async with self._db.write() as session:
            people = await read_people(session, {id_ for pair in pairs for id_ in pair[:2]})
            for first, second, probability in pairs:
                match = _match(people.get(first), people.get(second), probability)
                if match:
                    new += await self._proposals.propose(session, first, second, match, FoundBy.BATCH)
        return new


def _match(one: Person | None, other: Person | None, probability: float) -> Match | None:
    """Splink's probability with our reasons; a pair without reasons is not shown to people."""
    match = compare(one, other) if one and other else None
    if match is None:
        return None
    return Match(round(probability, 3), match.reasons, match.administrator)


def _row(person: Person) -> tuple[Any, ...]:
    phone, email = min(person.phones, default=None), min(person.emails, default=None)
    told = (person.given, person.family, person.patronymic, person.city)
    return (person.id, *(plain(word) or None for word in told), phone, email)


def _insert(memory: "duckdb.DuckDBPyConnection", rows: list[tuple[Any, ...]]) -> None:
    import pyarrow  # type: ignore[import-untyped]  # row by row, DuckDB takes a hundred times longer

    names = [column.split()[0] for column in _COLUMNS.split(", ")]
    table = pyarrow.table(dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {})
    if rows:
        memory.register("page", table)
        memory.execute("INSERT INTO people SELECT * FROM page")
        memory.unregister("page")


def find_pairs(memory: "duckdb.DuckDBPyConnection", customers: int) -> list[tuple[int, int, float]]:
    """Likely pairs in the table `people`: (smaller id, larger id, probability)."""
    from splink import Linker, SettingsCreator, block_on
    from splink import comparison_library as compares
    from splink.backends.duckdb import DuckDBAPI

    settings = SettingsCreator(
        link_type="dedupe_only",
        probability_two_random_records_match=min(0.001, 1 / customers),
        comparisons=[
            compares.JaroWinklerAtThresholds("given", [0.94, 0.88]),
            compares.JaroWinklerAtThresholds("family", [0.94, 0.88]),
            compares.ExactMatch("patronymic"),
            compares.ExactMatch("city"),
            compares.ExactMatch("phone"),
            compares.ExactMatch("email"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("phone"),
            block_on("email"),
            block_on("family", "city", "substr(given, 1, 1)"),
        ],
    )
    api = DuckDBAPI(memory)
    linker = Linker(api.register("people"), settings, log_level="ERROR")
    if customers >= ENOUGH_TO_LEARN:
        linker.training.estimate_u_using_random_sampling(PAIRS_TO_LEARN_FROM, seed=1)
    found = linker.inference.predict(threshold_match_probability=PROBABLE, warning_mode="never")
    return list(_pairs(found.as_record_list()))


def _pairs(records: list[dict[str, Any]]) -> Iterator[tuple[int, int, float]]:
    for record in records:
        one, other = sorted((record["unique_id_l"], record["unique_id_r"]))
        yield one, other, record["match_probability"]
