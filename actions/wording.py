"""Words for values: dates, amounts, counts, and the catalogue of sentence pieces.

Dates are told in the customer's time zone and near ones in words: «завтра», «в субботу, 22 ноября».
"""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, get_timezone_location

from core.texts import Texts
from crm_bridge.amounts import LOCALES, worded
from crm_bridge.money import Money

HERE = Path(__file__).parent
ENGLISH, RUSSIAN = "en", "ru"
_NEAR = {-1: "day.yesterday", 0: "day.today", 1: "day.tomorrow"}

texts = Texts(HERE / "texts.yml")


class Wording:
    """Puts values into words of one language, as seen from one moment and one time zone."""

    def __init__(self, language: str, now: datetime, time_zone: str) -> None:
        self.language = language
        self.zone = ZoneInfo(time_zone)
        self._locale = LOCALES[language]
        self._today = now.astimezone(self.zone).date()

    def text(self, key: str, **values: object) -> str:
        """A piece of the catalogue."""
        return texts(key, self.language, **values)

    def find(self, key: str) -> str | None:
        """A piece of the catalogue, or None when there is no such piece."""
        return texts.find(key, self.language)

    def on(self, moment: datetime) -> str:
        """The day something happens: «сегодня», «завтра», «в субботу, 22 ноября»."""
        day = self._local(moment).date()
        if near := _NEAR.get((day - self._today).days):
            return self.text(near)
        return self.text(f"day.on.{day.weekday()}", date=self._date(day))

    def day(self, moment: datetime) -> str:
        """The day by itself: «суббота, 22 ноября»; near ones as in `on`."""
        day = self._local(moment).date()
        if near := _NEAR.get((day - self._today).days):
            return self.text(near)
        return f"{format_date(day, 'EEEE', locale=self._locale)}, {self._date(day)}"

    def time(self, moment: datetime) -> str:
        """The time of day: «13:00»."""
        return clock_time(self._local(moment).time())

    def until(self, moment: datetime) -> str:
        """The last day of something, always as a date, since «до завтра» leaves open which days count."""
        return self._date(self._local(moment).date())

    def at(self, moment: datetime) -> str:
        """Day and time of something that happened: «вчера в 14:05», «20 ноября в 9:30»."""
        local = self._local(moment)
        near = _NEAR.get((local.date() - self._today).days)
        day = self.text(near) if near else self._date(local.date())
        return self.text("time.at", day=day, time=clock_time(local.time()))

    def by(self, moment: datetime) -> str:
        """Day and time of a deadline: «сегодня к 18:00»."""
        return self.text("time.by", day=self.on(moment), time=clock_time(self._local(moment).time()))

    def after(self, moment: datetime) -> str:
        """From when on something is possible: «14:05» today, «завтра в 0:10» later."""
        local = self._local(moment)
        return clock_time(local.time()) if local.date() == self._today else self.at(moment)

    def in_zone(self, moment: datetime) -> str:
        """Day and time with the name of the place whose time it is, for people who may be elsewhere."""
        place = get_timezone_location(self.zone, locale=self._locale, return_city=True)
        return self.text("time.in_zone", at=self.at(moment), place=place)

    def same_day(self, first: datetime, second: datetime) -> bool:
        """Whether both moments fall on one day for the customer."""
        return self._local(first).date() == self._local(second).date()

    def is_past_day(self, moment: datetime) -> bool:
        """Whether the moment's day is over for the customer."""
        return self._local(moment).date() < self._today

    def money(self, amount: Money) -> str:
        """An amount with its currency; whole amounts without zeros after the point."""
        return worded(amount, self.language)

    def count(self, noun: str, n: int) -> str:
        """A number with its noun in the right form: «2 дня», «5 дней»."""
        form = Locale.parse(self._locale).plural_form(n)
        return self.text(f"count.{noun}.{form}", n=n)

    def days(self, length: timedelta) -> str:
        """A length in whole days, at least one."""
        return self.count("days", max(1, round(length / timedelta(days=1))))

    def length(self, length: timedelta) -> str:
        """A short length: «час», «30 минут», in whole hours if it has them."""
        hours, rest = divmod(length, timedelta(hours=1))
        if hours and not rest:
            return self.count("hours", hours)
        return self.count("minutes", round(length / timedelta(minutes=1)))

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def _date(self, day: date) -> str:
        if day.year == self._today.year:
            return format_date(day, "d MMMM", locale=self._locale)
        return self.text("date.with_year", date=format_date(day, "d MMMM y", locale=self._locale))


def clock_time(value: time) -> str:
    """A time of day on the 24-hour clock: 9:05."""
    return f"{value.hour}:{value.minute:02}"
