"""The inbox on the page: groups, what they probably mean and why, decisions."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from bot.studio.changes import Changes
from bot.studio.editing import Editing
from bot.studio.files import LANGUAGES, OUT_OF_SCOPE, ChangedMeanwhile, Refused, TrainingFiles, key
from bot.studio.inbox import RANKED, Group, Inbox, Unknown
from bot.studio.library import Library, Snapshot
from bot.studio.nearest import Near
from bot.studio.saving import note
from bot.studio.shell import name_of, people, studio_page
from bot.studio.tables import Verdict
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core.clock import Clock
from core.db import Database

SHOWN = 40  # groups on one page
FIRST = 3  # variants that stand there unfolded
SURE_LIKENESS = 0.5  # of an example whose intent is suggested although the model did not think of it


@dataclass(frozen=True)
class Suggestion:
    """An intent that a group may mean. `confidence`: the model's; None: an agent or the examples say so."""

    intent: str
    confidence: float | None
    by: str  # model, agent, example
    near: list[Near]


class InboxPages:
    """Routes of the inbox."""

    def __init__(self, db: Database, clock: Clock, files: TrainingFiles, library: Library) -> None:
        self._db = db
        self._files = files
        self._editing = Editing(files.editor)
        self._library = library
        self._inbox = Inbox(clock)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/studio", self.inbox)
        route.add_post("/studio/groups/{id:\\d+}", self.decide)
        route.add_post("/studio/groups/{id:\\d+}/new", self.new_intent)
        route.add_post("/studio/decisions/{id:\\d+}/undo", self.undo)

    @needs(Right.TRAIN)
    async def inbox(self, request: web.Request) -> web.Response:
        return await self._page("studio/inbox.html", request)

    @needs(Right.TRAIN)
    async def decide(self, request: web.Request) -> web.Response:
        form = await request.post()
        word, intent = str(form.get("verdict", "")), str(form.get("intent", "")).strip()
        if word not in set(Verdict):
            raise web.HTTPBadRequest
        verdict, problem = Verdict(word), None
        if verdict is Verdict.INTENT:
            now = await asyncio.to_thread(self._library.now)
            meant = meaning(intent, now.intents)
            if len(meant) != 1:
                problem = "several_intents" if meant else "unknown_intent"
            intent = meant[0] if meant else ""
        if problem is None:
            problem = await self._decided(request, verdict, intent)
        return await self._page("studio/groups.html", request, problem=problem)

    @needs(Right.TRAIN)
    async def new_intent(self, request: web.Request) -> web.Response:
        form = await request.post()
        name = str(form.get("name", "")).strip()
        answers = {language: str(form.get(language, "")) for language in ("ru", "en")}
        try:
            await self._made(request, name, answers)
        except Refused as why:
            problem: str | None = why.key
        except ChangedMeanwhile:
            problem = "changed_meanwhile"
        else:
            problem = await self._decided(request, Verdict.INTENT, name)
        return await self._page("studio/groups.html", request, problem=problem)

    async def _made(self, request: web.Request, name: str, answers: dict[str, str]) -> None:
        """Make an intent in the files. Raises: Refused, ChangedMeanwhile."""

        def edit(changes: Changes) -> None:
            self._files.with_intent(changes, name, answers)

        words = f"new intent {name}"
        saved = await asyncio.to_thread(self._editing.save, edit, words, request[LOG_IN].staff)
        await note(request, words, saved)

    @needs(Right.TRAIN)
    async def undo(self, request: web.Request) -> web.Response:
        problem = None
        try:
            async with self._db.write() as session:
                await self._inbox.undo(session, int(request.match_info["id"]), request[LOG_IN].staff)
        except Unknown:
            problem = "gone"
        return await self._page("studio/groups.html", request, problem=problem)

    async def _decided(self, request: web.Request, verdict: Verdict, intent: str) -> str | None:
        """Decide about the group that the address names; a problem's key when it is gone."""
        if verdict is Verdict.INTENT and intent == OUT_OF_SCOPE:
            verdict = Verdict.OUT_OF_SCOPE
        try:
            async with self._db.write() as session:
                group = int(request.match_info["id"])
                await self._inbox.decide(session, group, verdict, intent, request[LOG_IN].staff)
        except Unknown:
            return "gone"
        return None

    async def _page(self, template: str, request: web.Request, problem: str | None = None) -> web.Response:
        measuring = request.query.get("measuring") == "1"
        async with self._db.read() as session:
            groups = await self._inbox.groups(session, limit=SHOWN, measuring=measuring)
            values = {
                "waiting": await self._inbox.waiting(session),
                "drawn": await self._inbox.waiting(session, measuring=True),
                "decisions": await self._inbox.decisions(session),
                "people": await people(session),
            }
        cards, known = await asyncio.to_thread(self._cards, groups)
        values |= {
            "cards": cards,
            "known": sorted(known),
            "measuring": measuring,
            "problem": problem,
            "first": FIRST,
        }
        return studio_page(template, request, "inbox", values)

    def _cards(
        self, groups: list[Group]
    ) -> tuple[list[tuple[Group, list[Suggestion], str | None]], list[str]]:
        """Every group with what it may mean, and the intent that its very words stand under already."""
        now = self._library.now()
        return [(one, suggestions(one, now), stands(one, now)) for one in groups], now.intents


def suggestions(group: Group, now: Snapshot) -> list[Suggestion]:
    """What a group may mean, each with the training examples that speak for it."""
    text = group.texts[0]
    found = [
        Suggestion(name, share, "agent" if share is None else "model", now.find(text, 2, intent=name))
        for name, share in group.suggested
    ]
    for near in now.find(text, RANKED):
        intent = near.example.intent
        if near.likeness >= SURE_LIKENESS and all(intent != one.intent for one in found):
            found.append(Suggestion(intent, None, "example", now.find(text, 2, intent=intent)))
    return found[:RANKED]


def stands(group: Group, now: Snapshot) -> str | None:
    """The intent under which one of the group's messages is an example already."""
    found = (now.standing.get((group.language, key(text))) for text in group.texts)
    return next((intent for intent in found if intent), None)


def meaning(said: str, known: list[str]) -> list[str]:
    """The intents that somebody may mean who wrote a name, a title, or the beginning of one."""
    said = said.lower()
    if said in known or said == OUT_OF_SCOPE:
        return [said]
    names = {
        intent: [
            intent,
            *(name.lower() for language in LANGUAGES if (name := name_of(intent, language))),
        ]
        for intent in known
    }
    for fits in (str.__eq__, str.startswith, str.__contains__):
        found = [intent for intent, called in names.items() if any(fits(one, said) for one in called)]
        if said and found:
            return found
    return []
