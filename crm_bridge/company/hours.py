"""When people work."""

from datetime import date, datetime, time, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)


class Hours(BaseModel):
    """Opening hours of a week. A day that is not named is a day off; `closed` are days off besides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_zone: str
    week: dict[Weekday, tuple[time, time]]
    closed: tuple[date, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value} is not a time zone") from error
        return value

    @model_validator(mode="after")
    def _opens_at_all(self) -> Self:
        if not self.week:
            raise ValueError("there must be a working day")
        if late := [day for day, (opens, closes) in self.week.items() if opens >= closes]:
            raise ValueError(f"{late[0]} closes before it opens")
        return self

    def opening(self, moment: datetime) -> datetime:
        """The moment itself when people work then, else when they begin next."""
        return self._span(moment)[0]

    def is_open(self, moment: datetime) -> bool:
        return self.opening(moment) == moment

    def after(self, moment: datetime, work: timedelta) -> datetime:
        """When so much working time has passed since a moment."""
        begins, ends = self._span(moment)
        while begins + work > ends:
            work -= ends - begins
            begins, ends = self._span(ends)
        return begins + work

    def _span(self, moment: datetime) -> tuple[datetime, datetime]:
        """The working time that runs at the moment or comes next: from when on, and until when."""
        day = moment.astimezone(ZoneInfo(self.time_zone)).date()
        while True:
            opens, closes = self._day(day, moment)
            if closes > moment:
                return max(opens, moment), closes
            day += DAY

    def _day(self, day: date, moment: datetime) -> tuple[datetime, datetime]:
        """A day's working time in UTC like the moment; an empty one in the past for a day off."""
        hours = self.week.get(WEEK[day.weekday()])
        if hours is None or day in self.closed:
            return moment - DAY, moment - DAY
        zone, utc = ZoneInfo(self.time_zone), moment.tzinfo
        opens, closes = (datetime.combine(day, hour, zone).astimezone(utc) for hour in hours)
        return opens, closes
