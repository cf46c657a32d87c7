"""Visits: booking, confirming, moving and cancelling on the real calendar."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from actions.dialogue import Dialogue, Option, Talk
from actions.reading import pick
from actions.slots import Room, choose_slot, offer_again, slot_title
from actions.turn import Turn
from actions.visit_words import document_of, title_of, wording_at
from actions.wording import RUSSIAN
from crm_bridge.assets import meant
from crm_bridge.company.visits import VisitService
from crm_bridge.visits import VisitView

CITIES = 5
_HOUR = re.compile(r"\b(\d{1,2})(?:[:.]\d\d)?\b")
VISIT = "visit"  # the question
SEEN = "seen"  # a fact: the visit as it was when the customer heard of it
_CYRILLIC = re.compile("[А-ЯЁа-яё]")
_TOWN = re.compile(r"\b(?:[Вв]о?|[Ii]n)\s+([А-ЯЁA-Z][а-яёa-z]{2,}(?:[ -][А-ЯЁA-Z][а-яёa-z]+)*)")
_NO_TOWN = re.compile(  # what else may have a capital letter there
    r"понед|вторн|сред|четв|пятн|субб|воскр|янв|фев|март|апр|мае|июн|июл|авг|сент|окт|нояб|дек"
    r"|сервис|мастерск|магазин|салон|центр|пункт|mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug"
    r"|sep|oct|nov|dec|english|russian",
    re.IGNORECASE,
)


class BookAppointment(Dialogue):
    """Finds a free time near the wished one and books it."""

    name = "book_appointment"

    async def tell(self, talk: Talk) -> None:
        if (service := await self._service(talk)) is None:
            return
        place = await self._place(talk, service)
        room = Room(service.slots, place)
        slot = await choose_slot(talk, room)
        if slot is None:
            _say_full(talk)
            return
        operations = self.services.visit_operations
        things = await self.services.assets.of_customer(talk.customer_id)
        thing = meant(things, talk.details.get("value"))
        about = f"{thing.title}: {talk.task.text}" if thing else talk.task.text
        note, asset_id = about[:500] or None, thing.id if thing else None
        done = await talk.do(
            "book", lambda key: operations.book(key, talk.customer_id, slot.id, note, asset_id)
        )
        if not done["done"]:
            await offer_again(talk, room, "utter_slot_taken")
        words = wording_at(talk, place)
        visit = VisitView(done["id"], slot.service, place, slot.starts_at, slot.ends_at)
        await document_of(
            talk,
            "utter_visit_booked",
            visit,
            "reschedule_appointment",
            "cancel_appointment",
            service=service.title.to(talk.words.language),
            when=slot_title(words, slot),
            place=place,
        )

    async def _service(self, talk: Talk) -> VisitService | None:
        """What the customer comes for; None: nothing can be booked, which has been said."""
        rules = self.services.company.visits
        bookable = [one for one in rules.services if await self._places(one)]
        if not bookable:
            _say_full(talk)
            return None
        named = [one for one in bookable if _speaks_of(talk.task.text, one)]
        if len(named) == 1 or len(bookable) == 1:
            talk.known("service", (named or bookable)[0].key)
        options = [Option(one.key, one.title.to(talk.words.language)) for one in bookable]
        key = await talk.choose(
            "service",
            "utter_choose_service",
            options,
            "human_agent",
            read=lambda turn: next((one.key for one in bookable if _speaks_of(turn.text, one)), None),
        )
        return rules.service(key)

    async def _place(self, talk: Talk, service: VisitService) -> str:
        """Where the visit is to be: the named city, the customer's own, or the one chosen."""
        places = _readable_first(await self._places(service), talk.turn.language)
        talk.task.bound["place"] = "city"
        offered = places
        if not talk.has("place") and not talk.reopened("place"):
            named = talk.details.get("city") or _unknown_town(talk.task.text)
            city = named or await self.services.visits.city_of(talk.customer_id)
            offered = [place for place in places if _city(place) == city] or places
            if len(offered) == 1:
                talk.known("place", offered[0])
            elif named and offered is places:
                talk.say("utter_no_visits_there", city=named, cities=_cities(places, talk.turn.language))

        def there(turn: Turn) -> str | None:
            city = turn.entities.get("city")
            found = [place for place in places if _city(place) == city]
            return found[0] if found else pick(turn.text, [(place, place) for place in places])

        options = [Option(place, place) for place in offered[:CITIES]]
        return await talk.choose(
            "place", "utter_choose_place", options, "human_agent", read=there, entity="city"
        )

    async def _places(self, service: VisitService) -> list[str]:
        now, lead = self.services.clock.now(), self.services.company.visits.lead
        return await self.services.visits.places(service.slots, now + lead)


class ConfirmAppointment(Dialogue):
    """«Буду», the button of a reminder: notes that this visit, and no other, is expected."""

    name = "confirm_appointment"

    async def tell(self, talk: Talk) -> None:
        visits = await talk.services.visits.of_customer(talk.customer_id, talk.services.clock.now())
        visit = next((one for one in visits if str(one.id) == talk.details.get("value")), None)
        if visit is None:
            talk.say("utter_visit_gone", "book_appointment", "human_agent")
            return
        operations = self.services.visit_operations
        done = await talk.do("confirm", lambda key: operations.confirm(key, talk.customer_id, visit.id))
        if done["done"]:
            talk.say("utter_visit_confirmed", when=_when(talk, visit), place=visit.place)
        else:
            talk.say("utter_visit_gone", "book_appointment", "human_agent")


class RescheduleAppointment(Dialogue):
    """Moves a visit to another free time at the same place."""

    name = "reschedule_appointment"
    cancels = "cancel_appointment"

    async def tell(self, talk: Talk) -> None:
        if (visit := await choose_visit(talk)) is None:
            return
        operations = self.services.visit_operations
        if not talk.has("move") and not operations.may_change(visit.starts_at):
            _say_too_late(talk, visit)
            return
        room = Room((visit.service,), visit.place, taken_at=visit.starts_at)
        slot = await choose_slot(talk, room)
        if slot is None:
            _say_full(talk)
            return
        done = await talk.do("move", lambda key: operations.move(key, talk.customer_id, visit.id, slot.id))
        if done["done"]:
            moved = VisitView(visit.id, slot.service, slot.place, slot.starts_at, slot.ends_at)
            when = slot_title(wording_at(talk, slot.place), slot)
            await document_of(talk, "utter_visit_moved", moved, when=when, place=slot.place)
        elif done["late"]:
            _say_too_late(talk, visit)
        else:
            await offer_again(talk, room, "utter_slot_taken")


class CancelAppointment(Dialogue):
    """Cancels a visit after asking whether it really shall be."""

    name = "cancel_appointment"

    async def tell(self, talk: Talk) -> None:
        if (visit := await choose_visit(talk)) is None:
            return
        operations = self.services.visit_operations
        if not talk.has("cancel") and not operations.may_change(visit.starts_at):
            _say_too_late(talk, visit)
            return
        values = {"service": title_of(talk, visit.service), "when": _when(talk, visit), "place": visit.place}
        sure = await talk.confirm(
            "sure",
            "utter_visit_cancel_confirm",
            "reschedule_appointment",
            yes="button.cancel_visit",
            no="button.keep_visit",
            **values,
        )
        if not sure:
            talk.say("utter_visit_kept", "reschedule_appointment", when=values["when"])
            return
        done = await talk.do("cancel", lambda key: operations.cancel(key, talk.customer_id, visit.id))
        if done["done"]:
            talk.say("utter_visit_cancelled", "book_appointment", when=values["when"])
        else:
            _say_too_late(talk, visit)


async def choose_visit(talk: Talk) -> VisitView | None:
    """The visit that is meant; None when there is none, which has been said.

    Once the customer was asked about it, it stays the one that is meant: whether it can still be changed, and
    whether an action that is asked again has done so already, the operation says.
    """
    if seen := talk.task.facts.get(SEEN):
        return _of_fact(seen)
    visits = await talk.services.visits.of_customer(talk.customer_id, talk.services.clock.now())
    if not visits:
        talk.say("utter_no_visits", "book_appointment", "human_agent")
        talk.offer("book_appointment")
        return None
    named = [one for one in visits if str(one.id) == talk.details.get("value")]
    if len(granted := named or visits) == 1:
        talk.known(VISIT, str(granted[0].id))
    options = [Option(str(one.id), f"{title_of(talk, one.service)}, {_when(talk, one)}") for one in visits]
    key = await talk.choose(
        VISIT,
        "utter_choose_visit",
        options[:CITIES],
        "human_agent",
        read=lambda turn: _by_hour(talk, turn.text, visits),
    )
    visit = next((one for one in visits if str(one.id) == key), visits[0])
    talk.known(SEEN, _as_fact(visit))
    return visit


def _as_fact(visit: VisitView) -> dict[str, Any]:
    """A visit as JSON can hold it."""
    return asdict(visit) | {"starts_at": visit.starts_at.isoformat(), "ends_at": visit.ends_at.isoformat()}


def _of_fact(fact: Mapping[str, Any]) -> VisitView:
    starts_at, ends_at = (datetime.fromisoformat(fact[name]) for name in ("starts_at", "ends_at"))
    return VisitView(fact["id"], fact["service"], fact["place"], starts_at, ends_at)


def _by_hour(talk: Talk, text: str, visits: Sequence[VisitView]) -> str | None:
    """The only visit at an hour that the text names: «который в 13»."""
    hours = {int(hour) for hour in _HOUR.findall(text)}
    then = [one for one in visits if one.starts_at.astimezone(wording_at(talk, one.place).zone).hour in hours]
    return str(then[0].id) if len(then) == 1 else None


def _say_full(talk: Talk) -> None:
    """There is no free time at all: a person may find some."""
    talk.say("utter_no_slots", "human_agent")
    talk.offer("human_agent")


def _say_too_late(talk: Talk, visit: VisitView) -> None:
    talk.say("utter_visit_too_late", "human_agent", when=_when(talk, visit))
    talk.offer("human_agent")


def _when(talk: Talk, visit: VisitView) -> str:
    words = wording_at(talk, visit.place)
    return words.text("slot.title", day=words.day(visit.starts_at), time=words.time(visit.starts_at))


def _speaks_of(text: str, service: VisitService) -> bool:
    return any(word.startswith(service.words) for word in text.lower().replace("ё", "е").split())


def _city(place: str) -> str:
    return place.partition(",")[0]


def _unknown_town(text: str) -> str | None:
    """A town that the message names and nobody knows, as it stands there: «на ремонт в Урюпинске»."""
    return next((town for town in _TOWN.findall(text) if not _NO_TOWN.match(town)), None)


def _readable_first(places: Sequence[str], language: str) -> list[str]:
    """Places whose names are in the customer's own letters come first: most likely they are nearer."""
    return sorted(places, key=lambda place: (_CYRILLIC.match(place) is not None) != (language == RUSSIAN))


def _cities(places: Sequence[str], language: str) -> str:
    """The cities of these places in the customer's own letters, or all of them when there are none."""
    own = [place for place in places if (_CYRILLIC.match(place) is not None) == (language == RUSSIAN)]
    return ", ".join(dict.fromkeys(_city(place) for place in own or places))
