"""A webhook counts only when it proves where it comes from: over the raw bytes, in every channel."""

import json
from typing import Any

import pytest

from bot.channels import sms, viber, whatsapp
from bot.channels.http import check
from bot.channels.port import Channel, Forged, Received
from tests.channels.conftest import ADDRESSES
from tests.fakes.messengers import FakeProvider, Messengers


def push(provider: FakeProvider) -> Received:
    """What the provider would send for a customer's word, or for SMS a status report."""
    person = provider.person(ADDRESSES[provider.name])
    if provider.name == "sms":
        body = provider.body(provider.status_event(person, "77", 1))  # type: ignore[attr-defined]
        secret = provider.account().hook_secret  # type: ignore[attr-defined]
        return Received("POST", body, query={"secret": secret})
    if provider.name == "telegram":
        provider.secret = provider.account().hook_secret  # type: ignore[attr-defined]
    if provider.name == "max":
        secret = provider.account().hook_secret  # type: ignore[attr-defined]
        provider.subscriptions = [{"secret": secret}]  # type: ignore[attr-defined]
    body = provider.body(provider.text_event(person, "Где мой заказ?"))
    return Received("POST", body, {name.lower(): value for name, value in provider.sign(body).items()})


def test_vibers_own_example_of_a_signature() -> None:
    token = "44dafb7e0f40021e-61a47a1e6778d187-f2c5a676a07050b3"
    body = b'{"event":"webhook","timestamp":4977069964384421269,"message_token":1478683725125}'
    signature = "d21b343448c8aee33b8e93768ef6ceb64a6ba6163099973a2b8bd028fea510ef"
    viber.verify(Received("POST", body, {"x-viber-content-signature": signature}), token)
    with pytest.raises(Forged):
        viber.verify(Received("POST", body + b" ", {"x-viber-content-signature": signature}), token)


def test_whatsapps_signature_is_hmac_sha256_of_the_raw_body() -> None:
    # RFC 4231, test case 2: HMAC-SHA256 with the key "Jefe"
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    received = Received("POST", b"what do ya want for nothing?", {"x-hub-signature-256": f"sha256={digest}"})
    whatsapp.verify(received, "Jefe")
    with pytest.raises(Forged):
        whatsapp.verify(Received("POST", received.body, {"x-hub-signature-256": digest}), "Jefe")


async def test_what_the_provider_sends_is_taken(provider: FakeProvider, channel: Channel) -> None:
    received = push(provider)
    channel.verify(received)
    assert len(channel.parse(received)) == 1


async def test_without_proof_it_is_refused(provider: FakeProvider, channel: Channel) -> None:
    received = push(provider)
    body = received.body
    if provider.name == "vk":
        event = json.loads(body)
        del event["secret"]
        body = json.dumps(event).encode()
    with pytest.raises(Forged):
        channel.verify(Received("POST", body))


@pytest.mark.parametrize("wrong", ["", "guess", "х" * 32])
async def test_with_a_wrong_proof_it_is_refused(provider: FakeProvider, channel: Channel, wrong: str) -> None:
    received = push(provider)
    body, headers = received.body, dict.fromkeys(received.headers, wrong)
    if provider.name == "vk":
        body = json.dumps(json.loads(body) | {"secret": wrong}).encode()
    with pytest.raises(Forged):
        channel.verify(Received("POST", body, headers, dict.fromkeys(received.query, wrong)))


@pytest.mark.parametrize("signed", ["whatsapp", "viber"])
async def test_one_changed_byte_breaks_a_signature(
    messengers: Messengers, channels: dict[str, Channel], signed: str
) -> None:
    received = push(messengers.all[signed])
    for place in range(0, len(received.body), 7):
        altered = bytearray(received.body)
        altered[place] ^= 1
        with pytest.raises(Forged):
            channels[signed].verify(Received("POST", bytes(altered), received.headers))


async def test_vks_secret_of_another_community_is_refused(
    messengers: Messengers, channels: dict[str, Channel]
) -> None:
    event = json.loads(push(messengers.vk).body) | {"group_id": 78}
    with pytest.raises(Forged):
        channels["vk"].verify(Received("POST", json.dumps(event).encode()))


@pytest.mark.parametrize("secret", [None, 5, ["vk-secret-key"], {"a": 1}, True])
async def test_vks_secret_must_be_a_text(channels: dict[str, Channel], secret: Any) -> None:
    event = {"type": "message_new", "group_id": 77, "secret": secret}
    with pytest.raises(Forged):
        channels["vk"].verify(Received("POST", json.dumps(event).encode()))


def test_no_secret_set_means_nobody_is_believed() -> None:
    with pytest.raises(Forged):
        check("", "")
    with pytest.raises(Forged):
        sms.verify(Received("POST", b"", query={"secret": ""}), "")


async def test_vk_asks_for_the_confirmation(channels: dict[str, Channel]) -> None:
    asked = Received("POST", b'{"type":"confirmation","group_id":77}')
    assert channels["vk"].handshake(asked) == "c0nf1rm"
    for forged in (
        b'{"type":"confirmation","group_id":78}',
        b'{"type":"confirmation","group_id":77,"secret":"x"}',
    ):
        with pytest.raises(Forged):
            channels["vk"].handshake(Received("POST", forged))


async def test_whatsapp_asks_for_its_challenge(channels: dict[str, Channel]) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "123"}
    assert channels["whatsapp"].handshake(Received("GET", b"", query=query)) == "123"
    with pytest.raises(Forged):
        channels["whatsapp"].handshake(Received("GET", b"", query=query | {"hub.verify_token": "guess"}))
