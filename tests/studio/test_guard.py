"""What the guard takes back, and what it leaves alone."""

import random

import pytest

from bot.studio.guard import FASTEST, LEAST_TURNS, PLACES, STEP, Figures, breach, place_of, total

GOOD = {"fallback": 0.12, "escalation": 0.15, "error": 0.001, "ms": 40.0}


def turns(count: int, chance: random.Random, **worse: float) -> Figures:
    """Turns of a model that is like `GOOD` but for what is named."""
    how, found = GOOD | worse, []
    for _ in range(count):
        text, failed = chance.random() < 0.7, chance.random() < how["error"]
        times = [0] * PLACES
        times[place_of(chance.lognormvariate(0, 0.5) * how["ms"])] = 1
        found.append(
            Figures(
                turns=1,
                texts=int(text),
                rejected=int(text and chance.random() < how["fallback"]),
                escalated=int(chance.random() < how["escalation"]),
                errors=int(failed),
                times=tuple(times),
            )
        )
    return total(found)


def first_alarm(seed: int, most: int, **worse: float) -> tuple[int, str] | None:
    """A canary of ten percent, looked at after every ten of its turns: when the guard acts, and why."""
    chance = random.Random(seed)
    before, new = Figures(), Figures()
    for step in range(10, most + 1, 10):
        before, new = before + turns(90, chance), new + turns(10, chance, **worse)
        if found := breach(before, new):
            return step, found.figure
    return None


def test_equal_models_are_left_alone_however_often_one_looks() -> None:
    alarms = [seed for seed in range(60) if first_alarm(seed, 300)]
    print(f"false alarms: {len(alarms)} of 60 canaries of 300 turns, looked at 30 times each")
    assert len(alarms) <= 1


@pytest.mark.parametrize(
    ("worse", "figure", "within"),
    [
        ({"fallback": 0.55}, "fallback", 100),
        ({"escalation": 0.5}, "escalation", 100),
        ({"error": 0.2}, "error", 100),
        ({"ms": 400.0}, "slow", 60),
        ({"fallback": 0.3}, "fallback", 400),
    ],
)
def test_a_bad_model_is_caught_and_the_reason_is_the_right_one(
    worse: dict[str, float], figure: str, within: int
) -> None:
    caught = [first_alarm(seed, 500, **worse) for seed in range(20)]
    after = [one[0] for one in caught if one and one[1] == figure]
    middle = sorted(after)[len(after) // 2]
    print(f"{worse}: caught {len(after)} of 20, after {middle} turns, at most {max(after)}")
    assert len(after) == 20
    assert max(after) <= within


def test_a_model_that_answers_nothing_is_returned_at_the_least_sample() -> None:
    before = Figures(turns=1000, texts=700, times=(1000, *[0] * (PLACES - 1)))
    assert breach(before, Figures(turns=LEAST_TURNS - 1, errors=LEAST_TURNS - 1)) is None
    found = breach(before, Figures(turns=LEAST_TURNS, errors=LEAST_TURNS))
    assert found is not None
    assert (found.figure, found.shown) == ("error", {"before": "0.0", "now": "100.0", "turns": "40"})


def test_without_figures_of_the_model_before_nothing_is_judged() -> None:
    assert breach(Figures(), Figures(turns=500, errors=500)) is None


def test_a_better_model_is_left_alone() -> None:
    chance = random.Random(5)
    bad = turns(2000, chance, fallback=0.4, escalation=0.4, error=0.1, ms=400)
    assert breach(bad, turns(500, chance)) is None


def test_times_are_counted_in_steps() -> None:
    assert place_of(0) == place_of(FASTEST) == 0
    assert place_of(FASTEST * STEP) == 1
    assert place_of(FASTEST * STEP + 1) == 2
    assert place_of(10**9) == PLACES - 1
    whole = Figures(times=(0, 95, 5, *[0] * (PLACES - 3)))
    assert whole.slow == round(FASTEST * STEP)
    assert Figures().slow is None
