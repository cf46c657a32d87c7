"""Knowledge articles, ready answers of the desk, and the company's own names, on the page."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from bot.desk.canned import VARIABLES, Answer, Canned
from bot.studio import canned_files, names
from bot.studio.articles import Articles, Draft, draft_of
from bot.studio.changes import Changes
from bot.studio.editing import Editing
from bot.studio.files import LANGUAGES, TrainingFiles
from bot.studio.saving import offer
from bot.studio.shell import studio_page
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.roles import Right
from core.clock import Clock
from core.db import Database
from crm_bridge.knowledge import Knowledge

EMPTY = Draft("", (), (), (), guide=False, text="")


class KnowledgePages:
    """Routes under `/studio/knowledge`."""

    def __init__(self, db: Database, clock: Clock, files: TrainingFiles) -> None:
        self._db = db
        self._canned = Canned(clock, files.root / canned_files.FOLDER)
        self._root = files.root
        self._articles = Articles(files.root)
        self._editing = Editing(files.editor)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        base = "/studio/knowledge"
        route.add_get(base, self.overview)
        route.add_get(f"{base}/new", self.article)
        route.add_post(f"{base}/new", self.change)
        one = f"{base}/articles/{{slug:[a-z0-9-]+}}"
        route.add_get(one, self.article)
        route.add_post(one, self.change)
        route.add_post(f"{one}/drop", self.drop)
        route.add_get(f"{base}/canned", self.canned)
        route.add_post(f"{base}/canned", self.put_canned)
        route.add_get(f"{base}/names", self.names)
        route.add_post(f"{base}/names", self.put_names)

    # --- articles -------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def overview(self, request: web.Request) -> web.Response:
        word, question = request.query.get("q", "").strip(), request.query.get("ask", "").strip()
        articles = await asyncio.to_thread(self._articles.all)
        by_slug: dict[str, list[str]] = {}
        for one in articles:
            if word.lower() in f"{one.slug} {one.title} {one.text}".lower():
                by_slug.setdefault(one.slug, []).append(one.title)
        answered = None
        if question and articles:
            knowledge = Knowledge(articles)
            language = "ru" if any("а" <= char <= "я" for char in question.lower()) else "en"
            answered = knowledge.guide(question, language) or knowledge.answer(question, language)
        values = {"found": by_slug, "word": word, "question": question, "answered": answered}
        return self._page("knowledge", request, values)

    @needs(Right.TRAIN)
    async def article(self, request: web.Request) -> web.Response:
        slug = request.match_info.get("slug", "")
        found = await asyncio.to_thread(self._articles.find, slug)
        if slug and not found:
            raise web.HTTPNotFound
        drafts = {
            language: draft_of(found[language]) if language in found else EMPTY for language in LANGUAGES
        }
        return self._page("article", request, {"slug": slug, "drafts": drafts})

    @needs(Right.TRAIN)
    async def change(self, request: web.Request) -> web.Response:
        form = await request.post()
        slug = request.match_info.get("slug") or str(form.get("slug", "")).strip()
        drafts = {language: _draft(form, language) for language in LANGUAGES}
        lost = await asyncio.to_thread(self._articles.lost_questions, slug, drafts)

        def edit(changes: Changes) -> None:
            self._articles.change(changes, slug, drafts)

        return await self._offer(request, edit, f"article {slug}", unanswered=lost)

    @needs(Right.TRAIN)
    async def drop(self, request: web.Request) -> web.Response:
        slug = request.match_info["slug"]
        return await self._offer(request, lambda c: self._articles.drop(c, slug), f"no article {slug}")

    # --- ready answers --------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def canned(self, request: web.Request) -> web.Response:
        async with self._db.read() as session:
            answers = await self._canned.all(session)
        answers.sort(key=lambda one: one.language != request[LOG_IN].staff.language)
        return self._page("canned", request, {"answers": answers, "variables": VARIABLES})

    @needs(Right.TRAIN)
    async def put_canned(self, request: web.Request) -> web.Response:
        form = await request.post()
        shortcut, language, title, text = (
            str(form.get(name, "")).strip() for name in ("shortcut", "language", "title", "text")
        )
        answer = Answer(shortcut, language, title, text.replace("\r\n", "\n"))
        removed = bool(form.get("remove"))

        def edit(changes: Changes) -> None:
            if removed:
                canned_files.drop(changes, answer.language, answer.shortcut)
            else:
                canned_files.put(changes, answer)

        back = "/studio/knowledge/canned"
        if await asyncio.to_thread(self._file_says, answer, removed) and await self._counts(answer):
            raise web.HTTPSeeOther(f"{back}?saved=files")
        try:
            return await self._offer(request, edit, f"ready answer {answer.shortcut}", back=back)
        except web.HTTPSeeOther:
            await self._counts(answer)
            raise

    def _file_says(self, answer: Answer, removed: bool) -> bool:
        """Whether the file is as it is to be already."""
        found = canned_files.read(self._root)
        if removed:
            return all((one.shortcut, one.language) != (answer.shortcut, answer.language) for one in found)
        return answer in found

    async def _counts(self, answer: Answer) -> bool:
        """The newer word counts: what agents changed at the desk goes; whether there was anything."""
        async with self._db.write() as session:
            return await self._canned.forget(session, answer.shortcut, answer.language)

    # --- names ----------------------------------------------------------------------------------------------

    @needs(Right.TRAIN)
    async def names(self, request: web.Request) -> web.Response:
        path = self._root / names.PATH
        found = names.read(path.read_text(encoding="utf-8") if path.exists() else "")
        kinds = {kind: names.shown(own) for kind, own in found.items()}
        return self._page("names", request, {"kinds": kinds})

    @needs(Right.TRAIN)
    async def put_names(self, request: web.Request) -> web.Response:
        form = await request.post()

        def edit(changes: Changes) -> None:
            given = {kind: names.parse(str(form.get(kind, ""))) for kind in names.KINDS}
            names.change(changes, given)

        return await self._offer(
            request, edit, "names of goods and places", back="/studio/knowledge/names", later="names.later"
        )

    # --- what they share ------------------------------------------------------------------------------------

    async def _offer(
        self,
        request: web.Request,
        edit: Callable[[Changes], object],
        words: str,
        back: str = "/studio/knowledge",
        **about: Any,
    ) -> web.Response:
        return await offer(request, self._editing, edit, words, tab="knowledge", back=back, **about)

    def _page(self, name: str, request: web.Request, values: dict[str, Any]) -> web.Response:
        saved = {"saved": request.query.get("saved", "")[:12]}
        return studio_page(f"studio/{name}.html", request, "knowledge", values | saved)


def _draft(form: Any, language: str) -> Draft:
    def said(name: str) -> str:
        return str(form.get(f"{name}_{language}", "")).strip()

    questions = [line.strip() for line in said("questions").splitlines() if line.strip()]
    lists = {
        name: [one.strip() for one in said(name).split(",") if one.strip()]
        for name in ("keywords", "products")
    }
    return Draft(
        said("title"), questions, lists["keywords"], lists["products"], bool(form.get("guide")), said("text")
    )
