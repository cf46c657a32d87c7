"""A visit as a file for the customer's own calendar."""

from datetime import datetime, timedelta

from icalendar import Alarm, Calendar, Event

REMINDER = timedelta(hours=2)  # before the visit


def calendar_file(
    visit_id: int, title: str, place: str, starts_at: datetime, ends_at: datetime, made_at: datetime
) -> bytes:
    """An iCalendar file (RFC 5545). The same visit keeps its UID, so that a move replaces the entry."""
    calendar = Calendar()
    calendar.add("prodid", "-//Zabota//Visits//RU")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    event = Event()
    event.add("uid", f"visit-{visit_id}@zabota")
    event.add("dtstamp", made_at)
    event.add("sequence", int(made_at.timestamp()))
    event.add("summary", title)
    event.add("location", place)
    event.add("dtstart", starts_at)
    event.add("dtend", ends_at)
    reminder = Alarm()
    reminder.add("action", "DISPLAY")
    reminder.add("description", title)
    reminder.add("trigger", -REMINDER)
    event.add_component(reminder)
    calendar.add_component(event)
    return bytes(calendar.to_ical())
