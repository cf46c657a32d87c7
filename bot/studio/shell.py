"""What all pages of the studio share: words, the names of intents, the tabs."""

from typing import Any

from aiohttp import web

from bot.studio.overview import Advice
from bot.web.staff.guard import LOG_IN
from bot.web.staff.pages import staff_page
from core.settings import ROOT
from core.texts import Texts

texts = Texts(ROOT / "bot/studio/texts.yml")
titles = Texts(ROOT / "actions/texts.yml")  # how intents are called on a customer's buttons


def studio_page(
    template: str, request: web.Request, tab: str, values: dict[str, Any], status: int = 200
) -> web.Response:
    """A page of the studio, in the language of who reads it. `tab`: which part it belongs to."""
    language = request[LOG_IN].staff.language

    def words(key: str, **given: Any) -> str:
        return texts(key, language, **given)

    def stage(name: str) -> str:
        return texts.find(f"stage.{name}", language) or texts("stage.other", language, stage=name)

    def called(intent: str) -> str:
        return titles.find(f"ask.{intent}", language) or intent

    def advised(advice: Advice) -> str:
        """Advice in words; another intent that it names by its title."""
        return words(advice.key, **{k: called(v) if k == "other" else v for k, v in advice.values.items()})

    shared = {"s": words, "stage": stage, "called": called, "advised": advised, "tab": tab}
    return staff_page(template, request, shared | values, status=status)
