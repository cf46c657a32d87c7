"""Whose word counts for which field, and how often an account is looked at."""

from datetime import time, timedelta
from enum import StrEnum

from pydantic import Field as Setting

from crm_bridge.adapters.rest_shape import Strict
from crm_bridge.adapters.values import Field
from crm_bridge.sync.tables import Side


class Owner(StrEnum):
    """Who may change a field."""

    ZABOTA = "zabota"  # what the CRM changes is put back
    CRM = "crm"  # what is changed here is put back
    BOTH = "both"
    NOBODY = "nobody"  # not synchronised


class Policy(StrEnum):
    """Who wins when both changed a field that both own."""

    ZABOTA = "zabota"
    CRM = "crm"
    ASK = "ask"  # both keep their own value until a person decides


class FieldRule(Strict):
    """The rule of one field."""

    owner: Owner = Owner.BOTH
    conflict: Policy = Policy.CRM

    def winner(self) -> Side | None:
        """Who wins when both sides say something different; None when a person decides."""
        if self.owner in (Owner.ZABOTA, Owner.CRM):
            return Side(self.owner.value)
        return None if self.conflict is Policy.ASK else Side(self.conflict.value)


class SyncRules(Strict):
    """How one account is synchronised."""

    fields: dict[Field, FieldRule] = Setting(default_factory=dict)  # the default rule for the others
    every_seconds: int = Setting(default=60, ge=5, le=86_400)
    overlap_seconds: int = Setting(default=180, ge=0, le=86_400)  # looked at again, for late commits
    sweep_at: time = time(3, 30)  # of the installation's own time zone
    create_contacts: bool = True  # customers that the CRM does not know are entered there
    create_customers: bool = True  # contacts that we do not know become customers
    language: str = "ru"  # of customers made from contacts
    time_zone: str = "Europe/Moscow"

    @property
    def every(self) -> timedelta:
        return timedelta(seconds=self.every_seconds)

    @property
    def overlap(self) -> timedelta:
        return timedelta(seconds=self.overlap_seconds)

    def of(self, field: Field) -> FieldRule:
        return self.fields.get(field, FieldRule())

    def kept(self, held: frozenset[Field]) -> frozenset[Field]:
        """The fields that are synchronised with a CRM that holds these."""
        return frozenset(field for field in held if self.of(field).owner is not Owner.NOBODY)
