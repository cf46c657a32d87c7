"""Choosing a free time: the wish is understood, up to five slots near it are offered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from actions.dialogue import YES, Option, Talk
from actions.reading import pick, yes_or_no
from actions.turn import Turn
from actions.visit_words import wording_at
from actions.wishes import Wish, offers
from actions.wording import Wording
from crm_bridge.visits import SlotView

SLOT = "slot"  # the question
WISH, OFFERED = "wish", "offered"  # facts: when the customer wants to come, and the slots last shown
MORE = "more"  # the answer «другое время»
WISHED = "@"  # begins an answer that is a wish and no slot


@dataclass(frozen=True, slots=True)
class Room:
    """Where a free time is looked for. `taken_at`: the customer's visit now, which is no alternative."""

    services: Sequence[str]
    place: str
    taken_at: datetime | None = None


async def choose_slot(talk: Talk, room: Room) -> SlotView | None:
    """The chosen slot; None when there is no free time at all."""
    if WISH not in talk.task.facts:
        talk.known(WISH, Wish.of(talk.details).as_fact())
        talk.known(OFFERED, {})
        await _look(talk, room)
    shown = await _shown(talk)
    if not shown:
        return None
    free = await _free(talk, room)
    words = wording_at(talk, room.place)
    answer = await talk.ask(
        SLOT,
        _question(talk),
        lambda turn: _read(turn, free, shown, _wish(talk), words) or _agreed(talk, turn),
        *_options(talk, words, shown),
        "human_agent",
        place=room.place,
        only=_only(talk, words, shown),
    )
    if answer == MORE or answer.startswith(WISHED):
        wish = Wish(after=max(slot.starts_at for slot in shown).isoformat())
        if answer != MORE:
            wish = _wish(talk).changed_by(Wish(**json.loads(answer[len(WISHED) :])))
        talk.task.facts[WISH] = wish.as_fact()
        await offer_again(talk, room)
    return next(iter(await talk.services.visits.slots([int(answer)])), None)


async def offer_again(talk: Talk, room: Room, response: str | None = None) -> NoReturn:
    """Show what is free now and ask once more.

    Args:
        response: why it is asked again; None: other times were wanted.
    """
    await _look(talk, room)
    shown = await _shown(talk)
    words = wording_at(talk, room.place)
    talk.wrong(
        SLOT,
        response or _question(talk),
        *_options(talk, words, shown),
        "human_agent",
        place=room.place,
        only=_only(talk, words, shown),
    )


async def _shown(talk: Talk) -> list[SlotView]:
    """What was offered; the one that is as wished comes first, since it is asked about."""
    offered = talk.task.facts[OFFERED]
    slots = await talk.services.visits.slots(offered["ids"])
    return sorted(slots, key=lambda slot: str(slot.id) != offered["only"])


def slot_title(words: Wording, slot: SlotView) -> str:
    """«завтра, 13:00»"""
    return words.text("slot.title", day=words.day(slot.starts_at), time=words.time(slot.starts_at))


async def _look(talk: Talk, room: Room) -> None:
    """Note the slots to offer: what was offered stays an answer, even when it has filled up meanwhile."""
    free, wish = await _free(talk, room), _wish(talk)
    zone = wording_at(talk, room.place).zone
    shown = offers(free, wish, zone)
    fitting = [slot for slot in free if wish and wish.fits(slot, zone)]
    talk.task.facts[OFFERED] = {
        "ids": [slot.id for slot in shown],
        "more": len(free) > len(shown),
        "fits": len(fitting) if wish else len(shown),
        "only": str(fitting[0].id) if len(fitting) == 1 else None,
    }


def _question(talk: Talk) -> str:
    offered = talk.task.facts[OFFERED]
    if offered["only"]:
        return "utter_choose_slot_only"
    return "utter_choose_slot" if offered["fits"] else "utter_choose_slot_near"


def _only(talk: Talk, words: Wording, shown: Sequence[SlotView]) -> str:
    """The one slot that is as wished, in words; empty when there is none or are several."""
    only = talk.task.facts[OFFERED]["only"]
    return next((slot_title(words, slot) for slot in shown if str(slot.id) == only), "")


def _wish(talk: Talk) -> Wish:
    return Wish(**talk.task.facts[WISH])


async def _free(talk: Talk, room: Room) -> list[SlotView]:
    services = talk.services
    since = services.clock.now() + services.company.visits.lead
    free = await services.visits.free(room.services, since, room.place)
    return [slot for slot in free if slot.starts_at != room.taken_at]


def _options(talk: Talk, words: Wording, shown: Sequence[SlotView]) -> list[Option]:
    options = [Option(str(slot.id), slot_title(words, slot)) for slot in shown]
    if talk.task.facts[OFFERED]["more"]:
        options.append(Option(MORE, words.text("button.other_times")))
    return options


def _read(
    turn: Turn, free: Sequence[SlotView], shown: Sequence[SlotView], wish: Wish, words: Wording
) -> str | None:
    """A slot, or a wish for other ones."""
    if named := Wish.of(turn.entities):
        wanted = wish.changed_by(named)
        fitting = [slot for slot in free if wanted.fits(slot, words.zone)]
        if len(fitting) == 1 and named.hours:
            return str(fitting[0].id)
        return WISHED + json.dumps(named.as_fact())
    titles = [(str(slot.id), slot_title(words, slot)) for slot in shown]
    return pick(turn.text, [*titles, (MORE, words.text("button.other_times"))])


def _agreed(talk: Talk, turn: Turn) -> str | None:
    """A yes means the one slot that is as wished."""
    only: str | None = talk.task.facts[OFFERED]["only"]
    return only if yes_or_no(turn) == YES else None
