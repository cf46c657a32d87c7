"""Figures as people write them."""

from babel.numbers import format_decimal


def figure(value: float, language: str, pattern: str = "0.0") -> str:
    """`figure(-0.25, "ru", "0.00")` is «−0,25»; the pattern is Unicode's (UTS 35)."""
    shown: str = format_decimal(value, pattern, locale=language)
    return shown.replace("-", "\N{MINUS SIGN}" if set(shown) & set("123456789") else "")  # no «−0,0»
