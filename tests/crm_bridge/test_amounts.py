"""Sums as people read them, wherever they stand."""

import pytest

from crm_bridge.amounts import worded
from crm_bridge.money import Money


@pytest.mark.parametrize(
    ("amount", "russian", "english"),
    [
        (Money(799_000, "RUB"), "7 990 ₽", "RUB 7,990"),
        (Money(799_050, "RUB"), "7 990,50 ₽", "RUB 7,990.50"),
        (Money(-12_400, "RUB"), "-124 ₽", "-RUB 124"),
        (Money(1_999, "GBP"), "19,99 £", "£19.99"),
        (Money(2_000, "EUR"), "20 €", "€20"),
        (Money(0, "RUB"), "0 ₽", "RUB 0"),
    ],
)
def test_in_both_languages(amount: Money, russian: str, english: str) -> None:
    assert worded(amount, "ru") == russian.replace(" ", "\u00a0")
    assert worded(amount, "en") == english.replace(" ", "\u00a0")


def test_papers_have_the_zeros() -> None:
    assert worded(Money(799_000, "RUB"), "ru", with_cents=True) == "7\u00a0990,00\u00a0₽"
    assert worded(Money(2_000, "GBP"), "en", with_cents=True) == "£20.00"
    assert worded(Money(150_000, "JPY"), "en", with_cents=True) == "JP¥150,000", "a yen has no cents"
