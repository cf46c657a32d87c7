"""Files that customers sent are fetched as each provider gives them out."""

import pytest

from bot.channels.port import Channel, Transient, Unreadable
from tests.fakes.messengers import Messengers

DATA = b"\xff\xd8\xff" + bytes(range(256)) * 400


def place(messengers: Messengers, name: str) -> str:
    """Put a file at a provider; by what it is asked for."""
    match name:
        case "telegram":
            messengers.telegram.files["photo"] = DATA
            return "photo"
        case "max":
            messengers.max.files["photo"] = DATA
            return f"{messengers.max.url}/files/photo"
        case "vk":
            messengers.vk.uploads["photo"] = DATA
            return f"{messengers.vk.url}/files/photo"
    messengers.whatsapp.media["77"] = DATA
    return "77"


async def fetched(channel: Channel, file: str, limit: int = 10**6) -> bytes:
    return b"".join([chunk async for chunk in channel.fetch(file, limit)])


@pytest.mark.parametrize("name", ["telegram", "max", "vk", "whatsapp"])
async def test_a_file_is_had_whole_or_not_at_all(
    messengers: Messengers, channels: dict[str, Channel], name: str
) -> None:
    file = place(messengers, name)
    assert await fetched(channels[name], file) == DATA
    with pytest.raises(Unreadable):
        await fetched(channels[name], file, limit=len(DATA) - 1)


@pytest.mark.parametrize("name", ["telegram", "max", "vk", "whatsapp"])
async def test_a_file_that_is_gone(messengers: Messengers, channels: dict[str, Channel], name: str) -> None:
    with pytest.raises(Unreadable):
        await fetched(channels[name], place(messengers, name).replace("photo", "gone").replace("77", "78"))


async def test_a_provider_that_stumbles_is_asked_again_later(
    messengers: Messengers, channels: dict[str, Channel]
) -> None:
    file = place(messengers, "whatsapp")
    messengers.whatsapp.fail("500")
    with pytest.raises(Transient):
        await fetched(channels["whatsapp"], file)
    assert await fetched(channels["whatsapp"], file) == DATA


async def test_sms_and_viber_addresses_inside_our_network_are_refused(channels: dict[str, Channel]) -> None:
    for name in ("sms", "viber"):
        with pytest.raises(Unreadable):
            await fetched(channels[name], "http://127.0.0.1:9/secret")
