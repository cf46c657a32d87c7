"""Everything that answers HTTP in one process: the gateway and the pages."""

from aiohttp import web

from bot.desk import console
from bot.gateway import webhooks
from bot.gateway.app import GATEWAY
from bot.gateway.app import make_app as make_gateway
from bot.proactive import console as proactive
from bot.studio import console as studio
from bot.web import crm, pages
from bot.web.demo import DemoShop
from bot.web.staff import console as staff
from core.clock import Clock
from core.db import Database
from core.settings import Settings
from crm_bridge.notices import Notices


async def make_app(settings: Settings, db: Database, clock: Clock) -> web.Application:
    """The gateway with the pages on top."""
    app = await make_gateway(settings, db, clock)
    pages.set_up(app)
    staff.set_up(app)
    console.set_up(app)
    crm.set_up(app)
    webhooks.set_up(app)
    proactive.set_up(app)
    studio.set_up(app)
    if settings.demo:
        DemoShop(db, Notices(db, clock), app[GATEWAY].settings.site_key).add_to(app)
    return app
