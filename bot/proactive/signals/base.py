"""What every predictor gives, and what it is asked with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self, TypeVar

from sqlalchemy import ColumnElement, FunctionElement, Integer, Select, and_, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles

BY_RULE = "rule"  # no trained model had a part in it
DAY = 86400  # seconds


@dataclass(frozen=True, slots=True)
class Range:
    """Customers with `after < id <= until`."""

    after: int = 0
    until: int = 2**62

    def __call__(self, column: Any) -> ColumnElement[bool]:
        """The condition that a column of customer ids is within."""
        clause: ColumnElement[bool] = column.between(self.after + 1, self.until)
        return clause


@dataclass(frozen=True, slots=True)
class Chosen:
    """These customers."""

    ids: tuple[int, ...]

    def __call__(self, column: Any) -> ColumnElement[bool]:
        """The condition that a column of customer ids is one of them."""
        clause: ColumnElement[bool] = column.in_(self.ids)
        return clause


@dataclass(frozen=True, slots=True)
class Signal:
    """Somebody will probably have a problem."""

    kind: str
    customer_id: int
    subject: str  # what it is about: the same problem is never told twice
    expected_at: datetime
    probability: float
    reason: str  # key of signals/texts.yml
    words: Mapping[str, Any] = field(default_factory=dict)  # for the reason, and for what customers read
    model: str = BY_RULE

    @property
    def key(self) -> tuple[str, str, datetime]:
        """The same problem, found again, has the same one."""
        return self.kind, self.subject, self.expected_at


@dataclass(frozen=True, slots=True)
class Question:
    """What a predictor is asked: who, up to when, as of when.

    `least` is the lowest threshold of the rules that use it: what is less likely is of no use to anybody.
    With `since`, only what *time alone* may have changed since then is wanted, on the same day and with
    everything else as it was: whose window was entered, whose term ran out.
    """

    now: datetime
    customers: Range | Chosen
    horizon: timedelta
    late: timedelta  # how long after the expected time a message still makes sense
    least: float = 0.0
    subject: str | None = None  # this one alone: is it still so?
    since: datetime | None = None

    @property
    def end(self) -> datetime:
        return self.now + self.horizon

    @property
    def start(self) -> datetime:
        return self.now - self.late

    @property
    def of_the_day(self) -> Self:
        """The same as of the midnight before: what habits are reckoned by, since they move by days."""
        return replace(self, now=midnight(self.now))

    def entered(self, column: Any, *, turns: bool = False) -> ColumnElement[bool]:
        """The condition that an expected time is within the window, and got there since `since`.

        Args:
            turns: it also matters that the time itself comes.
        """
        inside: ColumnElement[bool] = column.between(self.start, self.end)
        if self.since is None:
            return inside
        came = [column > self.since + self.horizon]
        if turns:
            came.append(column.between(self.since, self.now))
        return and_(inside, or_(*came))


class Predictor(Protocol):
    """One kind of problem."""

    kind: str
    profiles: bool  # a prediction about the person: it needs their consent to profiling

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        """Who will probably have the problem between `asked.start` and `asked.end`."""
        ...


class epoch(FunctionElement[int]):  # noqa: N801 - used like a function of SQL
    """Seconds since 1970 of a moment, in both databases."""

    type = Integer()
    inherit_cache = True


@compiles(epoch, "sqlite")
def _epoch_sqlite(element: epoch, compiler: Any, **kw: Any) -> str:
    return f"unixepoch({compiler.process(element.clauses, **kw)})"


@compiles(epoch, "postgresql")
def _epoch_postgresql(element: epoch, compiler: Any, **kw: Any) -> str:
    return f"CAST(extract(epoch FROM {compiler.process(element.clauses, **kw)}) AS bigint)"


def midnight(now: datetime) -> datetime:
    """When the day began, in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def moment(seconds: float) -> datetime:
    """A moment of whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC)


def day_of(seconds: float) -> datetime:
    """Noon of the day: what is computed must not move by seconds from run to run."""
    return datetime.fromtimestamp(int(seconds) // DAY * DAY + DAY // 2, UTC)


_Query = TypeVar("_Query", bound="Select[*tuple[Any, ...]]")


def only(asked: Question, query: _Query, prefix: str, column: Any, cast: Callable[[str], Any]) -> _Query:
    """Narrow a query to the one subject asked for, if one is."""
    if asked.subject is None:
        return query
    kind, _, rest = asked.subject.partition(":")
    name = rest.partition(":")[0]
    return query.where(column == (cast(name) if kind == prefix else None))
