"""Which column of a file goes into which field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import yml

FIELDS = (
    "external_ref",
    "given_name",
    "patronymic",
    "family_name",
    "full_name",  # «Фамилия Имя Отчество» or “Given Family”, told apart by the alphabet
    "phone",
    "email",
    "city",
    "language",
    "time_zone",
    "segment",
    "vip",
    "marketing",  # consent to marketing: yes or no
)
_names: dict[str, list[str]] = yml.parse(Path(__file__).with_name("columns.yml").read_text(encoding="utf-8"))


class BadMapping(Exception):
    """The mapping does not fit. `code` says why, `what` names the column or the field."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(f"{code}: {what}")
        self.code = code
        self.what = what


@dataclass(frozen=True, slots=True)
class Columns:
    """Field → index of its column."""

    columns: Mapping[str, int]
    width: int  # columns of the header

    def is_too_wide(self, cells: Sequence[str]) -> bool:
        """Whether something stands beyond the last column: a delimiter inside a cell moved the others."""
        return any(cells[self.width :])

    def values(self, cells: Sequence[str]) -> dict[str, str]:
        """The cells of a row by field; a short row has empty ones."""
        return {field: cells[index] if index < len(cells) else "" for field, index in self.columns.items()}


def read_mapping(text: str) -> dict[str, str]:
    """`phone=Телефон,email=E-mail` as field → name of the column.

    Raises:
        BadMapping
    """
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        field, sign, column = (piece.strip() for piece in part.partition("="))
        if not sign or not column:
            raise BadMapping("syntax", part)
        if field not in FIELDS:
            raise BadMapping("unknown_field", field)
        pairs[field] = column
    return pairs


def fit(header: Sequence[str], asked: Mapping[str, str]) -> Columns:
    """Find the columns: those that were asked for, and for other fields those with usual names.

    Raises:
        BadMapping: a column is not there, or nothing tells one customer from another.
    """
    places = {_plain(name): index for index, name in reversed(list(enumerate(header)))}
    columns: dict[str, int] = {}
    for field in FIELDS:
        if field in asked:
            if _plain(asked[field]) not in places:
                raise BadMapping("unknown_column", asked[field])
            columns[field] = places[_plain(asked[field])]
        elif usual := [name for name in (field, *_names.get(field, [])) if _plain(name) in places]:
            columns[field] = places[_plain(usual[0])]
    if not columns.keys() & {"external_ref", "phone", "email"}:
        raise BadMapping("no_key", ", ".join(header[:12]))
    return Columns(columns, len(header))


def _plain(name: str) -> str:
    return name.strip().lower().replace("ё", "е").replace("_", " ").replace("-", " ")
