"""Puts the stages together: for the gateway, for the process that predicts, and for the command line."""

from collections.abc import Collection
from pathlib import Path

from bot.gateway.policy import ChannelPolicy, Use
from bot.proactive.book import RuleBook
from bot.proactive.deciding import Counted, World, world_of
from bot.proactive.facts import WEB_CHAT
from bot.proactive.looking import look, shape_of
from bot.proactive.policy import Allows
from bot.proactive.rules import Limits
from bot.proactive.signals.base import Range
from core.clock import Clock
from core.db import Database
from core.settings import Settings
from crm_bridge.models import Purpose

MODELS = "proactive"  # in the folder of models


def models_of(settings: Settings) -> Path:
    """Where what was learned is kept."""
    return settings.models / MODELS


def allowed_by(policy: ChannelPolicy) -> Allows:
    """The company's rules about channels, as a decision asks for them."""

    def allows(channel: str, purpose: Purpose) -> bool:
        return policy.allows(channel, Use.MARKETING if purpose is Purpose.MARKETING else Use.SERVICE)

    return allows


def reachable(kinds: Collection[str]) -> frozenset[str]:
    """The channels that the company can write through."""
    return frozenset({WEB_CHAT, *kinds})


class Predicting:
    """Predicts and decides for ranges of customers."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        book: RuleBook,
        limits: Limits,
        allows: Allows,
        channels: Collection[str],
        models: Path,
    ) -> None:
        self._db = db
        self._clock = clock
        self._book = book
        self._limits = limits
        self._allows = allows
        self._channels = reachable(channels)
        self._models = models

    async def world(self) -> World:
        """All that does not depend on the customer, as of now."""
        async with self._db.read() as session:
            rules = await self._book.live(session)
        now = self._clock.now()
        return await world_of(self._db, rules, self._limits, self._allows, self._channels, self._models, now)

    async def run(self, customers: Range, world: World | None = None) -> Counted:
        """Work a range through: everybody in it, or what is new since the last time."""
        world, now = world or await self.world(), self._clock.now()
        if not world.rules:
            return Counted()
        async with self._db.read() as session:
            live_since = await self._book.newest(session)
        shape = shape_of(world.rules, live_since, self._models, now)
        return await look(self._db, world, customers, shape, now)
