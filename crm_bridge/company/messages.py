"""What customers are written to about, and by which channels."""

from pydantic import BaseModel, ConfigDict

from crm_bridge.company.words import Words


class Channel(BaseModel):
    """A channel by the name that consent records use. `about`: beginnings of words that mean it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    where: Words  # «в SMS», "by text message"
    about: tuple[tuple[str, ...], ...]


class MessageRules(BaseModel):
    """`text_version`: of the words that a customer agrees to, kept with each consent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text_version: str
    channels: tuple[Channel, ...]
    how_often: Words  # marketing messages
    service: Words  # what comes without any consent, because it is about the customer's own order

    def channel(self, key: str) -> Channel | None:
        """The channel of that name."""
        return next((channel for channel in self.channels if channel.key == key), None)
