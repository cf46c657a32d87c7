"""In the demo nothing is sent: notices go to a page and to the log."""

from sqlalchemy.ext.asyncio import AsyncSession

from core import logs
from crm_bridge.contacts import Contact
from crm_bridge.notices import Notices

log = logs.get("demo")


class DemoNotices(Notices):
    """Writes into the log what would have been sent. Never used outside the demo: it shows one-time codes."""

    async def notify(self, session: AsyncSession, contact: Contact, text: str) -> None:
        await super().notify(session, contact, text)
        log.info("this would be sent now", channel=contact.channel, to=contact.masked, said=text)
