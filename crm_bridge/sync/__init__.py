"""Keeps customers in step with the CRM that the company has already.

`service.Sync` is the whole; `merge` decides, and is pure; `meeting` carries out one decision in one
transaction; `pull`, `sweep` and `push` bring the two sides together; `conflicts` and `status` are what
administrators see, `freshness` what customers may have to be told.
"""

from crm_bridge.sync.config import BadConfig, CrmConfig, load
from crm_bridge.sync.conflicts import Conflicts, ConflictView
from crm_bridge.sync.freshness import Freshness, Freshnesses
from crm_bridge.sync.outgoing import Announcements
from crm_bridge.sync.service import Sync, UnknownAccount, announcements, connect
from crm_bridge.sync.status import AccountStatus, Statuses
from crm_bridge.sync.tables import Side

__all__ = [
    "AccountStatus",
    "Announcements",
    "BadConfig",
    "ConflictView",
    "Conflicts",
    "CrmConfig",
    "Freshness",
    "Freshnesses",
    "Side",
    "Statuses",
    "Sync",
    "UnknownAccount",
    "announcements",
    "connect",
    "load",
]
