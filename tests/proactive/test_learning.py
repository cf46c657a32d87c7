"""What is learned from the company's own history is better than the stated rule, or is not used at all."""

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bench.proactive import OtherLayout, calibration_error, telco_figure
from bot.proactive.learning.delivery import NAMES, features_of
from bot.proactive.learning.logistic import Logistic, ThinHistory, train
from bot.proactive.learning.payment import STATED, PaymentModel
from bot.proactive.learning.teaching import NoBetter, _trained, charges_of, learn
from bot.proactive.signals.all import predictors
from bot.proactive.signals.background import Background
from crm_bridge.models import (
    Checkpoint,
    CheckpointKind,
    Order,
    OrderState,
    Payment,
    PaymentMethod,
    PaymentState,
    Shipment,
)
from tests.proactive.conftest import Shop

DAY = timedelta(days=1)


def test_a_model_survives_being_written_down_and_is_calibrated(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    given = rng.normal(size=(4000, 3))
    truth = (rng.random(4000) < 1 / (1 + np.exp(-(given[:, 0] * 2 - 1)))).astype(float)
    model = train("v1", ("a", "b", "c"), given[:3000], truth[:3000])
    model.save(tmp_path / "m.json")
    again = Logistic.load(tmp_path / "m.json", model.names)
    assert again is not None
    assert Logistic.load(tmp_path / "m.json", ("a", "b")) is None, "it looks at other things than today's"
    many = again.probabilities(given[3000:])
    assert [again.probability(tuple(row)) for row in given[3000:3010]] == pytest.approx(list(many[:10]))
    assert calibration_error(many, truth[3000:]) < 0.06
    with pytest.raises(ThinHistory):
        train("v1", ("a",), given[:50, :1], truth[:50])


async def test_a_thin_history_leaves_the_stated_rule(shop: Shop) -> None:
    told = await learn(shop.db, shop.models, shop.now)
    assert all("stated rule" in what for what in told.values())
    assert not shop.models.exists()
    assert predictors(Background(), shop.models)["churn_risk"].profiles


async def test_a_company_learns_that_silent_parcels_are_late(shop: Shop) -> None:
    chance = random.Random(1)
    maria = await shop.customer()
    orders, shipments, checkpoints = [], [], []
    for number in range(1, 501):
        placed = shop.now - (400 - number * 0.6) * DAY
        late = chance.random() < 0.3
        orders.append(
            Order(
                id=number, customer_id=maria, number=f"L{number}", state=OrderState.DELIVERED, total_minor=1,
                currency="RUB", delivery_method="courier", delivery_city="Казань", placed_at=placed,
                promised_at=placed + 5 * DAY, delivered_at=placed + (8 if late else 4) * DAY,
            )
        )  # fmt: skip
        shipments.append(
            Shipment(id=number, order_id=number, carrier="СДЭК", tracking_number="T", created_at=placed)
        )
        for hour in range(12, 12 if late else 96, 6):  # one that is late is never scanned
            at = placed + timedelta(hours=hour)
            seen = CheckpointKind.IN_TRANSIT
            checkpoints.append(Checkpoint(shipment_id=number, kind=seen, place="x", at=at))
    async with shop.db.write() as session:
        for rows in (orders, shipments, checkpoints):
            session.add_all(rows)
            await session.flush()
    told = await learn(shop.db, shop.models, shop.now)
    assert told["late_delivery"].isdecimal()
    model = Logistic.load(shop.models / "late_delivery.json", NAMES)
    assert model is not None
    placed = shop.now - 4 * DAY
    silent = features_of(0.3, placed, placed + 5 * DAY, None, "courier", shop.now)
    scanned = features_of(0.3, placed, placed + 5 * DAY, shop.now - timedelta(hours=2), "courier", shop.now)
    assert model.probability(silent) > 0.7 > 0.2 > model.probability(scanned)


def test_chance_is_no_model(tmp_path: Path) -> None:
    """What does not foretell anything is found out by the newest cases, and the stated rule goes on."""
    chance, start = random.Random(4), datetime(2026, 1, 1, tzinfo=UTC)
    cases: list[tuple[datetime, tuple[float, ...], bool]] = [
        (start + number * DAY, (chance.gauss(0, 1), chance.gauss(0, 1)), chance.random() < 0.3)
        for number in range(1000)
    ]
    with pytest.raises(NoBetter, match="squared error"):
        _trained("v1", ("a", "b"), cases, lambda _: 0.3)


async def test_a_company_learns_how_often_its_charges_fail(shop: Shop) -> None:
    """Its own first charges fail more often than is stated: one in two; second ones never do."""
    for number in range(60):
        customer_id = await shop.customer(chat=False)
        order = await shop.order(customer_id, f"P{number}")
        for days, state in (
            (40, PaymentState.FAILED if number % 2 else PaymentState.PAID),
            (20, PaymentState.PAID),
        ):
            await shop.add(
                Payment(
                    order_id=order.id, method=PaymentMethod.CARD, last_four="4242", state=state,
                    amount_minor=1, currency="RUB", created_at=shop.now - days * DAY,
                )
            )  # fmt: skip
    assert await charges_of(shop.db, shop.now) == {"no_history": (90, 30)}
    told = await learn(shop.db, shop.models, shop.now)
    assert told["payment_failing"].isdecimal()
    model = PaymentModel.load(shop.models / "payment_failing.json")
    assert model is not None
    assert 0.3 < model.share("no_history") < 1 / 3  # of 90 charges 30, and 20 of the stated quarter
    assert model.share("card_expires") == STATED["card_expires"]
    kept = shop.models / "versions" / f"payment_failing-{model.version}.json"
    assert PaymentModel.load(kept) == model


TELCO = (
    "customerID,gender,SeniorCitizen,Partner,Dependents,tenure,PhoneService,MultipleLines,InternetService,"
    "OnlineSecurity,OnlineBackup,DeviceProtection,TechSupport,StreamingTV,StreamingMovies,Contract,"
    "PaperlessBilling,PaymentMethod,MonthlyCharges,TotalCharges,Churn"
)  # as published


def telco(path: Path, *, columns: str = TELCO, total: str | None = None) -> Path:
    """A small table in the published layout; who pays by the month and is new leaves more often."""
    chance = random.Random(3)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns.split(","))
        for number in range(1200):
            tenure, monthly = chance.randint(0, 72), chance.random() < 0.5
            gone = chance.random() < (0.6 if monthly and tenure < 20 else 0.08)
            charged = " " if not tenure else f"{tenure * 70.5:.2f}"  # blank on the day they come
            services = [chance.choice(["Yes", "No", "No internet service"]) for _ in range(6)]
            writer.writerow(
                [
                    f"{number:04}-ABCDE", chance.choice(["Female", "Male"]), 0, "Yes", "No",
                    tenure, "No", "No phone service", "DSL", *services,
                    "Month-to-month" if monthly else "Two year", "Yes", "Electronic check", "70.5",
                    charged if total is None else total, "Yes" if gone else "No",
                ]
            )  # fmt: skip
    return path


def test_the_published_churn_table_is_read(tmp_path: Path) -> None:
    figure = telco_figure(telco(tmp_path / "telco.csv"))
    assert len(figure.values) == 4
    assert 0.65 < min(figure.values) < max(figure.values) < 0.9  # no model can do much better: chance


def test_other_churn_tables_are_refused_with_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(OtherLayout, match=r"missing: TotalCharges; not expected: Total Charges"):
        telco_figure(telco(tmp_path / "renamed.csv", columns=TELCO.replace("TotalCharges", "Total Charges")))
    with pytest.raises(OtherLayout, match=r"line \d+: TotalCharges is «», not a number"):
        telco_figure(telco(tmp_path / "blank.csv", total=""))
    path = tmp_path / "empty.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(OtherLayout, match="missing: Churn"):
        telco_figure(path)
    telco(path).write_text(telco(path).read_text().replace(",Yes\n", ",1\n").replace(",No\n", ",0\n"))
    with pytest.raises(OtherLayout, match="line 2: Churn is"):
        telco_figure(path)
