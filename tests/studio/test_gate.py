"""A worse model is refused, a better one passes, equal ones are called equal."""

import csv
import json
import random
import subprocess
from dataclasses import replace

import pytest

from bot.studio.engine_room import ENGINE_PYTHON
from bot.studio.gate import Answer, Answers, compare, exact, interval
from bot.studio.places import Places
from core.settings import ROOT, Settings

DATASET = ROOT.parent / "shared/datasets/hint3_curekart"
RIGHT = Answer("where is it", "track", "track", "track", 0.95, 0.1, 1.0)

_FIT = """
import json, sys
from bot.engine.nlu.model import IntentModel, Options
from bot.engine.nlu.retrain import answer
from bot.engine.nlu.tool import read_rows
test, truth = read_rows(__import__("pathlib").Path(sys.argv[1]))
out = []
for line in sys.stdin:
    rows = json.loads(line)
    model = IntentModel.fit([t for t, _ in rows], [i for _, i in rows], Options())
    given = answer(model, test, [], 1.0)
    out.append({"rows": [{"text": t, "truth": i, **a} for t, i, a in zip(test, truth, given)],
                "threshold": model.rejection.threshold})
print(json.dumps(out))
"""


def wrong(answer: Answer, said: str = "refund") -> Answer:
    return replace(answer, intent=said, best=said)


def test_mcnemars_test_is_exact() -> None:
    assert exact(0, 0) == 1.0
    assert exact(10, 0) == pytest.approx(2 / 1024)
    assert exact(3, 7) == pytest.approx(0.34375)
    low, high = interval(10, 4, 1000)
    assert low < 0.006 < high


def test_a_model_that_forgot_one_small_intent_is_refused_though_the_whole_looks_equal() -> None:
    small = [
        replace(RIGHT, text=f"s{n}", truth="warranty", intent="warranty", best="warranty") for n in range(8)
    ]
    large = [replace(RIGHT, text=f"l{n}") for n in range(500)]
    live = Answers([*small, *(wrong(a) for a in large[:8]), *large[8:]], 0.5)
    new = Answers([*(wrong(a) for a in small), *large], 0.5)
    found = compare(live, new)
    assert (found["gained"], found["lost"], found["p"]) == (8, 8, 1.0)
    assert (found["outcome"], found["reasons"]) == ("worse", ["intent:warranty"])


def test_confidence_that_misleads_is_refused() -> None:
    rows = [replace(RIGHT, text=str(n)) for n in range(100)]
    honest = [wrong(a) if n < 5 else a for n, a in enumerate(rows)]
    timid = [replace(a, confidence=0.4) for a in honest]
    assert compare(Answers(honest, 0.5), Answers(timid, 0.5))["reasons"] == ["calibration"]


def test_different_questions_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="different rows"):
        compare(Answers([RIGHT], 0.5), Answers([replace(RIGHT, text="another")], 0.5))


@pytest.fixture(scope="module")
def trained() -> dict[str, Answers]:
    """Models of Curekart's published data: whole, a tenth of it, other order, and poisoned ones."""
    if not DATASET.is_dir():
        pytest.skip(f"NO DATA SETS at {DATASET}")
    with (DATASET / "train.csv").open(encoding="utf-8") as file:
        rows = [(row["text"], row["intent"]) for row in csv.DictReader(file)]
    chance = random.Random(3)
    tenth = [row for n, row in enumerate(rows) if n % 8 == 0]
    intents = sorted({intent for _, intent in rows})
    order = sorted(intents, key=lambda name: -sum(i == name for _, i in rows))
    swap = {order[0]: order[1], order[1]: order[0]}
    sets = {
        "whole": rows,
        "tenth": tenth,
        "again": chance.sample(rows, len(rows)),
        "swapped": [(text, swap.get(intent, intent)) for text, intent in rows],
        "shuffled": [(t, i) for (t, _), (_, i) in zip(rows, chance.sample(rows, len(rows)), strict=True)],
    }  # fmt: skip
    done = subprocess.run(
        [str(ENGINE_PYTHON), "-c", _FIT, str(DATASET / "test.csv")],
        input="\n".join(json.dumps(one) for one in sets.values()),
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    found = [Answers.of(facts) for facts in json.loads(done.stdout.splitlines()[-1])]
    return dict(zip(sets, found, strict=True))


@pytest.mark.parametrize(
    ("live", "new", "outcome"),
    [
        ("whole", "tenth", "worse"),
        ("tenth", "whole", "better"),
        ("whole", "whole", "equal"),
        ("whole", "again", "equal"),
        ("whole", "swapped", "worse"),
        ("whole", "shuffled", "worse"),
    ],
)
def test_verdicts_on_published_data(trained: dict[str, Answers], live: str, new: str, outcome: str) -> None:
    found = compare(trained[live], trained[new])
    assert found["outcome"] == outcome, (found["gained"], found["lost"], found["p"], found["reasons"])


def test_the_gate_measures_with_the_projects_held_out_messages() -> None:
    names = [path.name for path in Places(Settings(_env_file=None)).held_out()]  # type: ignore[call-arg]
    assert {"ru.csv", "en.csv"} <= set(names)
