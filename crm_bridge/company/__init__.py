"""The company's own rules: fees, deadlines, hours. They stand in `data/company.yml`, never in code."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from core import yml
from crm_bridge.company.account import AccountRules
from crm_bridge.company.cases import CaseRules
from crm_bridge.company.channels import ChannelRules
from crm_bridge.company.conversation import Conversation
from crm_bridge.company.delivery import DeliveryRules
from crm_bridge.company.desk import DeskRules
from crm_bridge.company.loyalty import LoyaltyRules
from crm_bridge.company.messages import MessageRules
from crm_bridge.company.orders import OrderRules
from crm_bridge.company.payment import PaymentRules
from crm_bridge.company.people import People
from crm_bridge.company.plans import PlanRules
from crm_bridge.company.privacy import PrivacyRules
from crm_bridge.company.promotions import PromotionRules
from crm_bridge.company.requisites import Requisites
from crm_bridge.company.returns import ReturnRules
from crm_bridge.company.stores import Stores
from crm_bridge.company.visits import VisitRules


class BadCompany(ValueError):
    """The file cannot be used; the message says where and why."""


class Company(BaseModel):
    """Everything in `data/company.yml`, one part a topic."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    channels: ChannelRules = ChannelRules()
    conversation: Conversation
    cases: CaseRules
    orders: OrderRules
    delivery: DeliveryRules
    desk: DeskRules = DeskRules()
    returns: ReturnRules
    payment: PaymentRules
    promotions: PromotionRules
    loyalty: LoyaltyRules
    plans: PlanRules
    account: AccountRules
    privacy: PrivacyRules
    messages: MessageRules
    requisites: Requisites
    people: People
    stores: Stores
    visits: VisitRules


def load(path: Path) -> Company:
    """Read the file.

    Raises:
        BadCompany: something in it is missing, unknown or impossible.
    """
    try:
        return Company.model_validate(yml.parse(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError, OSError) as error:
        raise BadCompany(f"{path.name}: {_in_words(error)}") from error


def _in_words(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
