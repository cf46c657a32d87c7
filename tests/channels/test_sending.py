"""What leaves us, against providers that limit, refuse and fail as the real ones do."""

import ssl
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.channels import whatsapp
from bot.channels.inbound import FileKind
from bot.channels.max import trust
from bot.channels.port import (
    Channel,
    OutgoingButton,
    OutgoingFile,
    Permanent,
    RateLimited,
    Reason,
    SendError,
    Template,
    Transient,
    Uncertain,
)
from bot.channels.vk import random_id
from tests.channels.conftest import ADDRESSES, line
from tests.fakes.messengers import FakeProvider, Messengers, Person

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
def person(provider: FakeProvider) -> Person:
    """A customer who has written a moment ago."""
    known = provider.person(ADDRESSES[provider.name])
    if provider.name == "whatsapp":
        provider.text_event(known, "Здравствуйте")
    return known


async def error_of(channel: Channel, name: str, **more: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(line(name, **more))
    return caught.value


async def test_a_line_arrives_as_it_was_meant(channel: Channel, person: Person) -> None:
    text = "Заказ <1001> & *прочее* отправлен_сегодня"
    sent = await channel.send(line(channel.name, text))
    (heard,) = person.heard
    assert heard.text.replace("\u2060", "") == text
    assert (sent.ref, sent.parts) == (heard.ref, 1)


async def test_buttons_come_back_as_their_ids(channel: Channel, person: Person) -> None:
    buttons = [OutgoingButton(f"id-{n}-0123456789abcdef", title) for n, title in enumerate(("Да", "Нет"))]
    await channel.send(line(channel.name, "Отменить заказ?", buttons=buttons))
    (heard,) = person.heard
    if channel.capabilities.buttons:
        assert [title for title, _ in heard.buttons] == ["Да", "Нет"]
    elif channel.capabilities.inbound:
        assert "1. Да\n2. Нет" in heard.text
    else:  # a number could not be answered: it is not asked for
        assert heard.text == "Отменить заказ?"


async def test_more_buttons_than_fit_become_a_numbered_list(channel: Channel, person: Person) -> None:
    buttons = [OutgoingButton(f"id-{n}", f"Заказ {1000 + n}") for n in range(30)]
    await channel.send(line(channel.name, "Который?", buttons=buttons))
    heard = person.heard[-1].text
    assert "30. Заказ 1029" in heard if channel.capabilities.inbound else heard == "Который?"
    assert not person.heard[-1].buttons


async def test_as_many_buttons_as_the_provider_allows(channel: Channel, person: Person) -> None:
    can = channel.capabilities
    title = "Выбираю вот этот заказ и никакой другой, спасибо вам большое, до свидания"[: can.button_title]
    buttons = [OutgoingButton("x" * 64, title) for _ in range(can.buttons)]
    outgoing = line(channel.name, "Который? " * 200, buttons=buttons)
    sent = await channel.send(outgoing)
    for part in range(1, sent.parts):
        await channel.send(replace(outgoing, part=part))
    assert len(person.heard[-1].buttons) == can.buttons


async def test_a_long_line_goes_part_by_part_and_is_taken_up_where_it_stopped(
    channel: Channel, provider: FakeProvider, person: Person
) -> None:
    text = " ".join(f"Предложение номер {n}." for n in range(1200))
    first = await channel.send(line(channel.name, text))
    assert first.parts > 1
    provider.fail("429")
    with pytest.raises(RateLimited):
        await channel.send(line(channel.name, text, part=1))
    refs = [first.ref]
    for part in range(1, first.parts):
        refs.append((await channel.send(line(channel.name, text, part=part))).ref)
    assert [heard.ref for heard in person.heard] == refs
    assert " ".join(heard.text for heard in person.heard) == text


async def test_too_much_at_once_is_told_with_how_long_to_wait(
    channel: Channel, provider: FakeProvider, person: Person
) -> None:
    provider.fail("429")
    limited = await error_of(channel, provider.name)
    assert isinstance(limited, RateLimited)
    assert timedelta(0) < limited.retry_after <= timedelta(minutes=1)
    assert not person.heard


async def test_a_provider_that_fails_is_tried_again(
    channel: Channel, provider: FakeProvider, person: Person
) -> None:
    provider.fail("500")
    assert isinstance(await error_of(channel, provider.name), Transient)
    await channel.send(line(channel.name))
    assert len(person.heard) == 1


async def test_when_the_answer_is_lost_nobody_knows(
    channel: Channel, provider: FakeProvider, person: Person
) -> None:
    provider.fail("drop_after_accept")
    assert isinstance(await error_of(channel, provider.name), Uncertain)
    assert len(person.heard) == 1
    await channel.send(line(channel.name))
    assert len(person.heard) == (1 if provider.name == "vk" else 2)
    assert channel.capabilities.idempotent is (provider.name == "vk")


async def test_a_silent_provider_is_not_waited_for_for_ever(
    channel: Channel, provider: FakeProvider, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    if provider.name == "telegram":
        monkeypatch.setattr(channel._bot.session, "timeout", 0.5)  # type: ignore[attr-defined]
    monkeypatch.setattr("bot.channels.http.SECONDS", 0.5)
    provider.fail("timeout")
    assert isinstance(await error_of(channel, provider.name), Uncertain)


async def test_nobody_there_means_nothing_was_delivered(
    messengers: Messengers, channel: Channel, name: str
) -> None:
    await messengers._runner.cleanup()
    assert isinstance(await error_of(channel, name), Transient)


async def test_a_customer_who_blocked_us(channel: Channel, provider: FakeProvider, person: Person) -> None:
    if provider.name == "whatsapp":
        pytest.skip("WhatsApp does not tell")
    person.blocked = True
    refused = await error_of(channel, provider.name)
    assert isinstance(refused, Permanent)
    assert refused.reason is (Reason.DEAD_ADDRESS if provider.name == "sms" else Reason.BLOCKED)


async def test_a_customer_who_is_gone(channel: Channel, provider: FakeProvider, person: Person) -> None:
    person.gone = True
    refused = await error_of(channel, provider.name)
    assert isinstance(refused, Permanent)
    assert refused.reason is Reason.DEAD_ADDRESS


async def test_a_refused_key_is_the_accounts_fault(
    channel: Channel, provider: FakeProvider, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = __import__(f"tests.fakes.messengers.{provider.name}", fromlist=["x"])
    if provider.name == "sms":
        monkeypatch.setattr(channel._config, "__dict__", channel._config.__dict__ | {"login": "other"})  # type: ignore[attr-defined]
    else:
        monkeypatch.setattr(module, "TOKEN", "revoked")
    refused = await error_of(channel, provider.name)
    assert isinstance(refused, Permanent)
    assert refused.reason is Reason.ACCOUNT


async def test_files_go_where_they_can(channel: Channel, person: Person) -> None:
    photo = OutgoingFile(FileKind.PHOTO, "фото.png", "image/png", PNG)
    paper = OutgoingFile(FileKind.DOCUMENT, "чек.pdf", "application/pdf", b"%PDF-1.7")
    outgoing = line(channel.name, "Ваш чек", files=[photo, paper])
    if not channel.capabilities.files:
        with pytest.raises(Permanent):
            await channel.send(outgoing)
        return
    for part in range(3):
        sent = await channel.send(line(channel.name, "Ваш чек", files=[photo, paper], part=part))
        assert sent.parts == 3
    assert [heard.file for heard in person.heard] == [PNG, b"%PDF-1.7", None]


async def test_no_error_tells_a_key_or_an_address(
    channel: Channel, provider: FakeProvider, person: Person
) -> None:
    for fault in ("429", "500", "drop_before_accept", "drop_after_accept"):
        provider.fail(fault)
        told = str(await error_of(channel, provider.name))
        assert ADDRESSES[provider.name] not in told
        for field in ("token", "password", "app_secret"):
            secret = getattr(provider.account(), field, None)  # type: ignore[attr-defined]
            assert secret is None or secret.get_secret_value() not in told


# ---- what single providers have of their own ----


async def test_telegram_gets_plain_text_when_it_cannot_read_the_marks(
    messengers: Messengers, channels: dict[str, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.markup._TAGS", {"": "{0}", "bold": "<b>{0}"})
    person = messengers.telegram.person("42")
    await channels["telegram"].send(line("telegram", "Заказ **1001**", markup=True))
    assert person.heard[0].text == "Заказ 1001"


async def test_max_is_asked_again_while_it_still_works_on_a_file(
    messengers: Messengers, channels: dict[str, Channel]
) -> None:
    messengers.max.person("42")
    messengers.max.not_ready = 1
    paper = OutgoingFile(FileKind.DOCUMENT, "чек.pdf", "application/pdf", b"%PDF")
    limited = await error_of(channels["max"], "max", text="", files=[paper])
    assert isinstance(limited, RateLimited)
    assert not limited.whole_account
    await channels["max"].send(line("max", "", files=[paper]))


async def test_max_is_subscribed_again_when_it_dropped_us(
    messengers: Messengers, channels: dict[str, Channel]
) -> None:
    await channels["max"].open("https://shop.example/hooks/max/shop")
    assert len(messengers.max.subscriptions) == 1
    kept = messengers.max.subscriptions[0]
    await channels["max"].open("https://shop.example/hooks/max/shop")
    assert messengers.max.subscriptions[0] is kept
    messengers.max.unsubscribe()
    await channels["max"].open("https://shop.example/hooks/max/shop")
    assert messengers.max.subscriptions[0]["url"] == "https://shop.example/hooks/max/shop"


async def test_maxs_own_authority_is_trusted_by_its_client_alone() -> None:
    assert "Russian Trusted Root CA" in str(trust(None).get_ca_certs())
    assert "Russian Trusted Root CA" not in str(ssl.create_default_context().get_ca_certs())


async def test_whatsapp_outside_the_window_takes_a_template_only(
    messengers: Messengers, channels: dict[str, Channel]
) -> None:
    person = messengers.whatsapp.person(ADDRESSES["whatsapp"])
    refused = await error_of(channels["whatsapp"], "whatsapp")
    assert isinstance(refused, Permanent)
    assert refused.reason is Reason.TOO_OLD
    await channels["whatsapp"].send(line("whatsapp", template=Template("order_shipped", "ru", ("1001",))))
    assert person.heard[0].raw["template"]["components"][0]["parameters"][0]["text"] == "1001"


async def test_whatsapp_people_without_a_number_are_written_to_by_their_id(
    messengers: Messengers, channels: dict[str, Channel]
) -> None:
    person = messengers.whatsapp.person("RU.13491208655302741918")
    messengers.whatsapp.text_event(person, "Здравствуйте")
    await channels["whatsapp"].send(line("whatsapp", address=person.id))
    assert "to" not in person.heard[0].raw


@pytest.mark.parametrize(("code", "kind"), [(131056, RateLimited), (131000, Transient), (131049, Permanent)])
def test_whatsapps_codes(code: int, kind: type[SendError]) -> None:
    assert isinstance(whatsapp._meaning(code), kind)


def test_vk_gets_a_number_of_its_own_for_every_part() -> None:
    numbers = {random_id(str(key), part) for key in range(200) for part in range(5)}
    assert len(numbers) == 1000
    assert all(0 < number < 2**31 for number in numbers)
    assert random_id("7", 0) == random_id("7", 0)
