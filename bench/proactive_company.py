"""A simulated company whose truth is known: hidden habits, carriers with seasons, cards that fail.

Nothing of the truth is shown to a predictor. Seeds are fixed; those that judge are not those that taught.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bot.proactive.learning import churn, delivery
from bot.proactive.signals.background import Background

START = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Orders seen once each on their way, in the order of time."""

    cases: Numbers
    late: Numbers
    carrier_share: Numbers  # the naive guess


def deliveries(seed: int, n: int = 12_000) -> Deliveries:
    """Carriers differ, routes differ more, December is bad, and a parcel that is late falls silent first."""
    rng = np.random.default_rng(seed)
    carriers, cities = 6, 25
    base = rng.normal(-2.6, 0.5, carriers)
    route = rng.normal(0, 1.3, (carriers, cities))
    days = np.sort(rng.uniform(0, 800, n))
    carrier, city = rng.integers(0, carriers, n), rng.integers(0, cities, n)
    promised = rng.uniform(2, 8, n)
    methods = rng.choice(["courier", "pickup", "post"], n, p=[0.5, 0.35, 0.15])
    cases, late = [], np.zeros(n)
    seen: dict[tuple[int, int], list[int]] = {}
    whole: dict[int, list[int]] = {}
    shares = np.zeros(n)
    for i in range(n):
        placed = START + days[i] * DAY
        due = placed + promised[i] * DAY
        odds = base[carrier[i]] + route[carrier[i], city[i]] + 1.5 * (due.month == 12)
        odds += 0.5 * (due.weekday() >= 5) + 0.8 * (methods[i] == "post")
        late[i] = rng.random() < 1 / (1 + np.exp(-odds))
        share = rng.uniform(0.3, 0.95)
        now = placed + share * promised[i] * DAY
        gap = rng.exponential(0.10 if not late[i] else 0.32) * promised[i]
        last = max(placed, now - gap * DAY)
        here = seen.get((int(carrier[i]), int(city[i])), [0, 0])
        known = Background(
            late={str(c): (v[0], v[1]) for c, v in whole.items()},
            routes={f"{carrier[i]}|{city[i]}": (here[0], here[1])},
        )
        shares[i] = (whole.get(carrier[i], [0, 0])[1] + 1) / (whole.get(carrier[i], [0, 0])[0] + 8)
        cases.append(
            delivery.features_of(
                known.late_share(str(carrier[i]), str(city[i])), placed, due, last, str(methods[i]), now
            )
        )
        for counts in (
            seen.setdefault((int(carrier[i]), int(city[i])), [0, 0]),
            whole.setdefault(int(carrier[i]), [0, 0]),
        ):
            counts[0] += 1
            counts[1] += int(late[i])
    warm = n // 6  # the first are there to know carriers by
    return Deliveries(np.array(cases)[warm:], late[warm:], shares[warm:])


@dataclass(frozen=True, slots=True)
class Restocks:
    """Histories of purchases of one product by one customer, and when the next one came."""

    gaps: list[Numbers]  # days between purchases, of each customer
    product: NDArray[np.int64]  # which one
    truth: Numbers  # days from the last to the next
    rhythm: Numbers  # the customer's true one, which nobody knows


def restocks(seed: int, n: int = 40_000) -> Restocks:
    """Everybody has a rhythm of their own around the product's, and keeps it loosely."""
    rng = np.random.default_rng(seed)
    products = rng.uniform(15, 70, 20)
    product = rng.integers(0, 20, n)
    own = products[product] * np.exp(rng.normal(0, 0.25, n))
    count = rng.integers(2, 7, n)
    seen, truth = [], np.zeros(n)
    for i in range(n):
        gaps = own[i] * np.exp(rng.normal(-0.06, 0.35, count[i]))
        odd = rng.random(count[i]) < 0.1
        gaps[odd] *= np.where(rng.random(odd.sum()) < 0.5, 0.45, 2.2)
        seen.append(gaps[:-1])
        truth[i] = gaps[-1]
    return Restocks(seen, product, truth, own)


@dataclass(frozen=True, slots=True)
class Leavers:
    """Customers as they stand at one moment, and whether they had left for good."""

    cases: Numbers
    gone: Numbers


def leavers(seed: int, n: int = 8000) -> Leavers:
    """They buy at a rate of their own, and leave with a chance after each purchase: a larger one when it
    went badly, of which a complaint, few stars or an upset message tell."""
    rng = np.random.default_rng(seed)
    cases: list[tuple[float, ...]] = []
    gone: list[float] = []
    common = 33.0
    while len(cases) < n:
        gap = rng.gamma(3.0, 11.0)
        age, at, moments, bad, left = rng.uniform(150, 600), 0.0, [0.0], [], False
        while True:
            wrong = rng.random() < 0.12
            if wrong:
                bad.append(at)
            if rng.random() < (0.35 if wrong else 0.07):
                left = True
                break
            at += rng.exponential(gap)
            if at > age + 60:
                break
            moments.append(at)
        before = [moment for moment in moments if moment <= age]
        if len(before) < 2:
            continue
        after = any(age < moment <= age + 60 for moment in moments)
        recent = sum(age - 180 <= moment <= age and rng.random() < 0.6 for moment in bad)
        stars = float(np.clip(rng.normal(4.4 - 1.8 * bool(bad and bad[-1] >= before[-1]), 0.6), 1, 5))
        mood = float(np.clip(rng.normal(0.2 - 0.6 * bool(bad and bad[-1] >= before[-1]), 0.4), -1, 1))
        cases.append(
            churn.features_of(
                len(before), before[-1], age - before[-1], age, common, recent,
                stars if rng.random() < 0.4 else None,
                mood if rng.random() < 0.3 else None,
            )
        )  # fmt: skip
        gone.append(float(left and not after))
    return Leavers(np.array(cases), np.array(gone))


@dataclass(frozen=True, slots=True)
class Charges:
    """Charges with what is known before: the reason that a predictor would see, or none."""

    reasons: list[str]
    failed: NDArray[np.bool_]


def charges(seed: int, n: int = 20_000) -> Charges:
    """Cards expire and are replaced in time or not; wallets are empty for a while; the rest is chance."""
    rng = np.random.default_rng(seed)
    reasons, failed = [], np.zeros(n, bool)
    for i in range(n):
        chance = rng.random()
        if chance < 0.05:
            reasons.append("card_expires")
            failed[i] = rng.random() < 0.93
        elif chance < 0.09:
            reasons.append("declines")
            failed[i] = rng.random() < 0.72
        elif chance < 0.10:
            reasons.append("no_card")
            failed[i] = True
        elif chance < 0.13:
            reasons.append("no_history")
            failed[i] = rng.random() < 0.06
        else:
            reasons.append("")
            failed[i] = rng.random() < 0.004
    return Charges(reasons, failed)
