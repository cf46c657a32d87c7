"""What the law lets a person ask for: to see everything that is held about them, and to have it erased."""

from crm_bridge.privacy.erasing import Erased, erase
from crm_bridge.privacy.exporting import Held, export
from crm_bridge.privacy.finding import NobodyMeant, SeveralMeant, find_customer
from crm_bridge.privacy.scrubbing import scrub
from crm_bridge.privacy.stores import Rows, Store, Stores, Subject

__all__ = [
    "Erased",
    "Held",
    "NobodyMeant",
    "Rows",
    "SeveralMeant",
    "Store",
    "Stores",
    "Subject",
    "erase",
    "export",
    "find_customer",
    "scrub",
]
