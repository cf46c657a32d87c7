"""When a customer wants to come, and the free slots that suit best."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

from crm_bridge.visits import SlotView

OFFERED = 5
When = TypeVar("When", date, time)
MIDDAY = time(13)


@dataclass(frozen=True, slots=True)
class Wish:
    """Days and hours as entities give them: `2026-11-21`, `2026-11-21/2026-11-22`, `09:00`, `18:00/`.

    `after`: the customer has seen the slots up to this moment (ISO 8601) and wants later ones.
    """

    days: str = ""
    hours: str = ""
    after: str = ""

    @classmethod
    def of(cls, entities: Mapping[str, str]) -> Self:
        """The wish in a message, empty when there is none."""
        return cls(entities.get("date", ""), entities.get("time", ""))

    def changed_by(self, other: "Wish") -> "Wish":
        """What is wanted after «лучше вечером»: a new hour leaves the day as it was."""
        return Wish(other.days or self.days, other.hours or self.hours)

    def as_fact(self) -> dict[str, str]:
        return asdict(self)

    def __bool__(self) -> bool:
        return bool(self.days or self.hours)

    def fits(self, slot: SlotView, zone: ZoneInfo) -> bool:
        """Whether the slot is what was wished for."""
        starts = slot.starts_at.astimezone(zone)
        first, last = self._days()
        if first and not first <= starts.date() <= (last or first):
            return False
        since, until = self._hours()
        if since and until is None and "/" not in self.hours:
            return starts.time() == since
        return (since is None or starts.time() >= since) and (until is None or starts.time() < until)

    def distance(self, slot: SlotView, zone: ZoneInfo) -> timedelta:
        """How far the slot is from what was wished for."""
        starts = slot.starts_at.astimezone(zone)
        first, _ = self._days()
        since, until = self._hours()
        wanted = datetime.combine(first or starts.date(), since or until or MIDDAY, zone)
        return abs(starts - wanted)

    def _days(self) -> tuple[date | None, date | None]:
        first, _, last = self.days.partition("/")
        return _read(date, first), _read(date, last)

    def _hours(self) -> tuple[time | None, time | None]:
        since, _, until = self.hours.partition("/")
        return _read(time, since), _read(time, until)


def offers(free: Sequence[SlotView], wish: Wish, zone: ZoneInfo) -> list[SlotView]:
    """Up to five slots: those wished for, or the nearest to that; in the order of time."""
    later = [slot for slot in free if not wish.after or slot.starts_at.isoformat() > wish.after] or list(free)
    fitting = [slot for slot in later if wish.fits(slot, zone)][:OFFERED]
    if wish and len(fitting) < OFFERED:
        near = sorted(
            (slot for slot in later if slot not in fitting), key=lambda slot: wish.distance(slot, zone)
        )
        fitting += near[: OFFERED - len(fitting)]
    return sorted(fitting, key=lambda slot: slot.starts_at)


def _read(kind: type[When], text: str) -> When | None:
    """A date or a time; None when there is none. Entities are not trusted to be well formed."""
    try:
        return kind.fromisoformat(text) if text else None
    except ValueError:
        return None
