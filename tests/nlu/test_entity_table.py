"""The table of entities that others wrote: text, entity, value; an empty value must not be found."""

from __future__ import annotations

from collections import Counter

import pytest

from bot.engine.nlu.entities.extract import find_entities
from tests.nlu.product_data import CASES, case_rows
from tests.nlu.test_entities import NOW

LEAST = 0.94  # share of rows; at the first sight of the table it was 0.946


@pytest.mark.skipif(not (CASES / "entities.csv").exists(), reason="the table is not there")
def test_the_table_is_met() -> None:
    rows = case_rows("entities.csv")
    assert len(rows) >= 200
    expected: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        values = expected.setdefault((row["text"], row["entity"]), [])
        if row["value"]:
            values.append(row["value"])
    missed: Counter[str] = Counter()
    for (text, entity), values in expected.items():
        said = [f.value for f in find_entities(text, NOW) if f.entity == entity]
        missed[entity] += Counter(said) != Counter(values)
    share = 1 - sum(missed.values()) / len(expected)
    # Which rows were missed is not printed: a rule written for a test row is not measured by it any more.
    assert share >= LEAST, f"{share:.3f} of {len(expected)} rows; missed {dict(+missed)}"
