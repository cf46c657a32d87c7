"""The demo company has enough going on for the rules to have something to say."""

from datetime import timedelta

from sqlalchemy import func, select

from bot.proactive.rules import FOLDER, parse_rule, read_limits, rule_files
from bot.proactive.simulate import simulate
from bot.proactive.tables import SignalRow
from crm_bridge import demo
from tests.proactive.conftest import Shop

# Nothing of the kind has happened there; and people there buy again at random, without a rhythm.
QUIET = {"incident", "watched_parcel", "restock_due"}


async def test_its_customers_would_be_written_to_about_many_things(shop: Shop) -> None:
    await demo.load(shop.db, shop.now)
    await shop.live(*(path.stem for path in FOLDER.glob("*.yml") if path.stem != "limits"))
    counted = await shop.decide()
    async with shop.db.read() as session:
        query = select(SignalRow.kind, func.count()).group_by(SignalRow.kind)
        found = {row[0]: row[1] for row in await session.execute(query)}
    expected = {path.stem for path in FOLDER.glob("*.yml")} - QUIET - {"limits"}
    assert expected <= found.keys(), (found, expected - found.keys())
    assert sum(counted.decided.values()) == sum(found.values())
    everything = [parse_rule(path.read_text()) for path in rule_files()]
    past = await simulate(
        shop.db, everything, read_limits(), lambda *_: True, ["webchat"], shop.models,
        shop.now - timedelta(days=1), shop.now, step=timedelta(hours=12),
    )  # fmt: skip
    assert past.signals > 0
    # nobody of them has proved an account yet, so nobody can be written to
    assert "send" not in counted.decided
