"""How to order."""

from actions.answers import notes_on, paragraphs
from actions.dialogue import Dialogue, Talk
from actions.items import goods_named
from actions.products import spoken_of
from actions.wording import ENGLISH
from crm_bridge.company.catalogue import Good

TOLD = 3  # goods told at once


class PlaceOrder(Dialogue):
    """How to order, and what the goods cost that the customer has in mind."""

    name = "place_order"
    personal = False

    async def tell(self, talk: Talk) -> None:
        rules, language = self.services.company.orders.ordering, talk.turn.language
        goods = (goods_named(self.services.catalogue, talk.task.text) or spoken_of(talk))[:TOLD]
        currency = await self._currency(talk)
        talk.say(
            "utter_place_order",
            "product_advice",
            "delivery_options",
            "payment_methods",
            "human_agent",
            how=paragraphs(
                *(self._line(talk, good, currency) for good in goods),
                rules.how.to(language),
                notes_on(talk, rules.notes),
            ),
        )
        talk.offer("product_advice")

    def _line(self, talk: Talk, good: Good, currency: str) -> str:
        price = talk.words.money(self.services.catalogue.price(good, currency))
        key = "good.there" if good.stock else "good.sold_out"
        return talk.words.text(key, title=good.title.to(talk.turn.language), price=price)

    async def _currency(self, talk: Talk) -> str:
        """That of the customer's last order, else the one that goes with the language."""
        if (customer := talk.caller.proven_customer_id) is not None:
            orders = await self.services.orders.of_customer(customer, 1)
            if orders and orders[0].total.currency in self.services.catalogue.rates:
                return orders[0].total.currency
        return self.services.catalogue.currency["en" if talk.turn.language == ENGLISH else "ru"]
