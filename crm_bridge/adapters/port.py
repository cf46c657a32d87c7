"""What the product asks of a CRM, whichever CRM it is."""

from datetime import datetime
from typing import Protocol

from crm_bridge.adapters.values import (
    Capabilities,
    Case,
    Comment,
    Contact,
    Deal,
    Kind,
    Note,
    Page,
    Received,
    Ticket,
    Values,
    WebhookHint,
)


class CrmAdapter(Protocol):
    """One account in one CRM.

    Every call may raise `RateLimited`, `Unavailable` or `AuthFailed`; those that write also `Refused` and
    `Uncertain`.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def project(self, values: Values) -> Values:
        """What the CRM would give back if it held these values. It may know fewer fields than we do."""
        ...

    async def get_contact(self, remote_id: str) -> Contact:
        """The contact as it is now.

        Raises:
            NotFound
        """
        ...

    async def find_contact(self, *, phone: str = "", email: str = "") -> tuple[Contact, ...]:
        """Everybody with this phone (E.164) or this e-mail."""
        ...

    async def upsert_contact(self, values: Values, remote_id: str | None = None) -> Contact:
        """Change the given values of a contact, or make one; how the CRM holds it then.

        Changing is repeatable. Making is not: look with `find_contact` before doing it, or doing it again.

        Raises:
            NotFound: there is no such contact to change.
            Conflict: the CRM has such a contact already.
        """
        ...

    async def list_changed(self, kind: Kind, since: datetime | None, cursor: str | None) -> Page:
        """The page after `cursor` of what changed at or after `since`; of everything when it is None.

        `kind` is one of the capabilities.
        Records may come twice and in any order. None that stays unchanged meanwhile is left out.
        """
        ...

    async def get_order(self, remote_id: str) -> Deal:
        """An order, deal or opportunity as it is now.

        Raises:
            NotFound
        """
        ...

    async def create_ticket(self, ticket: Ticket) -> str:
        """Make a ticket, or find the one that was made with this key. Its id."""
        ...

    def project_ticket(self, values: Values, key: str) -> Values:
        """How the CRM would show a ticket of this key if it held these values."""
        ...

    async def get_ticket(self, remote_id: str) -> Case:
        """The ticket as it is now. Asked only of a CRM that names fields of a ticket.

        Raises:
            NotFound
        """
        ...

    async def update_ticket(self, case: Case, values: Values) -> Case:
        """Change the given values of a ticket, repeatably; how the CRM holds it then.

        Raises:
            NotFound
        """
        ...

    async def append_note(self, note: Note) -> str:
        """Write a note, or find the one that was written with this key. Its id."""
        ...

    async def list_notes(self, kind: Kind, remote_id: str) -> tuple[Comment, ...]:
        """The notes beside a contact, or beside a ticket; at least the newest page of them, in any order.

        A CRM that cannot list them has none.
        """
        ...

    def verify_webhook(self, received: Received) -> tuple[WebhookHint, ...]:
        """What a webhook tells to look at again.

        Raises:
            Forged
        """
        ...
