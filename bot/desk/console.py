"""Puts the desk together with the gateway it works in."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from bot.desk.beside import Beside
from bot.desk.canned import Canned
from bot.desk.cases import CasePages
from bot.desk.deeds import Deeds
from bot.desk.help import Help
from bot.desk.live import Live
from bot.desk.pages import Desk
from bot.desk.presence import seen
from bot.desk.routing import Routing
from bot.desk.service import Service
from bot.desk.shell import Shell, texts
from bot.desk.supervising import Supervising
from bot.desk.work import Work
from bot.gateway.app import GATEWAY, Gateway
from core.settings import ROOT
from crm_bridge import company
from crm_bridge.demo import DemoNotices
from crm_bridge.notices import Notices
from crm_bridge.operations.cases import Cases
from crm_bridge.operations.orders import OrderOperations
from crm_bridge.operations.running import Announce, Operations
from crm_bridge.operations.visits import VisitOperations
from crm_bridge.verification import Verification

LIVE = web.AppKey("desk live", Live)
ROUTING = web.AppKey("desk routing", Routing)


def set_up(app: web.Application) -> None:
    """Add the desk's pages, and what keeps them and the queue moving."""
    gateway = app[GATEWAY]
    db, clock, hub = gateway.db, gateway.clock, gateway.hub
    rules = gateway.handoffs.rules
    shell = Shell(app, rules)
    live = app[LIVE] = Live(db, clock, hub, shell.row)

    async def present(staff_ids: set[int]) -> None:
        async with db.write() as session:
            await seen(session, staff_ids, clock.now(), rules.capacity)

    live.seen = present
    work = Work(db, clock, gateway.ownership, gateway.outbox, gateway.watchdog, texts)
    firm = company.load(ROOT / "data/company.yml")
    operations = Operations(db, clock, _announce(gateway))
    orders = OrderOperations(operations, firm.orders)
    Desk(db, clock, shell, live, Beside(db, clock, orders), gateway.attachments).add_to(app)
    Deeds(db, clock, hub, shell, work).add_to(app)
    cases = Cases(operations, firm.cases)
    CasePages(db, clock, shell, cases).add_to(app)
    Service(
        db=db,
        clock=clock,
        hub=hub,
        shell=shell,
        company=firm,
        verification=_verification(gateway),
        cases=cases,
        orders=orders,
        visits=VisitOperations(operations, firm.visits),
    ).add_to(app)
    project = gateway.settings.project
    Help(db, clock, shell, Canned(clock, project / "data/canned"), firm.name, project).add_to(app)
    Supervising(db, clock, shell, gateway.settings.time_zone).add_to(app)
    routing = app[ROUTING] = Routing(
        db, clock, hub, gateway.ownership, gateway.outbox, gateway.watchdog, texts
    )

    async def keep_moving(_app: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(live.run()), asyncio.create_task(routing.run())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    app.cleanup_ctx.append(keep_moving)


def _verification(gateway: Gateway) -> Verification:
    db, clock, settings = gateway.db, gateway.clock, gateway.settings
    notices = DemoNotices(db, clock) if settings.demo else Notices(db, clock, gateway.queue)
    return Verification(db, clock, gateway.identities, notices, settings.pepper)


def _announce(gateway: Gateway) -> Announce | None:
    """What tells the company's CRM of changes; nothing while none is connected."""
    file = gateway.settings.var / "crm.yml"
    if not file.exists():
        return None
    from crm_bridge import sync  # 25 MB, for those who have a CRM

    return sync.announcements(sync.load(file), gateway.queue, gateway.clock)
