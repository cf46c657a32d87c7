"""Goods: is it there, what does it cost, what suits."""

import re
from collections.abc import Sequence

from actions.answering import TELLING
from actions.answers import suggest
from actions.comparing import compare, line_of
from actions.dialogue import Dialogue, Option, Talk
from actions.hints import hints
from actions.reading import SURE, ordinal, words_of
from actions.turn import NO_MATCH, Turn
from actions.wording import Wording
from crm_bridge.company.catalogue import Catalogue, Good

ABOUT_GOODS = NO_MATCH | {"product_availability", "product_advice"}
SHOWN = 5
GOODS = "goods"  # the slot: keys of the goods shown last
LEANS = 7  # words of a question that may lean on what was shown
BARE = 3  # words of a message that is a product's name
TELLS = 4  # letters by which a word of a group's title is known
_WORD = re.compile(r"[^\W\d_]+")
FEW = 5  # pieces and fewer are «осталось мало»


class ProductAvailability(Dialogue):
    """Whether something is in stock, and what it costs."""

    name = "product_availability"
    personal = False

    async def tell(self, talk: Talk) -> None:
        catalogue = self.services.catalogue
        if article := self.services.knowledge.answer(talk.task.text, talk.turn.language, TELLING):
            talk.say("utter_knowledge", "human_agent", text=article.text, title=article.title)
            return
        meant = talk.task.text + " " + talk.details.get("product", "")
        found = mentioned(catalogue, meant) or spoken_of(talk)
        if not found and not talk.details.get("product"):
            said = await talk.ask("what", "utter_ask_product", _product, "product_advice", "human_agent")
            found = mentioned(catalogue, said)
        if not found:
            talk.say("utter_product_unknown", "product_advice", "human_agent")
            return
        currency = await currency_of(talk)
        lines = [_stock(talk.words, catalogue, good, currency) for good in found[:SHOWN]]
        buttons = (
            ("place_order", "product_advice") if any(good.stock for good in found) else ("product_advice",)
        )
        talk.slots[GOODS] = [good.key for good in found[:SHOWN]]
        talk.say("utter_availability", *buttons, "human_agent", goods="\n".join(lines))


class ProductAdvice(Dialogue):
    """Shows what there is of a kind and for whom it is right; questions of taste go to people."""

    name = "product_advice"
    personal = False

    async def tell(self, talk: Talk) -> None:
        catalogue, language = self.services.catalogue, talk.turn.language
        found = mentioned(catalogue, talk.task.text + " " + talk.details.get("product", ""))
        currency = await currency_of(talk)
        if not found and (before := _in_mind(talk)):
            if hints("cheaper", talk.task.text):
                self._cheaper(talk, before, currency)
                return
            if hints("asks_price", talk.task.text):
                found = spoken_of(talk)
        if article := self.services.knowledge.answer(talk.task.text, language):
            talk.say("utter_knowledge", "human_agent", text=article.text, title=article.title)
            return
        if compare(talk, found or spoken_of(talk), currency):
            return
        if not found:
            suggest(talk, "group", _group_named(catalogue, talk.task.text))
            group = await talk.choose(
                "group",
                "utter_choose_group",
                [Option(key, title.to(language)) for key, title in catalogue.groups.items()],
                "human_agent",
                read=lambda turn: _group_of(catalogue, turn) or _group_named(catalogue, turn.text),
            )
            found = [good for good in catalogue.goods if good.group == group]
        self._show(talk, "utter_advice", _in_stock_first(found)[:SHOWN], currency)

    def _show(self, talk: Talk, response: str, goods: Sequence[Good], currency: str) -> None:
        """Name them, and keep in mind which they were."""
        catalogue = self.services.catalogue
        talk.slots[GOODS] = [good.key for good in goods]
        lines = [line_of(talk.words, catalogue, good, currency) for good in goods]
        talk.say(response, "place_order", "product_advice", "human_agent", goods="\n".join(lines))

    def _cheaper(self, talk: Talk, before: Sequence[Good], currency: str) -> None:
        """«А подешевле?»: of the same kind, the cheapest first."""
        least = min(good.price for good in before)
        alike = [good for good in self.services.catalogue.goods if good.group == before[0].group]
        cheaper = sorted((one for one in alike if one.price < least), key=lambda one: one.price)
        if cheaper:
            self._show(talk, "utter_advice_cheaper", cheaper[:SHOWN], currency)
            return
        cheapest = min(before, key=lambda one: one.price)
        self._show(talk, "utter_advice_cheapest", [cheapest], currency)


def _in_mind(talk: Talk) -> list[Good]:
    """The goods that were shown last."""
    keys = talk.turn.slots.get(GOODS) or ()
    return [good for good in talk.services.catalogue.goods if good.key in keys]


def spoken_of(talk: Talk) -> list[Good]:
    """What «он» or «второй» means after goods were shown; a message that names another product means that."""
    shown = sorted(_in_mind(talk), key=lambda one: talk.turn.slots[GOODS].index(one.key))
    if talk.details.get("product") or len(talk.task.text.split()) > LEANS:
        return []
    place = ordinal(talk.task.text, len(shown))
    return shown if place is None else [shown[place]]


async def currency_of(talk: Talk) -> str:
    """The currency that the customer buys in."""
    customer_id = talk.caller.proven_customer_id
    orders = await talk.services.orders.of_customer(customer_id) if customer_id is not None else []
    return orders[0].total.currency if orders else talk.services.catalogue.currency[talk.turn.language]


def _product(turn: Turn) -> str | None:
    """What the customer calls it; a message that surely is about another matter names no product."""
    aside = turn.intent not in ABOUT_GOODS and turn.sureness >= SURE
    return None if aside else words_of(3)(turn)


def mentioned(catalogue: Catalogue, text: str) -> list[Good]:
    """The goods that a text speaks of; of «колонка и наушники» both."""
    plain = text.lower().replace("ё", "е")
    words = plain.split()
    return [
        good
        for good in catalogue.goods
        if any(
            stem in plain
            if " " in stem or "-" in stem
            else any(word.strip("«\"'(").startswith(stem) for word in words)
            for stem in (one.replace("ё", "е") for one in good.words)
        )
    ]


def names_only_goods(catalogue: Catalogue, text: str) -> bool:
    """Whether a message is hardly more than the name of something sold: «кофемашину»."""
    return len(text.split()) <= BARE and bool(mentioned(catalogue, text))


def _group_named(catalogue: Catalogue, text: str) -> str | None:
    """The group of which a text has a telling word: «для кухни»."""
    words = [word for word in _WORD.findall(text.lower()) if len(word) >= TELLS]
    fitting = [
        key
        for key, title in catalogue.groups.items()
        if any(
            word[:TELLS] == part[:TELLS]
            for word in words
            for part in _WORD.findall(f"{title.ru} {title.en}".lower())
            if len(part) >= TELLS
        )
    ]
    return fitting[0] if len(fitting) == 1 else None


def _group_of(catalogue: Catalogue, turn: Turn) -> str | None:
    return next((good.group for good in mentioned(catalogue, turn.text)), None)


def _stock(words: Wording, catalogue: Catalogue, good: Good, currency: str) -> str:
    if good.stock > FEW:
        state = words.text("stock.there")
    elif good.stock:
        state = words.text("stock.few", pieces=words.count("pieces", good.stock))
    elif good.restock_days:
        state = words.text("stock.later", days=words.count("days", good.restock_days))
    else:
        state = words.text("stock.none")
    price = words.money(catalogue.price(good, currency))
    return words.text("stock.line", title=good.title.to(words.language), price=price, state=state)


def _in_stock_first(goods: Sequence[Good]) -> list[Good]:
    return sorted(goods, key=lambda good: not good.stock)
