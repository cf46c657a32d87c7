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
    settings = gateway.settings
    outside = bool(settings.oidc_issuer)
    StaffPages(gateway.db, accounts, sessions, secure=secure, outside=outside).add_to(app)
    if outside:
        from bot.web.staff.oidc import OpenId, Provider  # its libraries are for those who use it
        from bot.web.staff.oidc_pages import OidcPages

        provider = Provider(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value(),
            back=f"{settings.base_url}/staff/oidc/back",
        )
        openid = OpenId(gateway.http, gateway.clock, provider, settings.staff_key)
        OidcPages(gateway.db, openid, sessions, secure=secure).add_to(app)
