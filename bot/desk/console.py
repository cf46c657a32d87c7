"""Puts the desk together with the gateway it works in."""

from aiohttp import web

from bot.desk.pages import Desk, texts
from bot.desk.work import Work
from bot.gateway.app import GATEWAY


def set_up(app: web.Application) -> None:
    """Add the desk's pages."""
    gateway = app[GATEWAY]
    work = Work(gateway.db, gateway.clock, gateway.ownership, gateway.outbox, texts)
    Desk(gateway.db, gateway.clock, gateway.hub, work).add_to(app)
