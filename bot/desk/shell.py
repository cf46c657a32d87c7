"""What all pages of the desk share: words, names of teams and topics, and how a row is drawn."""

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from bot.desk.lists import Row
from bot.web.staff.guard import LOG_IN
from bot.web.staff.pages import staff_page
from core.settings import ROOT
from core.texts import Texts
from crm_bridge.amounts import worded
from crm_bridge.company.desk import DeskRules

texts = Texts(ROOT / "bot/desk/texts.yml")


class Shell:
    """Draws pages and parts of them."""

    def __init__(self, app: web.Application, rules: DeskRules) -> None:
        self._app = app
        self.rules = rules

    def page(
        self, template: str, request: web.Request, values: dict[str, Any], *, status: int = 200
    ) -> web.Response:
        """A page, or a part of one, for somebody who is logged in."""
        return staff_page(
            template, request, self._words(request[LOG_IN].staff.language) | values, status=status
        )

    def row(self, row: Row, language: str) -> str:
        """One row of a list."""
        template = aiohttp_jinja2.get_env(self._app).get_template("desk/row.html")
        return template.render(row=row, rank=0, open_id="", query="", **self._words(language))

    def say(self, request: web.Request, key: str, **values: Any) -> str:
        """A word of the catalogue, in the language of who asks."""
        return texts(key, request[LOG_IN].staff.language, **values)

    def _words(self, language: str) -> dict[str, Any]:
        return {
            "d": lambda key, **given: texts(key, language, **given),
            "called": lambda kind, key: texts.find(f"{kind}.{key}", language) or str(key).replace("_", " "),
            "money": lambda amount: worded(amount, language),
            "team": lambda key: self.rules.team_name(key, language),
            "teams": [(team.key, team.name.to(language)) for team in self.rules.teams],
        }


def number(text: str, *, otherwise: int | None = None) -> int:
    """A number of a form.

    Raises:
        HTTPBadRequest: it is none, and there is no other.
    """
    if text.isdecimal() and len(text) < 10:
        return int(text)
    if otherwise is None:
        raise web.HTTPBadRequest
    return otherwise


def moment(text: str, now: datetime) -> datetime:
    """When something is to come back: `PT1H`-like words of our own buttons, or a moment of a date field.

    Raises:
        HTTPUnprocessableEntity: it is past, or more than half a year away.
    """
    words = {"hour": timedelta(hours=1), "three_hours": timedelta(hours=3), "day": timedelta(days=1)}
    try:
        found = now + words[text] if text in words else datetime.fromisoformat(text)
    except ValueError:
        raise web.HTTPUnprocessableEntity from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if not now < found <= now + timedelta(days=180):
        raise web.HTTPUnprocessableEntity
    return found
