"""What a short message means where it stands: «отмените» after a visit was booked, «а в Питер?»."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actions.phrases import phrases
from actions.products import mentioned
from actions.rating import KEPT, SERVED
from actions.towns import preposed_town
from actions.turn import Turn
from actions.wording import HERE
from core import yml
from crm_bridge.company.catalogue import Catalogue
from crm_bridge.company.words import speaks_of

LONGEST = 5  # words; a longer message says itself what it is about
LAST, KINDS = "last", "kinds"  # in the slot: the dialogue served last, and the entities that it asks for
SAYS_MORE = 2  # words of a «нет» that says what is wanted instead
GOODS = frozenset({"product_availability", "product_advice", "place_order"})
CITIES = frozenset({"delivery_options", "delivery_period", "store_info"})
_GOES_ON = re.compile(r"\s*(?:а|и|and|what about|how about)\s+(?:в|во|to|in|for)\s", re.IGNORECASE)
_RATHER = re.compile(  # «ой, по заказу 1008», "sorry, I meant order 1008": nothing but another number
    r"\W*(?:ой|нет|точнее|вернее|простите|извините|oops|no|sorry)\b[\s,.!]*"
    r"(?:(?:нет|no|i mean[t]?|имел[аи]? в виду|я|мне)\b[\s,.!]*)*"
    r"(?:(?:по|за|для|к|for|of|the|my)\s+)*(?:(?:заказ\w*|номер\w*|order|number|№|#)\s*)*\d+\W*",
    re.IGNORECASE,
)
_Lines = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A line of the catalogue."""

    means: str
    after: frozenset[str] = frozenset()  # empty: whatever was served last
    heard: frozenset[str] = frozenset()
    says: _Lines = ()
    unless: _Lines = ()
    words: int = LONGEST  # at most

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> "FollowUp":
        says, unless = (tuple(map(tuple, line.get(name, ()))) for name in ("says", "unless"))
        words = line.get("words", LONGEST)
        after, heard = (frozenset(line.get(name, ())) for name in ("after", "heard"))
        return cls(line["means"], after, heard, says, unless, words)

    def suits(self, last: str, turn: Turn) -> bool:
        if len(turn.text.split()) > self.words:
            return False
        if (self.after and last not in self.after) or (self.heard and turn.intent not in self.heard):
            return False
        says = not self.says or speaks_of(turn.text, self.says)
        return says and not speaks_of(turn.text, self.unless)


def follow_up(turn: Turn) -> str | None:
    """The dialogue that a short message goes on with; None: it is what it was understood as."""
    if not turn.ranking:  # a button says itself what it means
        return None
    last = last_served(turn)
    return next((line.means for line in _LINES if line.suits(last, turn)), None)


def same_again(turn: Turn) -> tuple[str, dict[str, str]] | None:
    """The dialogue served last and what it is asked for now: «а в Питер?», «а 1008?»; None: it is none."""
    last, kinds = last_served(turn), (turn.slots.get(SERVED) or {}).get(KINDS) or ()
    if not last or len(turn.text.split()) > LONGEST:
        return None
    named = {kind: turn.entities[kind] for kind in kinds if kind in turn.entities}
    if not named and last in CITIES and (town := preposed_town(turn.text)):
        named = {"city": town}
    kept: dict[str, str] = (turn.slots.get(SERVED) or {}).get(KEPT) or {}
    return (last, {**kept, **named}) if named else None


def goes_on(turn: Turn) -> tuple[str, dict[str, str]] | None:
    """The same for what begins like going on, whatever it was understood as: «а в Питер?»."""
    leans = _GOES_ON.match(turn.text) or _RATHER.fullmatch(turn.text)
    return same_again(turn) if turn.ranking and leans else None


def corrected(turn: Turn, catalogue: Catalogue) -> tuple[str, dict[str, str]] | None:
    """What «нет» with something after it wants after a matter: another order, number, city, product."""
    if turn.form or len(turn.text.split()) < SAYS_MORE:
        return None
    kinds = (turn.slots.get(SERVED) or {}).get(KINDS) or ()
    if phrases.correction(turn.text) == "order" and "order_id" in kinds:
        return last_served(turn), {}
    if last_served(turn) in GOODS and mentioned(catalogue, turn.text):
        return "product_availability", {}
    return same_again(turn)


def last_served(turn: Turn) -> str:
    """The dialogue that was served last; empty when there was none."""
    return str((turn.slots.get(SERVED) or {}).get(LAST) or "")


_LINES = [FollowUp.of(line) for line in yml.parse((HERE / "follow_ups.yml").read_text(encoding="utf-8"))]
