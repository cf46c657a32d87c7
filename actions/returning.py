"""What all matters of returned, wrong and broken goods ask for."""

from collections.abc import Sequence
from dataclasses import replace

from actions.answers import suggest
from actions.dialogue import Option, Talk
from actions.hints import hints
from actions.items import choose_item, item_title, quantity_of
from actions.turn import NO_MATCH, Turn
from crm_bridge.company.returns import HandOver
from crm_bridge.money import Money
from crm_bridge.orders import ItemView, OrderView
from crm_bridge.tickets import TicketView

ALL, SKIP = "all", "skip"
PHOTO = "photo"  # the question
SENT = "sent"
TELLING = 2  # words that tell more of what happened

Pieces = dict[str, int]  # id of a line of an order: how many pieces of it (JSON has text for keys)


async def returnable(talk: Talk, order: OrderView) -> list[ItemView]:
    """What is not on its way back yet."""
    gone = await talk.services.tickets.returning(talk.customer_id, order.id)
    left = [replace(item, quantity=item.quantity - gone.get(item.id, 0)) for item in order.items]
    return [item for item in left if item.quantity > 0]


async def choose_pieces(talk: Talk, items: Sequence[ItemView], response: str, suffix: str = "") -> Pieces:
    """Which goods, and how many of them.

    Args:
        suffix: of the questions' names, when they are asked once more for further goods.
    """
    if not talk.has(f"pieces{suffix}"):
        talk.known(f"pieces{suffix}", await _chosen(talk, items, response, suffix))
    chosen: Pieces = talk.task.facts[f"pieces{suffix}"]
    return chosen


async def _chosen(talk: Talk, items: Sequence[ItemView], response: str, suffix: str) -> Pieces:
    more = [Option(ALL, talk.words.text("item.all"))] if len(items) > 1 and not suffix else []
    chosen = await choose_item(talk, f"item{suffix}", response, items, *more)
    if chosen == ALL:
        return {str(item.id): item.quantity for item in items}
    item = next((item for item in items if str(item.id) == chosen), None)
    if item is None:  # it went back meanwhile
        talk.wrong(f"item{suffix}", response, *(Option(str(one.id), one.title) for one in items))
    if item.quantity == 1:
        return {chosen: 1}
    named = quantity_of(talk.details.get("quantity"))
    suggest(talk, f"count{suffix}", str(named) if named and named <= item.quantity else None)

    def read(turn: Turn) -> str | None:
        found = quantity_of(turn.entities.get("quantity")) or quantity_of(turn.text.strip())
        return str(found) if found and found <= item.quantity else None

    options = [Option(str(n), str(n)) for n in range(1, min(item.quantity, 5) + 1)]
    count = await talk.ask(
        f"count{suffix}", "utter_return_how_many", read, *options, title=item.title, n=str(item.quantity)
    )
    return {chosen: int(count)}


def describe(talk: Talk, order: OrderView, pieces: Pieces) -> str:
    """The goods in one line."""
    titles = {str(item.id): item.title for item in order.items}
    return ", ".join(item_title(talk.words, titles[id_], count) for id_, count in pieces.items())


def by_line(pieces: Pieces) -> dict[int, int]:
    """The same, as the bridge takes it."""
    return {int(id_): count for id_, count in pieces.items()}


def worth(order: OrderView, pieces: Pieces) -> Money:
    """What was paid for these goods."""
    prices = {str(item.id): item.price.minor for item in order.items}
    return Money(sum(prices[id_] * count for id_, count in pieces.items()), order.total.currency)


async def ask_for_photo(talk: Talk) -> None:
    """Pictures, if the customer can send some; the matter goes on without. Words belong to the story."""
    own = NO_MATCH | {talk.task.dialogue, "technical_problem", "damaged_or_wrong_item"}

    def read(turn: Turn) -> str | None:
        if turn.intent == "deny" or hints("without_photo", turn.text):
            return SKIP
        told = turn.intent in own and "?" not in turn.text and len(turn.text.split()) >= TELLING
        if told:
            talk.task.facts["story"] = f"{talk.task.facts.get('story', '')}\n{turn.text}".strip()
        return SKIP if told else None

    if talk.files:
        talk.known(PHOTO, SENT)
    await talk.ask(PHOTO, "utter_ask_photo", read, Option(SKIP, talk.words.text("button.no_photo")))


async def choose_way(talk: Talk, ways: Sequence[HandOver]) -> HandOver:
    """How the goods get back."""
    keys = {way.key: way for way in ways}
    if talk.task.early.get("way") not in keys:
        talk.task.early.pop("way", None)
    suggest(talk, "way", next(iter(keys)) if len(keys) == 1 else None)
    options = [Option(way.key, way.title.to(talk.turn.language)) for way in ways]

    def read(turn: Turn) -> str | None:
        found = hints("hand_over", turn.text)
        return found if found in keys else None

    return keys[await talk.choose("way", "utter_return_which_way", options, read=read)]


async def already_open(talk: Talk, subject: str, order_number: str | None = None) -> TicketView | None:
    """The case about the very same matter that people see to already."""
    found = await talk.services.tickets.unsolved(talk.customer_id, order_number)
    return next((ticket for ticket in found if ticket.subject == subject), None)


def say_open(talk: Talk, ticket: TicketView) -> None:
    """Name the case instead of opening another one."""
    due = talk.words.by(ticket.due_at) if ticket.due_at else talk.words.text("case.soon")
    talk.say("utter_case_is_open", "human_agent", case=ticket.number, due=due)
