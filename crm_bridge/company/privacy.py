"""What people may ask about their data, and what the law lets the company keep."""

from pydantic import BaseModel, ConfigDict, Field

from crm_bridge.company.words import Note, Words


class PrivacyRules(BaseModel):
    """Deadlines are in days from the request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    erase_within_days: int = Field(gt=0)
    answer_within_days: int = Field(gt=0)
    kept: Words  # what stays after an erasure, and why
    policy_url: str = Field(pattern="^https://")
    notes: tuple[Note, ...] = ()
