# ruff: noqa: E501 -- a table or a pattern is read best in one piece
"""More than one inquiry in one message: «верните деньги и отпишите меня»."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from bot.engine.nlu.model import Prediction
from bot.engine.nlu.morphology import parse
from bot.engine.nlu.text import clean, is_cyrillic, words

_JOINT = re.compile(
    r"(?:[.!?;…]+|\n+)\s+"
    r"|\s*,?\s+(?:а также|а ещё|а еще|и ещё|и еще|также|ещё и|еще и|кроме того|заодно|и заодно|и потом|а потом|и|and also|and then|and|also"
    r"|as well as|additionally|besides|oh and|another thing)\s+"
    # A subordinate clause belongs to what it explains: «вернут ли деньги, если откажусь».
    r"|\s*,\s+(?!(?:если|чтобы|чтоб|пока|потому что|так как|чем|котор\w+|[вн]а? как\w+|if|because|since|while|so that|unless|which)\b)",
    re.IGNORECASE,
)
_MORE = re.compile(  # who says so means a second matter
    r"\b(?:а также|а ещё|а еще|и ещё|и еще|также|ещё и|кроме того|заодно"
    r"|also|as well as|additionally|besides|another thing|oh and)\b",
    re.IGNORECASE,
)
# Words of a question or a wish. Russian verbs say by their form whether they ask («верните», «везёте»).
_ASKING = """
где когда как сколько почему зачем что чё какой какая какие какое каком какую куда откуда кто чем можно ли неужели
скока хочу хачу хочю хотел хотела хотим хотелось бы надо нада нужно нужен нужна нужны прошу пожалуйста пж плиз желаю требую пусть мне
оператор оператора оператору operator agent representative
where when how why what which who please pls plz want need i'd wanna
"""
_ASKING_FIRST = """
can could may do does did is are will would should let help cancel send give tell show return refund change stop
unsubscribe remove delete connect call check update book move reschedule fix repair exchange swap add take put
get make turn switch bring find track reset replace
"""  # English verbs ask at the beginning
_WORDS, _WORDS_FIRST = frozenset(_ASKING.split()), frozenset(_ASKING_FIRST.split())
_FIRST = 3  # words
_SENTENCE = re.compile(r"[.!?;…\n]")
_REASONS = (("reschedule_appointment", "cancel_appointment"), ("delivery_delay", "track_order"))
PARTS_LIMIT = 4
PEOPLE = "human_agent"
TOLD = "complaint"  # is made by telling
_SHORTEST = 2  # words in a part


@dataclass(frozen=True)
class Inquiry:
    """A part of the message that asks one thing."""

    text: str
    start: int
    end: int
    prediction: Prediction


def find_inquiries(
    text: str, predict: Callable[[Sequence[str]], Sequence[Prediction]], talk: Collection[str], least: float
) -> list[Inquiry]:
    """The message's inquiries in order; one, the whole, unless two parts are surely about different things.

    Args:
        text: the message.
        predict: the classifier of some texts.
        talk: intents of mere talk; a greeting or thanks is no inquiry of its own.
        least: probability that a part must reach.
    """
    parts = _parts(text) if len(words(clean(text))) >= 2 * _SHORTEST else []
    second = _MORE.search(text) is not None
    if not second:
        parts = _stories(text, parts)
    whole, *of_parts = predict([text, *(text[start:end] for start, end in parts)])
    single = [Inquiry(text, 0, len(text), whole)]
    sure: list[Inquiry] = []
    for (start, end), found in zip(parts, of_parts, strict=True):
        part = text[start:end]
        if found.rejected or found.intent in talk or found.confidence < least:
            continue
        if sure and sure[-1].prediction.intent == found.intent:
            last = sure[-1]
            sure[-1] = Inquiry(text[last.start : end], last.start, end, last.prediction)
        else:
            sure.append(Inquiry(part, start, end, found))
    asked_for_people = next((i for i in sure if i.prediction.intent == PEOPLE), None)
    if asked_for_people:  # at once; they read the rest themselves
        return [Inquiry(text, 0, len(text), asked_for_people.prediction)]
    sure = [i for i in sure if i.prediction.intent not in _told_by({j.prediction.intent for j in sure})]
    kinds = {i.prediction.intent for i in sure}
    if len(sure) == 1 and whole.intent in _told_by({whole.intent, *kinds}):
        return [Inquiry(text, 0, len(text), sure[0].prediction)]
    # «Пришёл не тот чайник, заберите»: a part that asks nothing only tells the story of the one that does.
    if not second:
        sure = [i for i in sure if i.prediction.intent == TOLD or _asks(i.text)]
    if len({i.prediction.intent for i in sure}) < 2 or len(sure) > PARTS_LIMIT:
        return single
    # Two parts may tell of one thing in two ways: the whole's own answer must not be surer than both.
    if not whole.rejected and whole.confidence > max(i.prediction.confidence for i in sure):
        return single
    return sure


def _stories(text: str, parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts, neighbours that ask nothing as one: «заказывал чайник, пришёл утюг, коробка мятая»."""
    joined: list[tuple[int, int]] = []
    for asks, run in groupby(parts, key=lambda part: _asks(text[slice(*part)])):
        spans = list(run)
        joined += spans if asks else [(spans[0][0], spans[-1][1])]
    return joined if len(joined) > 1 else []


def _asks(part: str) -> bool:
    """Whether a part of a message is a question, a wish or an order, not only a statement."""
    found = words(clean(part))
    if "?" in found or not _WORDS.isdisjoint(found) or not _WORDS_FIRST.isdisjoint(found[:_FIRST]):
        return True
    return any(_orders(word) for word in found if is_cyrillic(word))


def _orders(word: str) -> bool:
    tag = parse(word).tag
    return "impr" in tag or {"VERB", "2per"} in tag


def _told_by(intents: set[str]) -> set[str]:
    """Intents that only tell why another one is asked for: «не смогу прийти, перенесите визит»."""
    return {reason for wish, reason in _REASONS if {wish, reason} <= intents}


def _parts(text: str) -> list[tuple[int, int]]:
    """Places of the parts between joints; a part too short to ask anything joins the one before it."""
    cuts = [0]
    for match in _JOINT.finditer(text):
        cuts += [match.start() if not _SENTENCE.search(match.group()) else match.end(), match.end()]
    cuts.append(len(text))
    spans = [(cuts[i], cuts[i + 1]) for i in range(0, len(cuts) - 1, 2)]
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and len(words(clean(text[start:end]))) < _SHORTEST:
            joined[-1] = (joined[-1][0], end)
        elif end > start:
            joined.append((start, end))
    return joined if 2 <= len(joined) <= 8 else []
