"""What the actions about payments, papers, accounts, subscriptions and messages work with."""

from dataclasses import dataclass
from typing import Self

from core.media import MediaStore
from core.settings import Settings
from crm_bridge.company import Company
from crm_bridge.consent import Consents
from crm_bridge.contact_change import ContactChanges
from crm_bridge.customers import Customers
from crm_bridge.documents import Documents
from crm_bridge.duplicates import Arrivals, Proposals
from crm_bridge.notices import Notifier
from crm_bridge.operations.accounts import AccountOperations
from crm_bridge.operations.cases import Cases
from crm_bridge.operations.messages import MessageOperations
from crm_bridge.operations.privacy import PrivacyOperations
from crm_bridge.operations.running import Operations
from crm_bridge.operations.subscriptions import SubscriptionOperations
from crm_bridge.payments import Payments
from crm_bridge.points import LoyaltyAccounts
from crm_bridge.privacy import Stores
from crm_bridge.profile import Profiles
from crm_bridge.promotions import Buyers
from crm_bridge.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Dealings:
    """What a customer has to do with the company besides orders and visits."""

    profiles: Profiles
    payments: Payments
    documents: Documents
    buyers: Buyers
    loyalty: LoyaltyAccounts
    subscriptions: Subscriptions
    subscription_operations: SubscriptionOperations
    accounts: AccountOperations
    contact_changes: ContactChanges
    messages: MessageOperations
    privacy: PrivacyOperations

    @classmethod
    def over(
        cls,
        settings: Settings,
        operations: Operations,
        rules: Company,
        notices: Notifier,
        media: MediaStore,
    ) -> Self:
        """Everything over the database of the operations."""
        db, clock = operations.db, operations.clock
        customers = Customers(clock, Arrivals(Proposals(db, clock)))
        messages = MessageOperations(operations, Consents(db, clock), rules.messages)
        cases = Cases(operations, rules.cases)
        return cls(
            profiles=Profiles(db, clock),
            payments=Payments(db),
            documents=Documents(operations, media, rules.requisites),
            buyers=Buyers(db),
            loyalty=LoyaltyAccounts(db),
            subscriptions=Subscriptions(db),
            subscription_operations=SubscriptionOperations(operations),
            accounts=AccountOperations(operations, customers),
            contact_changes=ContactChanges(operations, customers, notices, settings.pepper),
            messages=messages,
            privacy=PrivacyOperations(operations, every_store, media, cases, messages, rules.privacy),
        )


def every_store() -> Stores:
    """Every place where something about a person may lie.

    It is imported when somebody wants their data: that is the whole gateway, and nothing else here needs it.
    """
    import bot.tables  # noqa: F401 - a table that is not known would be passed over
    from bot.gateway.privacy import GatewayStore

    stores = Stores()
    stores.register(GatewayStore())
    return stores
