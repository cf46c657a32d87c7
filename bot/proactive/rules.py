"""Rules as administrators write them: YAML, checked with the line and the field of every mistake."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bot.proactive.signals import KINDS, WORDS
from core import yml
from core.settings import ROOT
from crm_bridge.company.words import Words
from crm_bridge.models import Purpose

FOLDER = ROOT / "data/proactive"
LIMITS = "limits.yml"  # not a rule: what holds for all of them
MANY_DAYS = timedelta(days=366)
_FORMATTER = Formatter()


def _whole_duration(value: object) -> object:
    """A bare number is refused: nobody could tell days from seconds."""
    if isinstance(value, int | float):
        raise ValueError("write a duration such as P3D (three days) or PT6H (six hours)")
    return value


Duration = Annotated[timedelta, BeforeValidator(_whole_duration)]
Share = Annotated[float, Field(ge=0, le=1)]
Hour = Annotated[int, Field(ge=0, le=24)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hours(_Strict):
    """Hours of the customer's own day; `from` 21 and `until` 9 is the night."""

    begin: Hour = Field(alias="from")
    until: Hour

    def __contains__(self, hour: int) -> bool:
        if self.begin <= self.until:
            return self.begin <= hour < self.until
        return hour >= self.begin or hour < self.until


class Caps(_Strict):
    """How many messages one customer gets at most, over all rules, in any day, week and month."""

    day: int = Field(ge=0)
    week: int = Field(ge=0)
    month: int = Field(ge=0)

    def windows(self) -> tuple[tuple[timedelta, int], ...]:
        """Every window with its number; they roll, and are no calendar days."""
        return (
            (timedelta(days=1), self.day),
            (timedelta(days=7), self.week),
            (timedelta(days=30), self.month),
        )


class Limits(_Strict):
    """What holds for all rules together."""

    quiet: Hours
    caps: Caps
    profiling_needs_consent: bool = True


class Audience(_Strict):
    """Whom a rule is for. What is left empty does not matter."""

    segments: tuple[str, ...] = ()
    languages: tuple[Literal["ru", "en"], ...] = ()
    cities: tuple[str, ...] = ()
    vip: bool | None = None


class ButtonText(_Strict):
    """A button: what stands on it, and the intent it leads into. The dialogue knows what it is about."""

    title: Words
    intent: str = Field(pattern=r"^[a-z_]+$")


class ApprovedTemplate(_Strict):
    """A text that a provider approved beforehand, for channels that are closed after a day of silence."""

    name: str
    values: tuple[str, ...] = ()  # words of the predictor, in the order of {{1}}, {{2}} …


class Outcome(_Strict):
    """What counts as an effect: within this time of the decision."""

    within: Duration = Field(le=MANY_DAYS)
    measure: Literal["contact", "complaint", "cancellation", "no_purchase"] = "contact"


class Rule(_Strict):
    """One rule."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    title: Words
    predictor: Literal[KINDS]  # type: ignore[valid-type]
    threshold: Share
    horizon: Duration = Field(ge=timedelta(0), le=MANY_DAYS)  # so long before it is expected, at the earliest
    expires: Duration = Field(ge=-MANY_DAYS, le=MANY_DAYS)  # so long after it was expected, at the latest
    purpose: Literal[Purpose.SERVICE, Purpose.MARKETING]
    priority: int = Field(ge=0, le=100)  # lower goes first
    audience: Audience = Audience()
    must_send: bool = False  # a recall: caps and hold-out do not count; consent and quiet hours do
    holdout: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    quiet: Hours | None = None  # besides those of the limits
    spread: Duration = Field(default=timedelta(minutes=30), ge=timedelta(0), le=timedelta(days=1))
    text: Words
    buttons: tuple[ButtonText, ...] = Field(default=(), max_length=3)
    templates: dict[str, dict[Literal["ru", "en"], ApprovedTemplate]] = {}  # by channel and language
    outcome: Outcome

    def template(self, channel: str, language: str) -> ApprovedTemplate | None:
        """What may go out where free text may not; None: nothing was approved in this language."""
        return self.templates.get(channel, {}).get("en" if language == "en" else "ru")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        known = WORDS[self.predictor]
        for language in ("ru", "en"):
            for place in _places(f"text.{language}", self.text.to(language)):
                if place not in known:
                    raise ValueError(
                        f"text.{language}: «{{{place}}}» is not one of {', '.join(sorted(known))}"
                    )
        for channel, languages in self.templates.items():
            for template in languages.values():
                if wrong := [word for word in template.values if word not in known]:
                    raise ValueError(
                        f"templates.{channel}: «{wrong[0]}» is not one of {', '.join(sorted(known))}"
                    )
        if self.must_send and self.purpose is not Purpose.SERVICE:
            raise ValueError("must_send: advertising never must go out; purpose has to be service")
        if self.must_send and self.holdout:
            named = "holdout" if "holdout" in self.model_fields_set else "must_send"
            raise ValueError(f"{named}: «holdout: 0» has to stand beside «must_send: true»")
        return self


def _places(field: str, text: str) -> list[str]:
    """What stands in the braces of a text; nothing but a word may."""
    try:
        parts = list(_FORMATTER.parse(text))
    except ValueError:
        raise ValueError(f"{field}: a brace is not closed or not opened; a brace itself is «{{{{»") from None
    found = []
    for _, name, spec, conversion in parts:
        if name is not None:
            found.append(name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else ""))
    return found


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a rule, and where."""

    line: int  # from 1
    field: str  # text.ru
    what: str

    def __str__(self) -> str:
        return (
            f"line {self.line}, {self.field}: {self.what}" if self.field else f"line {self.line}: {self.what}"
        )


class BadRule(ValueError):
    """A rule that cannot be used; `mistakes` says why."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def parse_rule(text: str, intents: frozenset[str] | None = None) -> Rule:
    """Read a rule.

    Args:
        intents: those that the assistant knows; a button must lead to one of them.

    Raises:
        BadRule
    """
    rule = _parse(text, Rule)
    unknown = [
        (number, button.intent)
        for number, button in enumerate(rule.buttons)
        if intents is not None and button.intent not in intents
    ]
    if unknown:
        lines = _Lines(text)
        raise BadRule(
            [
                lines.mistake(("buttons", number, "intent"), f"the assistant knows no intent «{intent}»")
                for number, intent in unknown
            ]
        )
    return rule


def parse_limits(text: str) -> Limits:
    """Read the limits.

    Raises:
        BadRule
    """
    return _parse(text, Limits)


def read_limits(folder: Path = FOLDER) -> Limits:
    """The company's limits."""
    return parse_limits((folder / LIMITS).read_text(encoding="utf-8"))


def rule_files(folder: Path = FOLDER) -> list[Path]:
    """The files that hold a rule each."""
    return sorted(path for path in folder.glob("*.yml") if path.name != LIMITS)


def known_intents(domain: Path = ROOT / "domain.yml") -> frozenset[str]:
    """The intents that the assistant can be led into."""
    text = domain.read_text(encoding="utf-8")
    found = re.search(r"^intents:\n((?:  .*\n|\n)+)", text, re.MULTILINE)
    return frozenset(re.findall(r"^  - (\w+)", found[1], re.MULTILINE)) if found else frozenset()


_Shape = TypeVar("_Shape", bound=BaseModel)


def _parse(text: str, shape: type[_Shape]) -> _Shape:
    try:
        lines = _Lines(text)
        written = yml.parse(text)
    except yaml.MarkedYAMLError as why:
        line = why.problem_mark.line + 1 if why.problem_mark else 1
        raise BadRule([Mistake(line, "", why.problem or "this is not YAML")]) from why
    except yaml.YAMLError as why:
        raise BadRule([Mistake(1, "", "this is not YAML")]) from why
    if not isinstance(written, dict):
        raise BadRule([Mistake(1, "", "fields are expected, such as «name: late_delivery»")])
    if lines.twice:
        raise BadRule(lines.twice)
    try:
        return shape.model_validate(written)
    except ValidationError as why:
        found = [lines.mistake(error["loc"], _said(error)) for error in why.errors(include_url=False)]
        raise BadRule(found) from why


def _said(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    if error["type"] == "missing":
        return "this field is missing"
    return str(error["msg"]).removeprefix("Value error, ")


class _Lines:
    """Where each field of a YAML text stands."""

    def __init__(self, text: str) -> None:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        self._lines: dict[tuple[str, ...], int] = {}
        self.twice: list[Mistake] = []  # YAML itself would take the last one without a word
        for path, line in _walk(root, ()) if root else ():
            if path in self._lines:
                self.twice.append(
                    Mistake(line, ".".join(path), f"stands in line {self._lines[path]} already")
                )
            self._lines.setdefault(path, line)

    def mistake(self, where: Sequence[Any], what: str) -> Mistake:
        path = tuple(str(part) for part in where if not str(part).startswith("function-"))
        if not path and (named := re.match(r"([\w.]+): (.*)", what, re.DOTALL)):  # a check of the whole rule
            path, what = tuple(named[1].split(".")), named[2]
        known = path
        while known and known not in self._lines:
            known = known[:-1]
        return Mistake(self._lines.get(known, 1), ".".join(path), what)


def _walk(node: yaml.Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _walk(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            here = (*path, str(number))
            yield here, value.start_mark.line + 1
            yield from _walk(value, here)
