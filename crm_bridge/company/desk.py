"""How soon people answer, in which teams they work, and when."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core import yml
from crm_bridge.company.hours import Hours
from crm_bridge.company.words import Words


class Team(BaseModel):
    """People who see to the same matters. Topics are intents; an empty list means all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(max_length=40)
    name: Words
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def sees_to(self, topic: str | None, language: str, channel: str) -> bool:
        """Whether a dialogue is this team's."""
        return (
            (not self.topics or topic in self.topics)
            and (not self.languages or language in self.languages)
            and (not self.channels or channel in self.channels)
        )


class DeskRules(BaseModel):
    """What customers are promised, and how dialogues find somebody. Promises are working time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: Hours | None = None  # None: round the clock
    first_answer: timedelta = timedelta(minutes=5)
    next_answer: timedelta = timedelta(minutes=10)
    resolution: timedelta = timedelta(hours=24)
    warn_before: timedelta = timedelta(minutes=2)  # a promise is broken
    warn_resolution: timedelta = timedelta(hours=2)  # the same, of the promise that a matter is settled
    vip_ahead: timedelta = timedelta(minutes=15)  # an important customer counts as waiting so much longer
    upset_ahead: timedelta = timedelta(minutes=10)
    routing: Literal["least_busy", "round_robin"] = "least_busy"
    offer_lasts: timedelta = timedelta(minutes=2)  # then a dialogue is offered to somebody else
    release_after: timedelta = timedelta(minutes=5)  # an agent is gone so long: others answer
    capacity: int = Field(default=5, ge=1)  # dialogues of one agent at once, unless set otherwise
    reopen_within: timedelta = timedelta(hours=24)  # a matter that comes back goes to who had it
    teams: tuple[Team, ...] = ()

    def due(self, moment: datetime, within: timedelta) -> datetime:
        """When a promise made at a moment must be kept."""
        return self.hours.after(moment, within) if self.hours else moment + within

    def is_open(self, moment: datetime) -> bool:
        """Whether people work then."""
        return self.hours is None or self.hours.is_open(moment)

    def opening(self, moment: datetime) -> datetime:
        """The moment itself, or when people are back."""
        return self.hours.opening(moment) if self.hours else moment

    def team_for(self, topic: str | None, language: str, channel: str) -> str | None:
        """The first team that sees to such dialogues."""
        return next((team.key for team in self.teams if team.sees_to(topic, language, channel)), None)

    def team_name(self, key: str | None, language: str) -> str:
        """What a team is called; its key when it is no longer in the file."""
        return next((team.name.to(language) for team in self.teams if team.key == key), key or "")


def read(path: Path) -> DeskRules:
    """The rules alone; hours are those of the cases, if there are none of the desk's own.

    Raises:
        ValueError: they are not understood.
    """
    written = yml.parse(path.read_text(encoding="utf-8")) or {}
    rules = DeskRules.model_validate(written.get("desk") or {})
    hours = (written.get("cases") or {}).get("hours")
    if rules.hours is None and hours is not None:
        return rules.model_copy(update={"hours": Hours.model_validate(hours)})
    return rules
