"""Loyalty points: how many there are, and which of them burn next."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Points:
    """Points that came (positive) or went (negative)."""

    points: int
    at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on an account at a moment."""

    balance: int
    burning: int  # of these, so many burn at `burns_at`; 0 when nothing ever burns
    burns_at: datetime | None


@dataclass(slots=True)
class _Lot:
    left: int
    expires_at: datetime | None


def standing(entries: Iterable[Points], now: datetime) -> Standing:
    """What is left at `now`. Whoever spends, spends what burns first; what is past its end counts no more.

    A booked burning takes from what was over by then, so points do not burn twice.
    """
    alive = _alive(entries, now)
    ends = [lot.expires_at for lot in alive if lot.expires_at is not None]
    first = min(ends, default=None)
    return Standing(
        balance=sum(lot.left for lot in alive),
        burning=sum(lot.left for lot in alive if first is not None and lot.expires_at == first),
        burns_at=first,
    )


def burnings(entries: Iterable[Points], now: datetime) -> list[Points]:
    """What of the balance burns and when (`expires_at`), the soonest first."""
    found: dict[datetime, int] = {}
    for lot in _alive(entries, now):
        if lot.expires_at is not None:
            found[lot.expires_at] = found.get(lot.expires_at, 0) + lot.left
    return [Points(points, now, end) for end, points in sorted(found.items())]


def _alive(entries: Iterable[Points], now: datetime) -> list[_Lot]:
    lots: list[_Lot] = []
    for entry in sorted((entry for entry in entries if entry.at <= now), key=lambda entry: entry.at):
        if entry.points > 0:
            lots.append(_Lot(entry.points, entry.expires_at))
            lots.sort(key=lambda lot: (lot.expires_at is None, lot.expires_at or now))
        else:
            _take(lots, -entry.points)
    return [lot for lot in lots if lot.left and (lot.expires_at is None or lot.expires_at > now)]


def _take(lots: list[_Lot], points: int) -> None:
    for lot in lots:
        taken = min(lot.left, points)
        lot.left -= taken
        points -= taken
