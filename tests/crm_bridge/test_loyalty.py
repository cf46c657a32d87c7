"""A customer asks how many points there are and which of them burn."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crm_bridge.loyalty import Points, Standing, standing

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def earned(points: int, ago: int, lives: int | None = None) -> Points:
    at = NOW - ago * DAY
    return Points(points, at, None if lives is None else at + lives * DAY)


def test_an_empty_account() -> None:
    assert standing([], NOW) == Standing(0, 0, None)


def test_what_is_spent_is_what_would_burn_first() -> None:
    entries = [earned(100, 30, 60), earned(200, 20, 40), earned(50, 10), earned(-150, 5)]
    assert standing(entries, NOW) == Standing(200, 50, NOW + 20 * DAY)


def test_what_is_over_does_not_count_whether_or_not_it_was_booked() -> None:
    over = [earned(100, 30, 20)]
    assert standing(over, NOW) == standing([*over, earned(-100, 10)], NOW) == Standing(0, 0, None)


def test_points_of_tomorrow_are_not_there_yet() -> None:
    assert standing([earned(100, -1, 10)], NOW).balance == 0


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 100), st.none() | st.integers(1, 100))))
def test_nothing_is_ever_negative_and_what_burns_is_a_part_of_what_is_there(
    entries: list[tuple[int, int, int | None]],
) -> None:
    told = standing([earned(*entry) for entry in entries], NOW)
    assert 0 <= told.burning <= told.balance
    assert (told.burns_at is None) == (told.burning == 0)
