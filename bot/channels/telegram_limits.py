"""What Telegram takes; beside the channel, whose library needs a hundred megabytes of memory."""

from datetime import timedelta

from bot.channels.port import Capabilities, Rate

CAPABILITIES = Capabilities(
    text=4096,  # UTF-16 code units, after entities are parsed
    buttons=12,  # more would be a wall; Telegram's own limit is 100
    button_title=64,
    files=True,
    account_rate=Rate(30, timedelta(seconds=1)),
    chat_rate=Rate(1, timedelta(seconds=1)),
)
