"""Visits: which services there are, and until when an appointment may still be changed."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, field_validator

from crm_bridge.company.words import Words


class VisitService(BaseModel):
    """A service one can come for. In the calendar its slots bear one of the names in `slots`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    slots: tuple[str, ...] = Field(min_length=1)
    title: Words
    words: tuple[str, ...]  # beginnings of words by which customers call it


class VisitRules(BaseModel):
    """`lead`: the least time between booking and visit; `change_until`: so long before it may be moved or
    cancelled here, later only people can."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    services: tuple[VisitService, ...] = Field(min_length=1)
    lead: timedelta
    change_until: timedelta

    @field_validator("services")
    @classmethod
    def _told_apart(cls, services: tuple[VisitService, ...]) -> tuple[VisitService, ...]:
        if len({service.key for service in services}) < len(services):
            raise ValueError("two services have the same key")
        return services

    def service(self, key: str) -> VisitService:
        """The service of that key."""
        return next(service for service in self.services if service.key == key)

    def of_slot(self, name: str) -> VisitService | None:
        """The service that the calendar calls so."""
        return next((service for service in self.services if name in service.slots), None)
