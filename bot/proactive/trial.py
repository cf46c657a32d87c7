"""A rule tried on the past from its page: beside the live rules, and the live rules without it."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from bot.proactive.book import RuleBook
from bot.proactive.policy import Allows
from bot.proactive.rules import Limits
from bot.proactive.service import reachable
from bot.proactive.simulate import simulate
from bot.proactive.tables import RuleState, SimulationRow
from core.clock import Clock
from core.db import Database


async def trial(
    db: Database,
    clock: Clock,
    limits: Limits,
    allows: Allows,
    channels: Collection[str],
    models: Path,
    name: str,
    days: int,
    by: str,
) -> None:
    """Simulate, keep the result, and note that the rule was simulated."""
    book, now = RuleBook(clock), clock.now()
    async with db.read() as session:
        kept = await book.one(session, name)
        live = await book.live(session)
    if kept.rule is None:
        return
    others = [rule for rule in live if rule.name != name]
    usable, since = reachable(channels), now - timedelta(days=days)
    found = await simulate(db, [*others, kept.rule], limits, allows, usable, models, since, now)
    without = await simulate(db, others, limits, allows, usable, models, since, now)
    result = {"rule": name, "with": found.as_json(), "without": without.as_json()}
    async with db.write() as session:
        session.add(SimulationRow(by=by, at=now, result=result))
        again = await book.one(session, name)
        if again.state is RuleState.DRAFT and again.text == kept.text:
            await book.move(session, name, RuleState.SIMULATED, by)
