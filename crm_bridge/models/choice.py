"""Columns that hold one word out of a few."""

from enum import StrEnum

from sqlalchemy import Enum

LENGTH = 24


def choice(words: type[StrEnum], name: str) -> Enum:
    """A text column whose values are the words of an enumeration, guarded by a check constraint."""
    return Enum(
        words,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=LENGTH,
        values_callable=_values,
    )


def _values(words: type[StrEnum]) -> list[str]:
    return [word.value for word in words]
