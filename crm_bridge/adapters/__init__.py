"""CRMs that companies have already, behind one port.

`port.CrmAdapter` is what the product asks of them; `accounts.Builder` makes an adapter of what an
administrator wrote. One module a CRM, and `rest` for those that none was written for.
"""

from crm_bridge.adapters.accounts import AnyAccount, Builder
from crm_bridge.adapters.errors import (
    AuthFailed,
    Conflict,
    CrmError,
    Forged,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    Uncertain,
)
from crm_bridge.adapters.port import CrmAdapter
from crm_bridge.adapters.values import (
    Capabilities,
    Case,
    Change,
    Comment,
    Contact,
    Deal,
    Field,
    Kind,
    Note,
    Page,
    Received,
    Ticket,
    Values,
    WebhookHint,
)

__all__ = [
    "AnyAccount",
    "AuthFailed",
    "Builder",
    "Capabilities",
    "Case",
    "Change",
    "Comment",
    "Conflict",
    "Contact",
    "CrmAdapter",
    "CrmError",
    "Deal",
    "Field",
    "Forged",
    "Kind",
    "NotFound",
    "Note",
    "Page",
    "RateLimited",
    "Received",
    "Refused",
    "Ticket",
    "Unavailable",
    "Uncertain",
    "Values",
    "WebhookHint",
]
