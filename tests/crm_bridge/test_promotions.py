"""What is seen in payments, why a code fails, what burns: rules without a database."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from crm_bridge.company.promotions import Promotion, PromotionRules
from crm_bridge.company.words import Words
from crm_bridge.loyalty import Points, burnings
from crm_bridge.models import PaymentMethod, PaymentState
from crm_bridge.money import Money
from crm_bridge.payments import Finding, PaymentSeen, examine
from crm_bridge.promotions import Buyer, Obstacle, find, obstacle, plain_code, similar
from tests.conftest import NOON

SAID = Words(ru="скидка", en="discount")
TODAY = date(2026, 11, 20)
AUTUMN = Promotion(
    code="ОСЕНЬ15",
    gives=SAID,
    starts=date(2026, 9, 1),
    ends=date(2026, 11, 30),
    minimum={"RUB": Decimal(5000)},
    public=True,
)
FIRST = Promotion(code="WELCOME10", gives=SAID, first_order_only=True, public=True)
SECRET = Promotion(code="BLOGGER50", gives=SAID)
RULES = PromotionRules(codes=(AUTUMN, FIRST, SECRET), where=SAID)
NOBODY = Buyer(0, frozenset())


@pytest.mark.parametrize("written", ["осень15", "ОСЕНЬ-15", " Осень 15 ", "OCEHЬ15"])
def test_a_code_is_found_however_it_is_written(written: str) -> None:
    assert find(RULES, written) is AUTUMN


def test_only_public_codes_are_guessed_for_the_customer() -> None:
    assert similar(RULES, "WELCOM10") is FIRST
    assert similar(RULES, "BLOGER50") is None
    assert similar(RULES, "ABC") is None


def test_the_last_day_counts_and_the_next_does_not() -> None:
    assert obstacle(AUTUMN, date(2026, 11, 30), None, None) is None
    assert obstacle(AUTUMN, date(2026, 12, 1), None, None) is Obstacle.OVER
    assert obstacle(AUTUMN, date(2026, 8, 31), None, None) is Obstacle.NOT_YET


def test_what_a_customer_bought_counts() -> None:
    assert obstacle(FIRST, TODAY, NOBODY, None) is None
    assert obstacle(FIRST, TODAY, Buyer(1, frozenset()), None) is Obstacle.NOT_FIRST
    assert obstacle(AUTUMN, TODAY, Buyer(3, frozenset({plain_code("осень15")})), None) is Obstacle.USED


def test_the_basket_counts() -> None:
    assert obstacle(AUTUMN, TODAY, NOBODY, Money(499999, "RUB")) is Obstacle.TOO_SMALL
    assert obstacle(AUTUMN, TODAY, NOBODY, Money(500000, "RUB")) is None
    assert obstacle(AUTUMN, TODAY, NOBODY, Money(500000, "EUR")) is Obstacle.OTHER_CURRENCY


TOTAL = Money(100000, "RUB")


def seen(
    state: PaymentState, minutes: int = 0, minor: int = 100000, method: PaymentMethod = PaymentMethod.CARD
) -> PaymentSeen:
    return PaymentSeen(method, None, state, Money(minor, "RUB"), NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("payments", "finding"),
    [
        ([], Finding.NOTHING),
        ([seen(PaymentState.PAID)], Finding.PAID),
        ([seen(PaymentState.PAID), seen(PaymentState.PAID, 3)], Finding.TWICE),
        ([seen(PaymentState.PAID, minor=40000), seen(PaymentState.PAID, 90, 60000)], Finding.PAID),
        ([seen(PaymentState.PAID, minor=50000), seen(PaymentState.PAID, 5, 50000)], Finding.PAID),
        ([seen(PaymentState.FAILED), seen(PaymentState.PAID, 5)], Finding.PAID),
        ([seen(PaymentState.FAILED), seen(PaymentState.PENDING, 5)], Finding.PENDING),
        ([seen(PaymentState.FAILED)], Finding.FAILED),
        ([seen(PaymentState.REFUNDED)], Finding.REFUNDED),
        ([seen(PaymentState.CANCELLED)], Finding.NOTHING),
        ([seen(PaymentState.PENDING, method=PaymentMethod.ON_DELIVERY)], Finding.ON_DELIVERY),
    ],
)
def test_what_the_payments_of_an_order_say(payments: list[PaymentSeen], finding: Finding) -> None:
    assert examine(payments, TOTAL) is finding


def test_what_burns_is_what_is_left_soonest_first() -> None:
    day = timedelta(days=1)
    entries = [
        Points(100, NOON - 30 * day, NOON + 5 * day),
        Points(50, NOON - 20 * day, NOON + 9 * day),
        Points(30, NOON - 10 * day),
        Points(-40, NOON - day),
    ]
    assert [(one.points, one.expires_at) for one in burnings(entries, NOON)] == [
        (60, NOON + 5 * day),
        (50, NOON + 9 * day),
    ]
