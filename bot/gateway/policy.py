"""Which channels this company may use, and what for.

A bank may be forbidden to write through a foreign messenger; a shop may want advertising in one channel only.
The rules stand in `data/company.yml` and are tried before every send, so a change counts for what waits too.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

from bot.channels import webchat
from crm_bridge.company.channels import ChannelRules

OWN = frozenset({webchat.CHANNEL})  # the company's own page


class Use(StrEnum):
    """What a line is for."""

    REPLY = "reply"  # an answer to what the customer wrote
    SERVICE = "service"  # we begin: about what they bought or asked
    MARKETING = "marketing"


class ChannelPolicy:
    """The company's rules. Without any, every channel may be used for everything."""

    def __init__(self, rules: Mapping[str, Collection[Use]] | None = None) -> None:
        self._rules = rules or None

    @classmethod
    def of(cls, rules: ChannelRules) -> "ChannelPolicy":
        """The policy that the company wrote down."""
        return cls({channel: [Use(use) for use in uses] for channel, uses in rules.root.items()})

    def change(self, rules: Mapping[str, Collection[Use]]) -> None:
        """New rules name what each channel may be used for; a channel they do not name is not used at all."""
        self._rules = rules or None

    def allows(self, channel: str, use: Use) -> bool:
        """Whether a line of this use may go through the channel."""
        if self._rules is None or channel in OWN:
            return True
        return use in self._rules.get(channel, ())
