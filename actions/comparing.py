"""«Какой из них тише?»: what the catalogue says of a property, and the truth where it says nothing."""

from collections.abc import Sequence

from actions.dialogue import Talk
from actions.hints import hints
from actions.wording import Wording
from crm_bridge.company.catalogue import Catalogue, Good

ALL = "all"  # «чем они отличаются?»: no property is named


def compare(talk: Talk, goods: Sequence[Good], currency: str) -> bool:
    """Answer a question about a property of these goods; False when the message asks about none."""
    asked = hints("compare", talk.task.text)
    if asked is None or not goods or (asked == ALL and len(goods) == 1):
        return False
    told = [good for good in goods if asked in (ALL, hints("described", good.good_for.en))]
    rest = [good for good in goods if good not in told]
    buttons = ("place_order", "human_agent")
    lines = [line_of(talk.words, talk.services.catalogue, good, currency) for good in told or rest]
    if asked == ALL:
        talk.say("utter_compare", *buttons, goods="\n".join(lines))
    elif told:
        titles = ", ".join(good.title.to(talk.words.language) for good in rest)
        silent = [talk.words.text("compare.rest", goods=titles)] if rest else []
        talk.say("utter_compare_known", *buttons, goods="\n".join([*lines, *silent]))
    else:
        about = talk.words.text(f"compare.{asked}")
        talk.say("utter_compare_unknown", *buttons, about=about, goods="\n".join(lines))
        talk.offer("human_agent")
    return True


def line_of(words: Wording, catalogue: Catalogue, good: Good, currency: str) -> str:
    """A good with its price and what speaks for it."""
    price = words.money(catalogue.price(good, currency))
    title, why = good.title.to(words.language), good.good_for.to(words.language)
    line = words.text("advice.line", title=title, price=price, why=why)
    return line if good.stock else f"{line} {words.text('advice.sold_out')}"
