"""How the assistant behaves in a conversation."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict


class Conversation(BaseModel):
    """`pause`: silence after which she asks whether to go on with an open question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pause: timedelta
