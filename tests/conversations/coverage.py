"""Which kinds of conversations there are for which topic, in which language: `make coverage`.

A topic is that of the first message; a kind is told by the story. Where a kind makes no sense, it says why.
"""

import sys
from collections import Counter
from typing import get_args

from tests.conversations.stories import ANSWER, Kind, stories

KINDS: tuple[Kind, ...] = get_args(Kind)
LANGUAGES = ("ru", "en")
TOPICS = {
    "orders": (
        "track_order", "list_orders", "delivery_delay", "change_order", "cancel_order", "cancellation_fee",
        "place_order",
    ),
    "products": ("product_availability", "product_advice"),
    "delivery": ("delivery_options", "delivery_period", "change_delivery_address"),
    "returns": ("return_item", "track_refund", "refund_policy", "damaged_or_wrong_item", "warranty_repair"),
    "payment": ("payment_methods", "payment_issue", "get_invoice", "promo_code"),
    "loyalty": ("loyalty_points",),
    "account": ("registration_problem", "recover_password", "edit_profile", "personal_data_request"),
    "subscription": ("manage_subscription", "cancel_subscription"),
    "messages": ("notifications_opt_out", "notifications_opt_in"),
    "visits": ("book_appointment", "confirm_appointment", "reschedule_appointment", "cancel_appointment"),
    "technical": ("technical_problem",),
    "company": ("store_info",),
    "feedback": ("complaint", "praise", "leave_review"),
    "people": ("human_agent",),
}  # fmt: skip
SENSELESS = {  # topic and kind: why there is no such conversation
    ("products", "unverified"): "anybody may ask what is sold",
    ("company", "unverified"): "anybody may ask where the stores are",
    ("loyalty", "correction"): "nothing is chosen",
    ("loyalty", "missing"): "nothing is asked for",
    ("people", "unverified"): "anybody may ask for a person",
    ("people", "interruption"): "nothing is asked",
    ("people", "correction"): "nothing is asked",
    ("people", "cancellation"): "nothing is asked",
    ("people", "missing"): "nothing is asked",
}
_TOPIC_OF = {intent: topic for topic, intents in TOPICS.items() for intent in intents}

Cell = tuple[str, str, str]


def covered() -> Counter[Cell]:
    """How many conversations there are of each topic, kind and language."""
    found: Counter[Cell] = Counter()
    for story in stories():
        said = (turn.intent for turn in story.turns())
        first = next((intent for intent in said if intent in _TOPIC_OF), ANSWER)
        if topic := _TOPIC_OF.get(first or ""):
            found[topic, story.kind, story.metadata.language] += 1
    return found


def empty() -> list[Cell]:
    """Cells that should hold a conversation and hold none."""
    found = covered()
    return [
        (topic, kind, language)
        for topic in TOPICS
        for kind in KINDS
        for language in LANGUAGES
        if (topic, kind) not in SENSELESS and not found[topic, kind, language]
    ]


def table() -> str:
    """A line a topic; in each cell the conversations in Russian and in English."""
    found = covered()
    lines = [" ".join([f"{'':<13}", *(f"{kind:>12}" for kind in KINDS)])]
    for topic in TOPICS:
        cells = []
        for kind in KINDS:
            ru, en = (found[topic, kind, language] for language in LANGUAGES)
            cells.append(f"{'–' if (topic, kind) in SENSELESS else f'{ru} + {en}':>12}")
        lines.append(" ".join([f"{topic:<13}", *cells]))
    count = sum(1 for _ in stories())
    return "\n".join([*lines, f"{count} conversations; each cell: Russian + English"])


def main() -> None:
    print(table())
    for cell in empty():
        print("none:", *cell)
    sys.exit(1 if empty() else 0)


if __name__ == "__main__":
    main()
