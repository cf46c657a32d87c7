"""What all pages of the studio share: words, the names of intents, the tabs."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.studio.changes import Refused
from bot.studio.overview import Advice
from bot.studio.unreadable import UNREADABLE, refusal
from bot.web.staff.guard import LOG_IN
from bot.web.staff.pages import staff_page
from bot.web.staff.tables import StaffAccount
from core.settings import ROOT
from core.texts import Texts

texts = Texts(ROOT / "bot/studio/texts.yml")
titles = Texts(ROOT / "actions/texts.yml")  # how intents are called on a customer's buttons


def name_of(intent: str, language: str) -> str | None:
    """How people call an intent: as it stands on a customer's button, or as the studio says."""
    return titles.find(f"ask.{intent}", language) or texts.find(f"called.{intent}", language)


def studio_page(
    template: str, request: web.Request, tab: str, values: dict[str, Any], status: int = 200
) -> web.Response:
    """A page of the studio, in the language of who reads it. `tab`: which part it belongs to."""
    language = request[LOG_IN].staff.language

    def words(key: str, **given: Any) -> str:
        return texts(key, language, **given)

    def stage(name: str) -> str:
        return texts.find(f"stage.{name}", language) or texts("stage.other", language)

    def called(intent: str) -> str:
        return name_of(intent, language) or intent

    def advised(advice: Advice) -> str:
        """Advice in words; another intent that it names by its title."""
        return words(advice.key, **{k: called(v) if k == "other" else v for k, v in advice.values.items()})

    shared = {"s": words, "stage": stage, "called": called, "advised": advised, "tab": tab}
    return staff_page(template, request, shared | values, status=status)


async def people(session: AsyncSession) -> dict[int | None, str]:
    """The names of everybody who works here, by account: who decided, who switched on."""
    rows = await session.execute(select(StaffAccount.id, StaffAccount.name))
    return {row.id: row.name for row in rows}


def explaining(root: Path) -> Middleware:
    """The studio's pages say which file cannot be read; the other pages of the product are left alone.

    Args:
        root: the project.
    """

    @web.middleware
    async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except (*UNREADABLE, Refused) as why:
            if not request.path.startswith("/studio") or LOG_IN not in request:
                raise
            refused = why if isinstance(why, Refused) else await asyncio.to_thread(refusal, root)
        values = {"problem": refused.key, "places": refused.places}
        return studio_page("studio/unreadable.html", request, "", values, 409)

    return explain
