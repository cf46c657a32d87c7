"""When a matter goes to people at once, and whom to call when it is about life and limb."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from crm_bridge.company.words import Words


class Emergency(BaseModel):
    """Numbers to call. `zones`: beginnings of the time zones where they hold; "" is everywhere else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zones: tuple[str, ...]
    call: str  # fire brigade, ambulance
    listen: Words  # somebody to talk to, by day and by night


class People(BaseModel):
    """`upset`: how a message sounds (-1…1) that is from an upset customer, or worse."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    upset: float = Field(ge=-1, lt=0)
    emergency: tuple[Emergency, ...]

    @field_validator("emergency")
    @classmethod
    def _holds_everywhere(cls, numbers: tuple[Emergency, ...]) -> tuple[Emergency, ...]:
        if not numbers or "" not in numbers[-1].zones:
            raise ValueError('the last entry must have the zone ""')
        return numbers

    def emergency_in(self, time_zone: str) -> Emergency:
        """The numbers of the region."""
        return next(one for one in self.emergency if time_zone.startswith(one.zones))
