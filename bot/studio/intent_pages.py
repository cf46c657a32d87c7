"""The intents on the page: how well each is understood, its examples, and what can be done with it."""

import asyncio
from collections import Counter
from typing import Any

from aiohttp import web
from sqlalchemy import select

from bot.studio.ailments import Ailment, ailments, held_out_texts
from bot.studio.changes import ChangedMeanwhile, Changes, Refused
from bot.studio.deeds import told
from bot.studio.editing import Editing
from bot.studio.files import LANGUAGES, OUT_OF_SCOPE, Example, TrainingFiles, Written, key
from bot.studio.inbox_pages import meaning
from bot.studio.intents import Intents
from bot.studio.library import Library, Snapshot
from bot.studio.nearest import Near
from bot.studio.overview import overview
from bot.studio.pictures import sparkline
from bot.studio.saving import note, offer
from bot.studio.shell import studio_page
from bot.studio.tables import Run
from bot.studio.traffic import traffic
from bot.studio.versions import history
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core.clock import Clock
from core.db import Database
from crm_bridge.privacy.redaction import redact

SHOWN = 60  # examples of an intent on its page
AILING = 50  # ailments on the page


class IntentPages:
    """Routes under `/studio/intents`, and the history of what was changed."""

    def __init__(self, db: Database, clock: Clock, files: TrainingFiles, library: Library) -> None:
        self._db = db
        self._clock = clock
        self._files = files
        self._library = library
        self._editing = Editing(files.editor)
        self._intents = Intents(files)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/studio/intents", self.intents)
        route.add_post("/studio/intents", self.make)
        route.add_post("/studio/intents/tidy", self.tidy)
        route.add_post("/studio/intents/mend", self.mend)
        one = "/studio/intents/{name:[a-z][a-z0-9_]*}"
        route.add_get(f"{one}", self.intent)
        route.add_post(f"{one}/rename", self.rename)
        route.add_post(f"{one}/merge", self.merge)
        route.add_post(f"{one}/split", self.split)
        route.add_post(f"{one}/move", self.move)
        route.add_post(f"{one}/add", self.add)
        route.add_get("/studio/history", self.history)
        route.add_post("/studio/history/undo", self.undo)

    # --- looking --------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def intents(self, request: web.Request) -> web.Response:
        now = await asyncio.to_thread(self._library.now)
        values = await self._figures(now)
        values["ailing"] = (await asyncio.to_thread(self._ailments, now))[:AILING]
        return studio_page("studio/intents.html", request, "intents", values | _saved(request))

    async def _figures(self, now: Snapshot) -> dict[str, Any]:
        async with self._db.read() as session:
            query = select(Run).where(Run.comparison.is_not(None)).order_by(Run.id.desc()).limit(1)
            last = await session.scalar(query)
            heard = await traffic(session, self._clock.now())
        known = list(dict.fromkeys([*now.intents, OUT_OF_SCOPE]))
        facts = overview(known, now.examples, last.comparison if last else None, heard)
        return {"facts": facts, "sparkline": sparkline, "measured": last is not None}

    def _ailments(self, now: Snapshot) -> list[Ailment]:
        return ailments(now.examples, now.problems, [text for text, _ in held_out_texts(self._files.root)])

    @needs(Right.TRAIN)
    async def intent(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        now = await asyncio.to_thread(self._library.now)
        own = [one for one in now.examples if one.intent == name]
        if not own:
            raise web.HTTPNotFound
        word = request.query.get("q", "").strip()
        rows = await asyncio.to_thread(_beside, own, now, word)
        figures = await self._figures(now)
        values = {
            "name": name,
            "own": next((one for one in figures["facts"] if one.name == name), None),
            "sparkline": sparkline,
            "rows": rows[:SHOWN],
            "more": max(0, len(rows) - SHOWN),
            "whole": Counter(one.language for one in own),
            "word": word,
            "known": sorted(one for one in now.intents if one != name),
            "fixed": name == OUT_OF_SCOPE,
        }
        return studio_page("studio/intent.html", request, "intents", values | _saved(request))

    # --- changing -------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def make(self, request: web.Request) -> web.Response:
        form = await request.post()
        name = _said(form, "name")
        answers = {language: _said(form, language) for language in LANGUAGES}
        examples = {language: _lines(form, f"examples_{language}") for language in LANGUAGES}

        def edit(changes: Changes) -> None:
            if not all(examples.values()):
                raise Refused("examples_missing")
            self._intents.make(changes, name, answers, examples)

        return await self._offer(request, edit, f"new intent {name}", "/studio/intents")

    @needs(Right.TRAIN)
    async def rename(self, request: web.Request) -> web.Response:
        old, new = request.match_info["name"], _said(await request.post(), "new")
        return await self._offer(
            request, lambda c: self._intents.rename(c, old, new), f"{old} is now {new}", "/studio/intents"
        )

    @needs(Right.TRAIN)
    async def merge(self, request: web.Request) -> web.Response:
        old = request.match_info["name"]
        into = await self._meant(_said(await request.post(), "into"))
        return await self._offer(
            request, lambda c: self._intents.merge(c, old, into), f"{old} joins {into}", "/studio/intents"
        )

    @needs(Right.TRAIN)
    async def split(self, request: web.Request) -> web.Response:
        form, old = await request.post(), request.match_info["name"]
        new = _said(form, "name")
        answers = {language: _said(form, language) for language in LANGUAGES}
        chosen = {(one.language, key(one.text)) for one in _chosen(form, old)}
        return await self._offer(
            request,
            lambda c: self._intents.split(c, old, new, answers, chosen),
            f"{new} out of {old}",
            f"/studio/intents/{old}",
        )

    @needs(Right.TRAIN)
    async def move(self, request: web.Request) -> web.Response:
        form, old = await request.post(), request.match_info["name"]
        wanted = _said(form, "into")
        into = await self._meant(wanted) if wanted else None
        chosen = _chosen(form, old)
        words = f"{len(chosen)} examples of {old} " + (f"are {into}" if into else "are gone")
        return await self._offer(
            request, lambda c: self._intents.move(c, chosen, into), words, f"/studio/intents/{old}"
        )

    @needs(Right.TRAIN)
    async def add(self, request: web.Request) -> web.Response:
        form, name = await request.post(), request.match_info["name"]
        examples = [
            Example(language, name, cleaned)
            for language in LANGUAGES
            for line in _lines(form, f"examples_{language}")
            if (cleaned := redact(line, (), language))
        ]
        return await self._offer(
            request,
            lambda c: self._intents.add(c, examples),
            f"{len(examples)} examples of {name}",
            f"/studio/intents/{name}",
        )

    @needs(Right.TRAIN)
    async def tidy(self, request: web.Request) -> web.Response:
        return await self._offer(request, self._intents.tidy, "repetitions taken out", "/studio/intents")

    @needs(Right.TRAIN)
    async def mend(self, request: web.Request) -> web.Response:
        """Put one ailment right: take the example away, keep it in one intent alone, or clean it."""
        form = await request.post()
        language, text = _said(form, "language"), str(form.get("text", ""))
        intents = [str(one) for one in form.getall("intent", [])]
        keep = _said(form, "keep")
        gone = [Example(language, intent, text) for intent in intents if intent != keep]

        def edit(changes: Changes) -> None:
            if form.get("clean"):
                added = [Example(language, intent, redact(text, (), language)) for intent in intents]
                self._files.changed(changes, Written(), added, gone)
            else:
                self._intents.move(changes, gone, None)

        return await self._offer(request, edit, "an example put right", "/studio/intents")

    # --- history --------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def history(self, request: web.Request) -> web.Response:
        return await self._history(request)

    async def _history(self, request: web.Request, problem: str | None = None) -> web.Response:
        commits = await asyncio.to_thread(history, self._files.root, 50)
        values = {"commits": commits, "told": told, "problem": problem} | _saved(request)
        return studio_page("studio/history.html", request, "history", values, 409 if problem else 200)

    @needs(Right.TRAIN)
    async def undo(self, request: web.Request) -> web.Response:
        commit = _said(await request.post(), "commit")
        try:
            saved = await asyncio.to_thread(self._editing.undo, commit, request[LOG_IN].staff)
        except Refused as why:
            return await self._history(request, why.key)
        except ChangedMeanwhile:
            return await self._history(request, "undo_changed")
        await note(request, f"undo {commit[:8]}", saved)
        raise web.HTTPSeeOther(f"/studio/history?saved={saved.commit or 'files'}")

    # --- what they share ------------------------------------------------------------------------------------

    async def _offer(self, request: web.Request, edit: Any, words: str, back: str) -> web.Response:
        return await offer(request, self._editing, edit, words, tab="intents", back=back)

    async def _meant(self, said: str) -> str:
        """The intent that somebody wrote; what they wrote when it is none, to be refused."""
        now = await asyncio.to_thread(self._library.now)
        found = meaning(said, now.intents)
        return found[0] if len(found) == 1 else said


def _beside(own: list[Example], now: Snapshot, word: str) -> list[tuple[Example, list[Near]]]:
    """Every example with what is most like it in other intents; the nearest to a mistake come first."""
    chosen = [one for one in own if word.lower() in one.text.lower()]
    rows = [(one, now.find(one.text, 2, but=one.intent)) for one in chosen]
    return sorted(rows, key=lambda row: -(row[1][0].likeness if row[1] else 0.0))


def _said(form: Any, name: str) -> str:
    return str(form.get(name, "")).strip()


def _lines(form: Any, name: str) -> list[str]:
    return [line.strip() for line in str(form.get(name, "")).splitlines() if line.strip()]


def _chosen(form: Any, intent: str) -> list[Example]:
    """The ticked examples: language and text in one value."""
    pairs = (str(one).partition(":") for one in form.getall("example", []))
    return [Example(language, intent, text) for language, _, text in pairs if language in LANGUAGES]


def _saved(request: web.Request) -> dict[str, Any]:
    return {"saved": request.query.get("saved", "")[:12]}
