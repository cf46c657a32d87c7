"""Promo codes: what a code gives, or exactly why it does not work."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from actions.dialogue import Dialogue, Talk
from actions.hints import hints
from actions.say import Button
from actions.turn import Turn
from crm_bridge.company.promotions import Promotion, PromotionRules
from crm_bridge.money import Money
from crm_bridge.promotions import Buyer, Obstacle, find, obstacle, similar

SHORTEST_CODE = 4  # characters
NOTES = 2  # answers in one message
_AROUND = " .,!?:«»\"'()"  # may stand around a code
CODE = "promo_code"
_ONE_WORD = re.compile(r"[\w-]{3,20}")
_LIKE_A_CODE = re.compile(r"(?=.*[A-ZА-ЯЁ])(?=.*\d)[A-ZА-ЯЁ\d-]{4,20}")
_BEFORE_IT = re.compile(  # «ой, вот: WELCOME10», "oops, the code is WELCOME10"
    r"\W*(?:(?:ой|ох|ага|а|нет|точнее|вернее|простите|извините|то|есть|вот|это|он|такой|мой|код|промокод"
    r"|oops|ah|no|wait|sorry|i|mean|meant|it|s|is|this|here|the|my|promo|code)\b\W*)+",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"(\d+) ([A-Z]{3})")


class PromoCode(Dialogue):
    """Says what a code gives or why it fails; without a code, which there are and where to enter them."""

    name = "promo_code"
    personal = False

    async def tell(self, talk: Talk) -> None:
        rules, language = self.services.company.promotions, talk.words.language
        if code := talk.details.get(CODE) or _written_code(rules, talk.task.text):
            talk.known("code", code)
        if not talk.has("code"):
            notes = [note.text.to(language) for note in rules.notes if note.suits(talk.task.text)][:NOTES]
            kind = hints("promo_code", talk.task.text)
            if notes or kind != "fails":
                self._tell_codes(talk, [*notes, rules.where.to(language)] if kind == "where" else notes)
                return

        def read(turn: Turn) -> str | None:
            return _read_code(rules, turn)

        code = await talk.ask("code", "utter_promo_which", read, "human_agent", entity=CODE)
        await self._check(talk, code)

    def _tell_codes(self, talk: Talk, answers: list[str]) -> None:
        """Answers, then the public codes that work today."""
        today = self._today()
        codes = [
            one
            for one in self.services.company.promotions.codes
            if one.public and obstacle(one, today, None, None) is None
        ]
        told = "\n".join(f"• {one.code}: {_gives(talk, one)}" for one in codes)
        values = {"codes": told or talk.words.text("promo.none")}
        buttons = [_try(one) for one in codes]
        if answers:
            talk.say("utter_promo_answer", *buttons, "human_agent", answer="\n".join(answers), **values)
        else:
            talk.say("utter_promo_codes", *buttons, "human_agent", **values)

    async def _check(self, talk: Talk, code: str) -> None:
        rules = self.services.company.promotions
        promotion = find(rules, code)
        if promotion is None:
            meant = similar(rules, code)
            buttons = [_try(meant)] if meant else [Button(talk.words.text("button.promo.list"), self.name)]
            response = "utter_promo_similar" if meant else "utter_promo_unknown"
            values = {"meant": meant.code} if meant else {}
            talk.say(response, *buttons, "human_agent", code=code, **values)
            return
        buyer = await self._buyer(talk)
        amount = _amount(talk.details.get("amount"))
        why = obstacle(promotion, self._today(), buyer, amount)
        if why:
            self._say_why(talk, promotion, why)
            return
        conditions = _conditions(talk, promotion, buyer)
        where = rules.where.to(talk.words.language)
        talk.say(
            "utter_promo_works",
            "place_order",
            "human_agent",
            code=promotion.code,
            gives=promotion.gives.to(talk.words.language),
            conditions=f"{conditions} {where}".strip(),
        )

    def _say_why(self, talk: Talk, promotion: Promotion, why: Obstacle) -> None:
        starts, ends = promotion.starts, promotion.ends
        reason = talk.words.text(
            f"promo.{why}",
            starts=talk.words.until(self._moment(starts)) if starts else "",
            ends=talk.words.until(self._moment(ends)) if ends else "",
            minimum=_minimum(talk, promotion),
        )
        others = Button(talk.words.text("button.promo.list"), self.name)
        talk.say("utter_promo_fails", others, "human_agent", code=promotion.code, reason=reason)

    async def _buyer(self, talk: Talk) -> Buyer | None:
        known = talk.caller.proven_customer_id
        return None if known is None else await self.services.dealings.buyers.read(known)

    def _today(self) -> date:
        return self.services.clock.now().astimezone(self._zone()).date()

    def _moment(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, 12, tzinfo=self._zone())

    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.services.company.cases.hours.time_zone)


def names_only_code(rules: PromotionRules, text: str, *, any_code: bool = False) -> bool:
    """Whether a message is a code of ours and nothing else: «ой, WELCOME10».

    Args:
        any_code: what merely looks like a code counts too, since codes are spoken about.
    """
    word = _without_stumble(text)
    return " " not in word and (any_code or _is_ours(rules, word)) and _written_code(rules, word) is not None


def _read_code(rules: PromotionRules, turn: Turn) -> str | None:
    if named := turn.entities.get(CODE) or _written_code(rules, turn.text):
        return named
    word = _without_stumble(turn.text)
    return (
        word if _ONE_WORD.fullmatch(word) and turn.intent not in ("deny", "affirm", "human_agent") else None
    )


def _without_stumble(text: str) -> str:
    """What is left without «ой, вот» before it; all of it when there is nothing else."""
    before = _BEFORE_IT.match(text)
    return (text[before.end() :] if before else text).strip(_AROUND) or text.strip(_AROUND)


def _written_code(rules: PromotionRules, text: str) -> str | None:
    """A code of ours in a message, or something that looks like a code: «не применяется SPRING15»."""
    words = [word.strip(_AROUND) for word in text.split()]
    known = (word for word in words if _is_ours(rules, word))
    return next(known, None) or next((word for word in words if _LIKE_A_CODE.fullmatch(word)), None)


def _is_ours(rules: PromotionRules, word: str) -> bool:
    return len(word) >= SHORTEST_CODE and find(rules, word) is not None


def _try(promotion: Promotion) -> Button:
    """A button that asks about a code."""
    return Button(promotion.code, PromoCode.name, ((CODE, promotion.code),))


def _gives(talk: Talk, promotion: Promotion) -> str:
    conditions = _conditions(talk, promotion, None)
    return f"{promotion.gives.to(talk.words.language)}. {conditions}".strip()


def _conditions(talk: Talk, promotion: Promotion, buyer: Buyer | None) -> str:
    """What the customer has to mind; what is known to be fulfilled is left out."""
    told = []
    if promotion.minimum:
        told.append(talk.words.text("promo.if_minimum", minimum=_minimum(talk, promotion)))
    if promotion.ends:
        noon = datetime(
            promotion.ends.year, promotion.ends.month, promotion.ends.day, 12, tzinfo=ZoneInfo("UTC")
        )
        told.append(talk.words.text("promo.if_ends", ends=talk.words.until(noon)))
    if promotion.first_order_only and buyer is None:
        told.append(talk.words.text("promo.if_first"))
    if promotion.once and buyer is None:
        told.append(talk.words.text("promo.if_once"))
    return " ".join(told)


def _minimum(talk: Talk, promotion: Promotion) -> str:
    """The least total, in the currencies of the language's readers."""
    shown = ("RUB",) if talk.words.language == "ru" else ("GBP", "EUR", "USD")
    amounts = [Money(int(promotion.minimum[one] * 100), one) for one in shown if one in promotion.minimum]
    return " / ".join(talk.words.money(amount) for amount in amounts)


def _amount(said: str | None) -> Money | None:
    found = _AMOUNT.fullmatch(said or "")
    return Money(int(found[1]), found[2]) if found else None
