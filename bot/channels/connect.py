"""Channels made of what `var/channels.yml` says. A provider's code is loaded only when it is used."""

from bot.channels.accounts import (
    Account,
    ChannelsConfig,
    EmailAccount,
    MaxAccount,
    SmsAccount,
    TelegramAccount,
    ViberAccount,
    VkAccount,
    WhatsAppAccount,
)
from bot.channels.email import Marks
from bot.channels.port import Channel


def connect(config: ChannelsConfig, marks: Marks) -> list[Channel]:
    """A channel for every account. Call it inside the running loop, and close them."""
    return [_channel(name, account, marks) for name, account in config.accounts.items()]


def _channel(name: str, account: Account, marks: Marks) -> Channel:
    match account:
        case TelegramAccount():
            from bot.channels.telegram import Telegram

            return Telegram(name, account)
        case MaxAccount():
            from bot.channels.max import Max

            return Max(name, account)
        case VkAccount():
            from bot.channels.vk import Vk

            return Vk(name, account)
        case WhatsAppAccount():
            from bot.channels.whatsapp import WhatsApp

            return WhatsApp(name, account)
        case ViberAccount():
            from bot.channels.viber import Viber

            return Viber(name, account)
        case EmailAccount():
            from bot.channels.email import Email

            return Email(name, account, marks)
        case SmsAccount():
            from bot.channels.sms import Sms

            return Sms(name, account)
