"""What the actions work with; made once for the process."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from actions.dealings import Dealings
from core.clock import Clock
from core.db import Database
from core.fresh import Fresh
from core.jobs.choosing import make_queue
from core.media import MediaStore
from core.settings import ROOT, Settings
from crm_bridge import company
from crm_bridge.assets import Assets
from crm_bridge.company import Company
from crm_bridge.company.catalogue import Catalogue, load_catalogue
from crm_bridge.demo import DemoNotices
from crm_bridge.identity import Identities
from crm_bridge.knowledge import Knowledge
from crm_bridge.notices import Notices
from crm_bridge.operations.cases import Cases
from crm_bridge.operations.delivery import DeliveryOperations
from crm_bridge.operations.feedback import Feedback
from crm_bridge.operations.order_changes import OrderChanges
from crm_bridge.operations.orders import OrderOperations
from crm_bridge.operations.returns import ReturnOperations
from crm_bridge.operations.running import Announce, Operations
from crm_bridge.operations.visits import VisitOperations
from crm_bridge.orders import Orders
from crm_bridge.profile import Profiles
from crm_bridge.refunds import Refunds
from crm_bridge.tickets import Tickets
from crm_bridge.verification import Verification
from crm_bridge.visits import Visits

if TYPE_CHECKING:
    from crm_bridge.sync import Freshnesses


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
    cases: Cases
    tickets: Tickets
    order_changes: OrderChanges
    delivery: DeliveryOperations
    returns: ReturnOperations
    refunds: Refunds
    assets: Assets
    media: MediaStore
    visits: Visits
    visit_operations: VisitOperations
    feedback: Feedback
    profiles: Profiles
    articles: Fresh[Knowledge]
    catalogue: Catalogue
    dealings: Dealings
    freshness: "Freshnesses | None"  # None: no CRM is connected, and nothing is stale
    time_zone: str  # of people we do not know
    timeout: timedelta  # of one action

    @property
    def knowledge(self) -> Knowledge:
        """The company's articles as they stand now: administrators edit them in the studio."""
        return self.articles.now()

    @classmethod
    def over(cls, settings: Settings, db: Database, clock: Clock) -> Self:
        """Everything over one database."""
        identities = Identities(db, clock, settings.verification_lasts, settings.time_zone)
        notices = (
            DemoNotices(db, clock) if settings.demo else Notices(db, clock, make_queue(settings, db, clock))
        )
        rules = company.load(ROOT / "data/company.yml")
        announce, freshness = _crm(settings, db, clock)
        operations = Operations(db, clock, announce)
        media = MediaStore(settings.media_url, settings.var / "media")
        cases = Cases(operations, rules.cases)
        return cls(
            clock=clock,
            identities=identities,
            verification=Verification(db, clock, identities, notices, settings.pepper),
            orders=Orders(db),
            company=rules,
            operations=operations,
            order_operations=OrderOperations(operations, rules.orders),
            cases=cases,
            tickets=Tickets(db),
            order_changes=OrderChanges(operations, rules.orders),
            delivery=DeliveryOperations(operations, rules.delivery, rules.orders.refund_days),
            returns=ReturnOperations(operations, cases, rules.returns),
            refunds=Refunds(db),
            assets=Assets(db),
            media=media,
            visits=Visits(db),
            visit_operations=VisitOperations(operations, rules.visits),
            feedback=Feedback(operations),
            profiles=Profiles(db, clock),
            articles=_articles(settings.project / "data/knowledge"),
            catalogue=load_catalogue(ROOT / "data/catalogue.yml"),
            dealings=Dealings.over(settings, operations, rules, notices, media),
            freshness=freshness,
            time_zone=settings.time_zone,
            timeout=settings.action_timeout,
        )


def _crm(settings: Settings, db: Database, clock: Clock) -> tuple[Announce | None, "Freshnesses | None"]:
    """What tells the company's CRM of changes, and how fresh its data is; nothing while none is connected."""
    if not (settings.var / "crm.yml").exists():
        return None, None
    from crm_bridge import sync  # 25 MB, for those who have a CRM

    config = sync.load(settings.var / "crm.yml")
    announce = sync.announcements(config, make_queue(settings, db, clock), clock)
    return announce, sync.Freshnesses(db)


@cache
def _articles(folder: Path) -> Fresh[Knowledge]:
    """The articles of a folder; reading them takes a moment, so a process does it once and after changes."""
    return Fresh(folder, "*/*.md", Knowledge.at)
