"""Amounts of money as people read them: the assistant, the desk and papers write a sum the same way."""

from decimal import Decimal

from babel import Locale
from babel.numbers import format_currency, get_currency_precision, get_currency_symbol

from crm_bridge.money import Money

LOCALES = {"ru": "ru_RU", "en": "en_GB"}
_NARROW_SPACES = str.maketrans({"\u202f": "\u00a0", "\u2009": "\u00a0"})  # some fonts of messengers lack them


def worded(amount: Money, language: str, *, with_cents: bool = False) -> str:
    """An amount with its currency: «7 990 ₽», “£19.99”, “RUB 7,990”.

    Args:
        with_cents: whole amounts too have their zeros, as in papers.
    """
    locale = LOCALES[language]
    value = Decimal(amount.minor).scaleb(-get_currency_precision(amount.currency))
    pattern = Locale.parse(locale).currency_formats["standard"].pattern
    if get_currency_symbol(amount.currency, locale)[-1].isalpha():  # a code does not touch the number
        pattern = pattern.replace("¤#", "¤\u00a0#")
    if short := not with_cents and value == value.to_integral_value():
        pattern = pattern.replace(".00", "")
    text: str = format_currency(value, amount.currency, pattern, locale=locale, currency_digits=not short)
    return text.translate(_NARROW_SPACES)
