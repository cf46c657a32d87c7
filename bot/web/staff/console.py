"""Puts the staff's pages together with the gateway they run in."""

from aiohttp import web

from bot.gateway.app import GATEWAY
from bot.web.staff.accounts import Accounts
from bot.web.staff.pages import StaffPages
from bot.web.staff.sessions import Sessions


def set_up(app: web.Application) -> None:
    """Add the log-in and the account page."""
    gateway = app[GATEWAY]
    accounts = Accounts(gateway.db, gateway.clock, gateway.settings.staff_key)
    sessions = Sessions(gateway.db, gateway.clock, accounts)
    secure = gateway.settings.base_url.startswith("https:")
    StaffPages(gateway.db, accounts, sessions, secure=secure).add_to(app)
