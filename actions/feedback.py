"""Complaints, praise, reviews, and how the help is rated."""

import re

from actions.dialogue import Dialogue, Option, Talk
from actions.filing import file_case
from actions.hints import hints
from actions.reading import pick, words_of
from actions.turn import Turn
from actions.urgency import is_upset
from crm_bridge.models import OrderState, TicketKind, TicketPriority
from crm_bridge.orders import OrderView

STARS = ("1", "2", "3", "4", "5")
BAD, GOOD = 2, 4  # stars: so many and fewer, so many and more
TELLING = 3  # words that tell what happened; «хочу пожаловаться на курьера» names only whom
_NAMES_ONLY = re.compile(
    r"(?:хоч|хот|пожал|жал|претенз|недовол|оставит|подат|ваш|complain|want|like|file|would|about|your|happy)\w*"
    r"|на|у|мне|меня|есть|make|have|a|an|the|i|to|my|am|not"
)
_ANEW = re.compile(
    r"\W*(?:ой|нет|вернее|точнее|лучше|простите|извините|oops|no|sorry|actually|rather|i meant?)\b"
    r".*(?:зв[её]зд|stars?\b)",
    re.IGNORECASE,
)
SHORT = 6  # words of a message that only gives other stars
SKIP, SHOP = "skip", "shop"
SUBJECT = 120
ORDERS = 4


class Complaint(Dialogue):
    """Becomes a case with a deadline; a person takes over at once when the customer is upset."""

    name = "complaint"
    personal = False

    async def tell(self, talk: Talk) -> None:
        tells = _tells(talk.task.text)
        upset = talk.known("upset", tells and is_upset(self.services, talk.turn))
        if talk.caller.proven_customer_id is None:
            talk.hand_over("utter_handoff_complaint", "complaint", urgent=upset)
        story = talk.task.text
        if not tells:
            story = await talk.ask("story", "utter_ask_complaint", words_of(3), "human_agent")
            upset = talk.known("upset_now", is_upset(self.services, talk.turn))
        values = await file_case(
            talk,
            TicketKind.COMPLAINT,
            story[:SUBJECT],
            story,
            priority=TicketPriority.HIGH if upset else TicketPriority.NORMAL,
            order_number=talk.details.get("order_id") or talk.turn.slots.get("order_id"),
        )
        if upset:
            talk.hand_over("utter_complaint_person", "complaint", urgent=True, **values)
        talk.say("utter_complaint_case", "human_agent", **values)


class Praise(Dialogue):
    """Thanks, and offers to keep the kind words as a review."""

    name = "praise"
    personal = False

    async def tell(self, talk: Talk) -> None:
        talk.say("utter_praise", "leave_review")
        talk.offer("leave_review")


class LeaveReview(Dialogue):
    """Stars, words and whether they may be published; a bad review offers help besides."""

    name = "leave_review"
    kin = frozenset({"praise", "complaint"})

    async def tell(self, talk: Talk) -> None:
        about = await self._about(talk)
        if not talk.has("text") and _corrects_stars(talk.turn):
            talk.restate("stars")
        stars = await ask_stars(talk, "utter_ask_stars")
        text = await talk.ask(
            "text", "utter_ask_review", words_of(3), Option(SKIP, talk.words.text("button.no_words"))
        )
        may_publish = await talk.confirm(
            "publish", "utter_ask_publish", yes="button.publish", no="button.keep_private"
        )
        subject = about.items[0].title if about else self.services.company.name
        await talk.do(
            "review",
            lambda key: self.services.feedback.review(
                key,
                talk.customer_id,
                subject,
                int(stars),
                "" if text == SKIP else text,
                may_publish,
                about.number if about else None,
            ),
        )
        if int(stars) <= BAD:
            talk.say("utter_review_sorry", "complaint", "human_agent")
            talk.offer("complaint")
        else:
            talk.say("utter_review_published" if may_publish else "utter_review_kept")

    async def _about(self, talk: Talk) -> OrderView | None:
        """The delivered order that the review is about; None for the shop as a whole."""
        orders = await self.services.orders.of_customer(talk.customer_id)
        delivered = [one for one in orders if one.state is OrderState.DELIVERED][:ORDERS]
        if not delivered:
            return None
        named = talk.details.get("order_id")
        if named in {one.number for one in delivered}:
            talk.known("about", named)
        options = [Option(one.number, one.items[0].title) for one in delivered if one.items]
        key = await talk.choose(
            "about", "utter_ask_review_about", [*options, Option(SHOP, talk.words.text("button.shop"))]
        )
        return next((one for one in delivered if one.number == key), None)


class RateService(Dialogue):
    """How the help was, 1 to 5, with a comment for those who want; begun by a button alone."""

    name = "rate_service"
    kin = frozenset({"praise", "complaint"})
    personal = False

    async def tell(self, talk: Talk) -> None:
        score = await ask_stars(talk, "utter_ask_rating")
        bad = int(score) <= BAD
        feedback, conversation = self.services.feedback, talk.turn.conversation_id
        customer = talk.caller.proven_customer_id
        rated = await talk.do(
            "rating", lambda key: feedback.rating(key, conversation, customer, int(score))
        )  # at once: many say no more than this
        comment = await talk.ask(
            "comment",
            "utter_ask_what_was_bad" if bad else "utter_ask_comment",
            words_of(2),
            Option(SKIP, talk.words.text("button.no_words")),
        )
        if comment != SKIP:
            await talk.do(
                "words", lambda key: feedback.comment(key, conversation, customer, rated["id"], comment)
            )
        if bad:
            talk.say("utter_rating_sorry", "human_agent")
            talk.offer("human_agent")
        else:
            talk.say("utter_rating_thanks")


def _tells(text: str) -> bool:
    """Whether a complaint says what happened, and not only that there is one."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return sum(not _NAMES_ONLY.fullmatch(word) for word in words) >= TELLING


def _corrects_stars(turn: Turn) -> bool:
    """«Ой, нет, четыре звезды», when words were asked for; a review of its own is longer."""
    short = len(turn.text.split()) <= SHORT
    return short and _ANEW.match(turn.text) is not None and _read_stars(turn) is not None


def _read_stars(turn: Turn) -> str | None:
    if (rated := turn.entities.get("rating")) in STARS:
        return rated
    return hints("stars", turn.text) or pick(turn.text, [(star, star) for star in STARS])


async def ask_stars(talk: Talk, response: str) -> str:
    """One to five, as a digit."""
    if not talk.reopened("stars") and (given := talk.details.get("rating")) in STARS:
        talk.known("stars", given)
    options = [Option(star, talk.words.text("button.stars", stars="★" * int(star))) for star in STARS]
    return await talk.ask("stars", response, _read_stars, *options)
