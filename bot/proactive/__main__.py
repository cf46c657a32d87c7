"""What takes memory and time, in a process of its own.

`python -m bot.proactive AFTER UNTIL` works a range of customers through; `python -m bot.proactive trial RULE
DAYS BY` simulates a rule.
"""

import asyncio
import sys

from bot.channels.accounts import FILE, load
from bot.gateway.policy import ChannelPolicy
from bot.proactive.book import RuleBook
from bot.proactive.rules import read_limits
from bot.proactive.service import Predicting, allowed_by, models_of
from bot.proactive.signals.base import Range
from bot.proactive.trial import trial
from core import logs
from core.clock import SystemClock
from core.db import Database
from core.settings import ROOT, Settings
from crm_bridge.company.channels import read as read_channels


async def work(arguments: list[str]) -> None:
    settings, clock = Settings(), SystemClock()
    logs.set_up(settings.log_format, settings.log_level, "proactive")
    kinds = {account.kind for account in load(settings.var / FILE).accounts.values()}
    allows = allowed_by(ChannelPolicy.of(read_channels(ROOT / "data/company.yml")))
    limits, models = read_limits(), models_of(settings)
    db = Database(settings.db_url)
    try:
        if arguments[0] == "trial":
            _, name, days, by = arguments
            await trial(db, clock, limits, allows, kinds, models, name, int(days), by)
            return
        predicting = Predicting(db, clock, RuleBook(clock), limits, allows, kinds, models)
        counted = await predicting.run(Range(int(arguments[0]), int(arguments[1])))
        logs.get("proactive").info("range done", signals=counted.signals, **counted.decided)
    finally:
        await db.close()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1:]))
