"""When and how often a customer wants to be written to: «не после восьми вечера», "at most once a week"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from actions.dialogue import Talk
from actions.hints import hints
from actions.say import Button

ANYTIME = "anytime"  # the value behind the button that takes the wishes back
DAY = (9, 21)  # hours of the day where the customer names one end alone
OFFICE = (9, 18)
LEFT = {"night": DAY, "evening": (9, 18), "morning": (12, 21), "day": (18, 21)}  # of a day without that part
_NEGATIVE = re.compile(r"\b(?:не|ни|нет|без|хватит|no|not|never|don'?t|stop)\b", re.IGNORECASE)
_REFUSED = re.compile(r"^\W*(?:нет|no)\s*[,.!]\s*", re.IGNORECASE)  # «нет, пишите с 11»: what follows counts
_NO_EARLIER = re.compile(r"не раньше|не ранее|not before|no earlier|not earlier", re.IGNORECASE)
_NO_LATER = re.compile(r"не позже|не позднее|no later|not later", re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2}):\d\d")
_TIMES = (  # beginnings, times a week
    (re.compile(r"(?:раз|одного раза|once|one)\b.{0,12}\b(?:день|сутки|day)", re.IGNORECASE), 7),
    (re.compile(r"(?:дв[ауе]\w*|2|twice|two)\b.{0,24}\b(?:недел|week)", re.IGNORECASE), 2),
    (re.compile(r"(?:тр[ие]\w*|3|three)\b.{0,24}\b(?:недел|week)", re.IGNORECASE), 3),
)
SELDOM = 1  # a week: the least that can be kept; «раз в месяц» too


@dataclass(frozen=True, slots=True)
class Times:
    """What the customer wants. `hours`: of their own day, from and until; `per_week`: messages at most."""

    hours: tuple[int, int] | None = None
    per_week: int | None = None
    narrows: bool = False  # «не ночью» leaves what they wanted before as it is

    def __bool__(self) -> bool:
        return self.hours is not None or self.per_week is not None


def times_in(text: str, entities: Mapping[str, str]) -> Times:
    """The wish in a message; empty when it wants no messages at all, or says nothing of times."""
    if hints("messages_off", text):
        return Times()
    text = _REFUSED.sub("", text)
    narrows = _NEGATIVE.search(text) is not None
    return Times(_hours(text, entities.get("time", "")), _per_week(text), narrows)


async def keep_times(talk: Talk, customer_id: int, times: Times, *, anytime: bool = False) -> None:
    """Store the wish and say what holds now."""
    messages, words = talk.services.dealings.messages, talk.words
    profile = await talk.services.dealings.profiles.read(customer_id)
    hours = _within(times.hours, profile.preferred_hours if times.narrows else None)
    kept = await talk.do("times", lambda key: messages.set_times(key, customer_id, hours, times.per_week))
    hours = kept["hours"]
    if anytime:
        talk.say("utter_messages_anytime", "notifications_opt_out", "human_agent")
        return
    said = []
    if hours:
        said.append(words.text("messages.hours", since=f"{hours[0]}:00", until=f"{hours[1]}:00"))
    if times.per_week:
        said.append(words.text("messages.often", times=words.count("times", times.per_week)))
    off = Button(words.text("button.messages.no_ads"), "notifications_opt_out")
    back = Button(words.text("button.messages.anytime"), "notifications_opt_in", (("value", ANYTIME),))
    talk.say("utter_messages_times", off, back, times=words.text("messages.and").join(said))


def _within(hours: tuple[int, int] | None, before: tuple[int, int] | None) -> tuple[int, int] | None:
    """The new hours, and within those the customer had named before, if the two have some in common."""
    if hours is None or before is None:
        return hours
    begin, end = max(hours[0], before[0]), min(hours[1], before[1])
    return (begin, end) if begin < end else hours


def _hours(text: str, named: str) -> tuple[int, int] | None:
    """The hours in which messages may come."""
    begin, end = _span(text, named)
    if _NO_EARLIER.search(text):
        return _valid(begin if begin is not None else end, DAY[1])
    if _NO_LATER.search(text):
        return _valid(DAY[0], begin if begin is not None else end)
    unwanted = _NEGATIVE.search(text) is not None
    part = hints("part_of_day", text)
    if part == "night" or (part and not _names_hour(text)):
        return LEFT[part] if unwanted else (OFFICE if part == "day" else None)
    if begin is None and end is None:
        return None
    if unwanted:  # what is named is left out
        return _valid(DAY[0] if end is None else end, DAY[1] if begin is None else begin)
    return _valid(DAY[0] if begin is None else begin, DAY[1] if end is None else end)


def _span(text: str, named: str) -> tuple[int | None, int | None]:
    """Hours as the entity gives them: `20:00/` is after eight, `/09:00` before nine."""
    since, slash, until = named.partition("/")
    begin, end = _hour(since), _hour(until)
    if not slash and begin is not None and hints("before_hour", text):
        return None, begin
    return begin, end


def _names_hour(text: str) -> bool:
    """«После восьми вечера» names one, «по вечерам» does not."""
    return hints("hour", text) is not None or any(char.isdecimal() for char in text)


def _hour(text: str) -> int | None:
    found = _HOUR.match(text)
    return int(found[1]) if found else None


def _valid(begin: int | None, end: int | None) -> tuple[int, int] | None:
    if begin is None or end is None or begin == end:
        return None
    return begin, end


def _per_week(text: str) -> int | None:
    if hints("messages_often", text) is None:
        return None
    return next((times for pattern, times in _TIMES if pattern.search(text)), SELDOM)
