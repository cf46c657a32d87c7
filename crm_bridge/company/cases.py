"""How soon people see to a case."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, model_validator

from crm_bridge.company.hours import Hours
from crm_bridge.models import TicketPriority


class CaseRules(BaseModel):
    """`answer_in`: working time until a customer has an answer, by priority."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: Hours
    answer_in: dict[TicketPriority, timedelta]

    @model_validator(mode="after")
    def _all_priorities(self) -> "CaseRules":
        if missing := set(TicketPriority) - set(self.answer_in):
            raise ValueError(f"answer_in lacks {', '.join(sorted(missing))}")
        return self

    def due(self, priority: TicketPriority, now: datetime) -> datetime:
        """By when a case that comes in now is answered."""
        return self.hours.after(now, self.answer_in[priority])
