"""The answers on the page: found, changed in both languages, seen as every messenger shows them."""

import asyncio
from typing import Any

from aiohttp import web

from bot.studio.changes import Changes, Refused
from bot.studio.channel_previews import previews
from bot.studio.editing import Editing
from bot.studio.files import TrainingFiles
from bot.studio.responses import Response, Responses, check, lost_variables, tidy
from bot.studio.saving import offer
from bot.studio.shell import studio_page
from bot.web.staff.guard import needs
from bot.web.staff.roles import Right

FOUND = 60  # answers on one page


class AnswerPages:
    """Routes under `/studio/answers`."""

    def __init__(self, files: TrainingFiles) -> None:
        self._responses = Responses(files)
        self._editing = Editing(files.editor)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/studio/answers", self.answers)
        one = "/studio/answers/{name:utter_\\w+}"
        route.add_get(one, self.answer)
        route.add_post(one, self.change)
        route.add_post(f"{one}/preview", self.preview)

    @needs(Right.TRAIN)
    async def answers(self, request: web.Request) -> web.Response:
        word = request.query.get("q", "").strip()
        found = [one for one in await asyncio.to_thread(self._responses.all) if _fits(one, word.lower())]
        values = {
            "found": found[:FOUND],
            "more": max(0, len(found) - FOUND),
            "word": word,
            "saved": request.query.get("saved", "")[:12],
        }
        return studio_page("studio/answers.html", request, "answers", values)

    @needs(Right.TRAIN)
    async def answer(self, request: web.Request) -> web.Response:
        response = await self._find(request)
        values = {
            "response": response,
            "seen": [
                (one, previews(one.text, [title for title, _ in one.buttons], one.language))
                for one in response.said
            ],
            "saved": request.query.get("saved", "")[:12],
        }
        return studio_page("studio/answer.html", request, "answers", values)

    @needs(Right.TRAIN)
    async def preview(self, request: web.Request) -> web.Response:
        """One wording as the messengers would show it, before anything is saved."""
        response, form = await self._find(request), await request.post()
        at = str(form.get("at", ""))
        said = next((one for one in response.said if str(one.at) == at), None)
        if said is None:
            raise web.HTTPNotFound
        text = tidy(str(form.get(f"text_{at}", "")))
        problem: str | None = None
        places: tuple[str, ...] = ()
        try:
            check(response, text)
        except Refused as why:
            problem, places = why.key, why.places
        values = {
            "channels": previews(text, [title for title, _ in said.buttons], said.language),
            "problem": problem,
            "places": places,
            "lost": lost_variables(response, {said.at: text}),
        }
        return studio_page("studio/channels.html", request, "answers", values)

    @needs(Right.TRAIN)
    async def change(self, request: web.Request) -> web.Response:
        response, form = await self._find(request), await request.post()
        texts = {
            one.at: tidy(str(form[f"text_{one.at}"])) for one in response.said if f"text_{one.at}" in form
        }

        def edit(changes: Changes) -> None:
            self._responses.change(changes, response.name, texts)

        about: dict[str, Any] = {"lost": lost_variables(response, texts), "later": "answers.later"}
        back = f"/studio/answers/{response.name}"
        return await offer(
            request, self._editing, edit, f"answer {response.name}", tab="answers", back=back, **about
        )

    async def _find(self, request: web.Request) -> Response:
        found = await asyncio.to_thread(self._responses.find, request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        return found


def _fits(response: Response, word: str) -> bool:
    return word in response.name or any(word in one.text.lower() for one in response.said)
