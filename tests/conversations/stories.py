"""Conversations in Rasa's test format, with what that format cannot say in each story's `metadata`.

`user` is what the customer writes, «▸ title» for a press of that button, or «⎘ name words» for a picture
with some words or none; `{code}` is the one-time code that was sent last. `intent` is what the classifier
must find; `answer` means that the message answers a question and may be classified as anything. `action`
lists actions of the turn in their order (not all of them). `bot` are words of the replies in their order,
«…» stands for anything between, [title] is a button.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core import yml

HERE = Path(__file__).parent
PRESS, FILE = "▸", "⎘"
ANSWER = "answer"


class Step(BaseModel):
    """One line of a story: the customer's, an action, or the assistant's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str | None = None
    intent: str | None = None
    action: str | None = None
    bot: str | None = None


class Event(BaseModel):
    """What happens before a message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pause: timedelta | None = None  # of silence
    database: Literal["up", "down"] | None = None  # the actions' database, the profile with it
    sql: str | None = None  # somebody else changes something


Kind = Literal["happy", "interruption", "correction", "cancellation", "unverified", "missing", "down"]


class Setting(BaseModel):
    """Who talks and when, and what must be so in the end."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kind: Kind | None = None  # None: as the story itself shows, see `Story.kind`
    customer: str | None = Field(None, alias="as")  # signed in on the company's site; None: a stranger
    language: Literal["ru", "en"] = "ru"  # of the page, and of all replies but for `switches`
    switches: dict[int, Literal["ru", "en"]] = Field(default_factory=dict)  # from this message on
    pause: timedelta = timedelta()  # after Friday noon in Moscow, before it begins
    before: dict[int, Event] = Field(default_factory=dict)  # by the message's number, from 1
    never: tuple[str, ...] = ()  # words that stand in no reply
    owner: Literal["bot", "queue"] = "bot"  # of the conversation in the end
    # query → its one value, or its rows; `:me` is the customer's id, `:conversation` the conversation's
    afterwards: dict[str, Any] = Field(default_factory=dict)


class Turn(BaseModel):
    """A message and what is expected of the answer."""

    model_config = ConfigDict(frozen=True)

    text: str
    intent: str | None
    actions: tuple[str, ...]
    replies: tuple[str, ...]


class Story(BaseModel):
    """One conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(alias="story")]
    metadata: Setting = Field(default_factory=lambda: Setting.model_validate({}))
    steps: tuple[Step, ...] = Field(min_length=1)
    file: str = ""

    @property
    def kind(self) -> Kind:
        """What it is about: the straight way to the end, or what may come across."""
        if self.metadata.kind:
            return self.metadata.kind
        if any(event.database == "down" for event in self.metadata.before.values()):
            return "down"
        proves = any("{code}" in (step.user or "") for step in self.steps)
        return "unverified" if proves else "happy"

    def turns(self) -> list[Turn]:
        """The steps, grouped by message."""
        found: list[Turn] = []
        for step in self.steps:
            if step.user is not None:
                found.append(Turn(text=step.user.strip(), intent=step.intent, actions=(), replies=()))
                continue
            last = found.pop()
            actions = (*last.actions, step.action) if step.action else last.actions
            replies = (*last.replies, step.bot.strip()) if step.bot else last.replies
            found.append(Turn(text=last.text, intent=last.intent, actions=actions, replies=replies))
        return found


def files() -> list[Path]:
    """All files of conversations."""
    return sorted(HERE.glob("test_*.yml"))


def stories() -> Iterator[Story]:
    """All of them, in the order of the files."""
    for path in files():
        for story in yml.parse(path.read_text(encoding="utf-8"))["stories"]:
            yield Story.model_validate(story | {"file": path.stem.removeprefix("test_")})
