"""Stores: where they are and when they are open, the nearest one by the city."""

from datetime import datetime, timedelta

from actions.dialogue import Dialogue, Option, Talk
from actions.towns import bare_town, is_phrase, name_of, preposed_town, town_in
from actions.turn import NO_MATCH, Turn
from actions.wording import Wording, clock_time
from crm_bridge.company.hours import WEEK, Hours
from crm_bridge.company.stores import Store

CITIES = 8


class StoreInfo(Dialogue):
    """Addresses and hours; whether a store is open now or on a day that is named."""

    name = "store_info"
    personal = False

    async def tell(self, talk: Talk) -> None:
        stores = self.services.company.stores
        city = await self._city(talk)
        found = stores.in_city(city)
        if not found:
            cities = ", ".join(self._name(talk, one) for one in stores.cities())
            there = talk.words.text("store.in_city", city=self._name(talk, name_of(city)))
            if city.startswith("в") and is_phrase(city):
                there = city  # as it was written: its form is right
            said = {"there": there, "cities": cities}
            talk.say("utter_no_store_there", "delivery_options", "human_agent", **said)
            return
        talk.slots["city"] = found[0].city
        day = talk.details.get("date", "").partition("/")[0]
        lines = [store_line(talk, store, day) for store in found]
        talk.say("utter_stores", "book_appointment", "delivery_options", stores="\n\n".join(lines))

    def _spoken_of(self, talk: Talk) -> str | None:
        """The city that the conversation was about, if there is a store."""
        city = talk.turn.slots.get("city")
        return city if city and self.services.company.stores.in_city(city) else None

    def _name(self, talk: Talk, city: str) -> str:
        """A city in the customer's language."""
        known = self.services.company.delivery.destination(city)
        return known.city.name.to(talk.words.language) if known else city

    async def _city(self, talk: Talk) -> str:
        """The named city, the customer's own, or the one that is asked for."""
        stores = self.services.company.stores
        if not talk.has("city") and not talk.reopened("city"):
            city = talk.details.get("city") or town_in(talk.task.text) or self._spoken_of(talk)
            if city is None and talk.caller.proven_customer_id is not None:
                own = await self.services.visits.city_of(talk.caller.proven_customer_id)
                city = own if own and stores.in_city(own) else None
            if city:
                talk.known("city", city)
        talk.task.bound["city"] = "city"
        options = [Option(city, self._name(talk, city)) for city in stores.cities()[:CITIES]]

        def named(turn: Turn) -> str | None:
            if found := turn.entities.get("city") or preposed_town(turn.text):
                return found
            bare = turn.text.strip() if stores.in_city(turn.text) else None
            return bare or (bare_town(turn.text) if turn.intent in NO_MATCH | {self.name} else None)

        return await talk.choose(
            "city", "utter_ask_store_city", options, "human_agent", read=named, entity="city"
        )


def store_line(talk: Talk, store: Store, day: str = "") -> str:
    """A store in words: address, hours, whether it is open, how to find it.

    Args:
        day: ISO date whose hours are wanted; empty: today.
    """
    now = talk.services.clock.now()
    words = Wording(talk.turn.language, now, store.hours.time_zone)
    moment = now
    if day:
        try:
            moment = datetime.fromisoformat(day).replace(hour=12, tzinfo=words.zone)
        except ValueError:
            day = ""
    parts = [
        words.text("store.line", city=store.city, address=store.address, phone=store.phone),
        _week(words, store.hours),
        _that_day(words, store.hours, moment) if day else _now(words, store.hours, now),
    ]
    return "\n".join([*parts, *([store.way.to(words.language)] if store.way else [])])


def _week(words: Wording, hours: Hours) -> str:
    """«пн–пт 10:00–21:00, сб–вс 10:00–20:00», days off left out."""
    runs: list[tuple[str, str, str]] = []  # first day, last day, hours
    for day in WEEK:
        if (span := hours.week.get(day)) is None:
            continue
        told = f"{clock_time(span[0])}–{clock_time(span[1])}"
        name = words.text(f"weekday.{day}")
        before = WEEK[WEEK.index(day) - 1]
        if runs and runs[-1][2] == told and runs[-1][1] == words.text(f"weekday.{before}"):
            runs[-1] = (runs[-1][0], name, told)
        else:
            runs.append((name, name, told))
    return ", ".join(
        f"{first}–{last} {told}" if first != last else f"{first} {told}" for first, last, told in runs
    )


def _now(words: Wording, hours: Hours, now: datetime) -> str:
    if hours.is_open(now):
        closes = hours.week[WEEK[now.astimezone(words.zone).weekday()]][1]
        return words.text("store.open", until=clock_time(closes))
    return words.text("store.closed", at=words.at(hours.opening(now)))


def _that_day(words: Wording, hours: Hours, noon: datetime) -> str:
    span = hours.week.get(WEEK[noon.weekday()])
    if span is None or noon.date() in hours.closed:
        return words.text("store.day_off", day=words.on(noon), at=words.at(hours.opening(noon + timedelta())))
    return words.text(
        "store.that_day", day=words.on(noon), since=clock_time(span[0]), until=clock_time(span[1])
    )
