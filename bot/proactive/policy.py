"""The decision itself: pure, so that runs, simulations and the last look before sending share it.

Consent, the customer's own wishes, quiet hours, caps over all rules, the hold-out. Whatever speaks against a
message is named, and what only speaks against it *now* comes with the moment at which it does not any more.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.proactive.rules import Caps, Limits, Rule
from bot.proactive.signals import Signal
from bot.proactive.tables import Verdict
from crm_bridge.consent import Ground, Said
from crm_bridge.consent import decide as consent
from crm_bridge.models import Purpose

STEP = timedelta(minutes=15)  # time zones differ from one another by multiples of it
LOOK_AHEAD = timedelta(days=3)  # quiet hours and preferred hours leave room within that, or never


@dataclass(frozen=True, slots=True)
class Way:
    """An address of the customer, in the order they would like."""

    channel: str
    identity_id: int | None
    window_open: bool = True  # free text may go there now; else an approved template alone


@dataclass(frozen=True, slots=True)
class Facts:
    """All about a customer that a decision looks at."""

    customer_id: int
    time_zone: str
    language: str
    city: str | None = None
    segment: str | None = None
    vip: bool = False
    undisturbed: bool = False  # asked not to be disturbed
    contract: bool = True  # bought, booked or asked something
    preferred: tuple[int, int] | None = None  # hours of the own day: from, until
    per_week: int | None = None  # as many messages as they want at most
    ways: tuple[Way, ...] = ()
    consents: tuple[Said, ...] = ()
    sent: tuple[datetime, ...] = ()  # proactive messages of the last month, and those already decided
    subjects: frozenset[str] = frozenset()  # told, or kept back to compare


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, why, and what was looked at."""

    verdict: Verdict
    why: str  # key of explanations in texts.yml
    channel: str | None = None
    until: datetime | None = None
    inputs: dict[str, Any] = field(default_factory=dict)


Allows = Callable[[str, Purpose], bool]  # may the company use this channel for that?


def decide(
    facts: Facts, rule: Rule, signal: Signal, now: datetime, limits: Limits, allows: Allows, *, profiles: bool
) -> Decision:
    """Whether a message goes out now, later, or not at all.

    Args:
        profiles: the prediction is about the person, so it needs consent to profiling.
    """
    seen = _Seen(facts, rule, signal, now, limits)
    end = signal.expected_at + rule.expires
    for refused in (
        seen.unlikely, seen.outside_audience, seen.told_already,
    ):  # fmt: skip
        if why := refused():
            return seen.suppressed(why)
    if now >= end:
        return seen.suppressed("too_late")
    if signal.expected_at - rule.horizon > now:
        return seen.wait("too_early", signal.expected_at - rule.horizon)
    if profiles and limits.profiling_needs_consent and not seen.may_profile():
        return seen.suppressed("no_profiling_consent")
    way, why = seen.way(allows)
    if way is None:
        return seen.suppressed(why)
    return seen.timed(way, end)


def open_until(facts: Facts, rule: Rule, signal: Signal, now: datetime, limits: Limits) -> datetime:
    """The last moment at which a message that may go out now may still go out: then quiet hours begin, or it
    is of no use any more."""
    seen, moment = _Seen(facts, rule, signal, now, limits), now
    end = signal.expected_at + rule.expires
    while moment < min(end, now + timedelta(days=1)):
        moment = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0) + STEP
        if not seen.open_at(moment):
            return min(moment, end)
    return end


@dataclass(slots=True)
class _Seen:
    """A decision under way; notes what it looks at."""

    facts: Facts
    rule: Rule
    signal: Signal
    now: datetime
    limits: Limits
    inputs: dict[str, Any] = field(default_factory=dict)

    def unlikely(self) -> str:
        self.inputs |= {
            "probability": round(self.signal.probability, 3),
            "threshold": self.rule.threshold,
            "expected_at": self.signal.expected_at.isoformat(),
            "reason": self.signal.reason,
            "model": self.signal.model,
        }
        return "unlikely" if self.signal.probability < self.rule.threshold else ""

    def outside_audience(self) -> str:
        asked, facts = self.rule.audience, self.facts
        suits = (
            (not asked.segments or facts.segment in asked.segments)
            and (not asked.languages or facts.language in asked.languages)
            and (not asked.cities or facts.city in asked.cities)
            and (asked.vip is None or facts.vip is asked.vip)
        )
        return "" if suits else "audience"

    def told_already(self) -> str:
        return "told_already" if self.signal.subject in self.facts.subjects else ""

    def may_profile(self) -> bool:
        answer = consent(self.facts.consents, Purpose.PROFILING, "", self.now)
        self.inputs["profiling"] = answer.ground.value
        return answer.allowed

    def way(self, allows: Allows) -> tuple[Way | None, str]:
        """The first address that may be used; or why there is none."""
        why, tried = "no_address", {}
        for way in self.facts.ways:
            said = consent(
                self.facts.consents,
                self.rule.purpose,
                way.channel,
                self.now,
                undisturbed=self.facts.undisturbed,
                contract=self.facts.contract,
            )
            tried[way.channel] = said.ground.value
            if not said.allowed:
                disturbed = said.ground is Ground.DO_NOT_DISTURB
                why = "do_not_disturb" if disturbed else "no_consent"
            elif not allows(way.channel, self.rule.purpose):
                why, tried[way.channel] = "channel_not_used", "not_used"
            elif not way.window_open and not self.rule.template(way.channel, self.facts.language):
                why, tried[way.channel] = "window_closed", "window_closed"
            else:
                self.inputs["channels"] = tried
                return way, ""
        self.inputs["channels"] = tried
        return None, why

    def timed(self, way: Way, end: datetime) -> Decision:
        opening = self._opening()
        self.inputs |= {"time_zone": self.facts.time_zone, "quiet": _hours(self.limits, self.rule)}
        if self.facts.preferred:
            self.inputs["preferred_hours"] = list(self.facts.preferred)
        if opening is None or opening >= end:
            return self.suppressed("no_time_left")
        if opening > self.now:
            return self.wait("quiet_hours", opening, way.channel)
        if not self.rule.must_send:
            free_at = self._below_caps()
            if free_at is None or free_at >= end:
                return self.suppressed("cap")
            if free_at > self.now:
                return self.wait("cap", free_at, way.channel)
            share = holdout_position(self.rule.name, self.facts.customer_id)
            self.inputs |= {"holdout": self.rule.holdout, "position": round(share, 4)}
            if share < self.rule.holdout:
                return Decision(Verdict.HOLDOUT, "holdout", way.channel, None, self.inputs)
        return Decision(Verdict.SEND, "send", way.channel, self.now, self.inputs)

    def _opening(self) -> datetime | None:
        """The next moment outside quiet hours and within the preferred ones; None when there never is one.

        Local hours are looked up for real moments, so an hour that a change of clocks skips or repeats is
        what the customer's own clock shows.
        """
        if self.open_at(self.now):
            return self.now
        moment = self.now.replace(minute=self.now.minute // 15 * 15, second=0, microsecond=0)
        until = self.now + LOOK_AHEAD
        while moment <= until:
            moment += STEP
            if self.open_at(moment):
                return moment
        return None

    def open_at(self, moment: datetime) -> bool:
        """Whether it is neither quiet nor outside of the hours that the customer prefers."""
        hour = moment.astimezone(_zone(self.facts.time_zone)).hour
        if hour in self.limits.quiet or (self.rule.quiet is not None and hour in self.rule.quiet):
            return False
        if self.facts.preferred is None:
            return True
        begin, until = self.facts.preferred
        return begin <= hour < until if begin <= until else hour >= begin or hour < until

    def _below_caps(self) -> datetime | None:
        """The first moment at which one more message keeps all caps; None when a cap is nothing at all."""
        sent, caps = sorted(self.facts.sent), list(self.limits.caps.windows())
        if self.facts.per_week is not None:
            caps.append((timedelta(days=7), self.facts.per_week))
        self.inputs |= {
            "sent_lately": _counts(sent, self.limits.caps, self.now),
            "per_week": self.facts.per_week,
        }
        return below_caps(sent, caps, self.now)

    def suppressed(self, why: str) -> Decision:
        return Decision(Verdict.SUPPRESSED, why, None, None, self.inputs)

    def wait(self, why: str, until: datetime, channel: str | None = None) -> Decision:
        return Decision(Verdict.WAIT, why, channel, until, self.inputs)


def below_caps(
    sent: Sequence[datetime], caps: Sequence[tuple[timedelta, int]], now: datetime
) -> datetime | None:
    """When one more message keeps every rolling cap.

    Args:
        sent: when the others went out, the oldest first.
        caps: a window, and how many may go out in any such window.
    """
    earliest = now
    for window, most in caps:
        if most <= 0:
            return None
        within = [moment for moment in sent if moment > now - window]
        if len(within) >= most:
            earliest = max(earliest, within[-most] + window)
    return earliest


def holdout_position(rule: str, customer_id: int) -> float:
    """Where a customer stands between 0 and 1, for good. Those below a rule's share are kept back."""
    digest = hashlib.blake2b(f"{rule}:{customer_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def spread_over(span: timedelta, subject: str) -> timedelta:
    """A moment within a span that depends on the subject alone: a thousand messages do not go out at once."""
    digest = hashlib.blake2b(subject.encode(), digest_size=8).digest()
    return span * (int.from_bytes(digest) / 2**64)


def _counts(sent: Sequence[datetime], caps: Caps, now: datetime) -> dict[str, str]:
    names = ("day", "week", "month")
    return {
        name: f"{sum(moment > now - window for moment in sent)}/{most}"
        for name, (window, most) in zip(names, caps.windows(), strict=True)
    }


def _hours(limits: Limits, rule: Rule) -> list[list[int]]:
    hours = [limits.quiet, *([rule.quiet] if rule.quiet else [])]
    return [[each.begin, each.until] for each in hours]


_zones: dict[str, ZoneInfo] = {}


def _zone(name: str) -> ZoneInfo:
    if name not in _zones:
        try:
            _zones[name] = ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # imported from elsewhere, and unknown here
            _zones[name] = ZoneInfo(UTC.tzname(None) or "UTC")
    return _zones[name]
