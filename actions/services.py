"""What the actions work with; made once for the process."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from core.clock import Clock
from core.db import Database
from core.settings import ROOT, Settings
from crm_bridge import company
from crm_bridge.company import Company
from crm_bridge.demo import DemoNotices
from crm_bridge.identity import Identities
from crm_bridge.notices import Notices
from crm_bridge.operations.orders import OrderOperations
from crm_bridge.operations.running import Operations
from crm_bridge.orders import Orders
from crm_bridge.verification import Verification


@dataclass(frozen=True, slots=True)
class Services:
    """The CRM bridge as actions need it."""

    clock: Clock
    identities: Identities
    verification: Verification
    orders: Orders
    company: Company
    operations: Operations
    order_operations: OrderOperations
    time_zone: str  # of people we do not know
    timeout: timedelta  # of one action

    @classmethod
    def over(cls, settings: Settings, db: Database, clock: Clock) -> Self:
        """Everything over one database."""
        identities = Identities(db, clock, settings.verification_lasts, settings.time_zone)
        notices = DemoNotices(db, clock) if settings.demo else Notices(db, clock)
        rules = company.load(ROOT / "data/company.yml")
        operations = Operations(db, clock)
        return cls(
            clock=clock,
            identities=identities,
            verification=Verification(db, clock, identities, notices, settings.pepper),
            orders=Orders(db),
            company=rules,
            operations=operations,
            order_operations=OrderOperations(operations, rules.orders),
            time_zone=settings.time_zone,
            timeout=settings.action_timeout,
        )
