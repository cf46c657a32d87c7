"""Something does not work: one step at a time, then a case with everything that was tried."""

import re

from actions.dialogue import NO, YES, Dialogue, Option, Talk
from actions.filing import file_case
from actions.items import goods_named
from actions.phrases import Wish, phrases
from actions.reading import words_of, yes_or_no
from actions.turn import Turn
from crm_bridge.knowledge import Guide
from crm_bridge.models import TicketKind

SKIP = "skip"
LEAST = 6  # letters that may tell what is wrong
SUBJECT = 120
TELLING = 3  # words that may name a thing and its trouble
_NOT_YET = re.compile(r"\b(?:не|нет|без изменен\w*|то же|not|no|still|same|doesn't|didn't|nothing|nope)\b")
_ABOUT_IT = re.compile(r"включ|работ|заряж|греет|помог|start|charg|work|help|turn")
_HELPED = re.compile(
    r"\b(?:помог\w*|заработал\w*|работает|получил\w*|починил\w*|works?|worked|working|fixed|helped)\b"
)


class TechnicalProblem(Dialogue):
    """Guides through the knowledge base's steps; what they do not solve, people do."""

    name = "technical_problem"
    personal = False

    async def tell(self, talk: Talk) -> None:
        self._mind_another_thing(talk)
        if not talk.has("told") and self._is_question(talk):
            return
        problem, guide = await self._problem(talk)
        if guide is not None and await self._solved(talk, guide):
            talk.say("utter_glad_it_works", "praise")
            return
        if talk.caller.proven_customer_id is None:
            talk.hand_over("utter_technical_handoff", "technical")
        details = await talk.ask(
            "details",
            "utter_ask_details" if guide else "utter_ask_details_without_guide",
            _details,
            Option(SKIP, talk.words.text("button.skip")),
            "human_agent",
        )
        text = _report(problem, guide, details, talk)
        subject = guide.title if guide else problem[:SUBJECT]
        values = await file_case(talk, TicketKind.DEFECT, subject, text)
        talk.say("utter_technical_case", "book_appointment", "warranty_repair", "human_agent", **values)
        talk.offer("book_appointment")

    def _mind_another_thing(self, talk: Talk) -> None:
        """«Нет, не заряжается робот-пылесос», in the middle of the kettle's steps: begin with that."""
        knowledge, language = self.services.knowledge, talk.turn.language
        if not talk.has("told") or talk.turn.text == talk.task.text:
            return
        meant = knowledge.guide(talk.turn.text, language)
        if meant is not None and meant != knowledge.guide(talk.task.facts["told"], language):
            talk.reopen("told")
            talk.task.text = talk.turn.text

    def _is_question(self, talk: Talk) -> bool:
        """Whether the help pages answer it: «где скачать инструкцию» is no fault."""
        knowledge, text, language = self.services.knowledge, talk.task.text, talk.turn.language
        article = None if knowledge.guide(text, language) else knowledge.answer(text, language)
        if article is not None:
            talk.say("utter_knowledge", "human_agent", text=article.text, title=article.title)
        return article is not None

    async def _problem(self, talk: Talk) -> tuple[str, Guide | None]:
        """What is wrong, in the customer's words, and the guide for it."""
        knowledge, language = self.services.knowledge, talk.turn.language
        problem = talk.known("told", talk.task.text)
        guide = knowledge.guide(problem, language)
        if guide is None and not self._told_enough(talk):
            more = await talk.ask("problem", "utter_ask_problem", words_of(LEAST), "human_agent")
            problem = f"{problem}\n{more}".strip()
            guide = knowledge.guide(problem, language)
        return problem, guide

    def _told_enough(self, talk: Talk) -> bool:
        """Whether the first message names the thing and what happens: «торшер моргает и гудит»."""
        named = goods_named(self.services.catalogue, talk.task.text) or talk.details.get("product")
        return bool(named) and len(talk.task.text.split()) >= TELLING

    async def _solved(self, talk: Talk, guide: Guide) -> bool:
        yes, no = (talk.words.text(key) for key in ("button.helped", "button.not_helped"))
        for number, step in enumerate(guide.steps, 1):
            answer = await talk.ask(
                f"step{number}",
                "utter_first_step" if number == 1 else "utter_next_step",
                _helped,
                Option(YES, yes),
                Option(NO, no),
                "human_agent",
                again="utter_same_step",
                title=guide.title,
                step=step,
                number=str(number),
                count=str(len(guide.steps)),
            )
            if answer == YES:
                return True
        return False


def _helped(turn: Turn) -> str | None:
    """Whether the step helped; a no counts first: «не помогло»."""
    text = turn.text.lower().replace("’", "'")  # as phones write «didn't»
    if phrases.wish(text) is Wish.CANCEL and not _ABOUT_IT.search(text):
        return None
    if _NOT_YET.search(text):
        return NO
    if turn.intent == TechnicalProblem.name and not _HELPED.search(text):  # tells what happens still
        return NO
    return YES if _HELPED.search(text) else yes_or_no(turn)


def _details(turn: Turn) -> str | None:
    """What else there is to see, in words or as pictures, which come with the case."""
    if turn.intent == "deny":
        return SKIP
    return words_of(2)(turn) or (SKIP if turn.attachments else None)


def _report(problem: str, guide: Guide | None, details: str, talk: Talk) -> str:
    """For the staff: what is wrong, what was tried, what was seen."""
    lines = [problem]
    if guide:
        lines += [talk.words.text("report.tried"), *(f"- {step}" for step in guide.steps)]
    if details != SKIP:
        lines.append(details)
    return "\n".join(lines)
