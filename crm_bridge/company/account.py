"""The customer's account on the company's site."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from crm_bridge.company.words import Words


class AccountRules(BaseModel):
    """Addresses of the site's pages, and how its doors behave."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sign_up_url: str = Field(pattern="^https://")
    reset_url: str = Field(pattern="^https://")
    link_lives: timedelta  # of a letter to confirm or to reset
    locked_for: timedelta  # after too many wrong passwords
    password: Words  # what a password must be like
