"""Bad input gets a clear refusal and harms nobody else's conversation."""

from __future__ import annotations

import json
import os

import pytest
import requests

from .harness import Dialogue, Engine, sign

GOOD = {"conversation_id": "c1", "message_id": "m1", "after": None, "text": "привет"}


def body(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "bad_request"),
        (b"{", 400, "bad_request"),
        (b"[]", 400, "bad_request"),
        (b"null", 400, "bad_request"),
        (b"\xff\xfe\x00\x01" * 100, 400, "bad_request"),
        (b"[" * 50_000, 400, "bad_request"),
        (b'{"conversation_id": NaN}', 400, "bad_request"),
        (b'{"conversation_id": "c1", "message_id": "m1", "text": "\\ud800"}', 400, "bad_request"),
        (b"x" * 1_000_000, 413, "too_large"),
        (b"x" * 70_000, 413, "too_large"),
        (body(text="👍" * 10_000), 413, "too_large"),
        (body(text="а" * 4_001), 413, "too_large"),
        (body(metadata={"x": "y" * 9_000}), 413, "too_large"),
        (body(text=""), 400, "bad_request"),
        (body(text=" \u00a0\n"), 400, "bad_request"),
        (body(text=None), 400, "bad_request"),
        (body(text=5), 400, "bad_request"),
        (body(text="x", press={"intent": "greet"}), 400, "bad_request"),
        (body(conversation_id=""), 400, "bad_request"),
        (body(conversation_id="a/b"), 400, "bad_request"),
        (body(conversation_id="имя"), 400, "bad_request"),
        (body(conversation_id="c1\n"), 400, "bad_request"),
        (body(conversation_id="c" * 65), 400, "bad_request"),
        (body(conversation_id=7), 400, "bad_request"),
        (body(message_id=None), 400, "bad_request"),
        (body(after="../x"), 400, "bad_request"),
        (body(memory=[]), 400, "bad_request"),
        (body(memory={"v": 1, "events": []}), 400, "bad_request"),
        (body(after="m0", memory={"v": 1, "events": [{"event": "import os"}]}), 400, "bad_request"),
        (body(after="m0", memory={"v": 1}), 400, "bad_request"),
        (body(language="de"), 400, "bad_request"),
        (body(metadata=[]), 400, "bad_request"),
        (body(surprise=1), 400, "bad_request"),
        (body(text=None, press={"intent": "/greet"}), 400, "bad_request"),
        (body(text=None, press={"intent": "greet", "entities": {"order_id": {"a": 1}}}), 400, "bad_request"),
        (body(text=None, press={"intent": "greet", "parse_data": {}}), 400, "bad_request"),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else None,
)
def test_a_bad_body_is_refused(engine: Engine, content: bytes, status: int, code: str) -> None:
    response = engine.post("turn", content)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_others_go_on_talking(engine: Engine, dialogue: Dialogue) -> None:
    dialogue.say("привет")
    for content in (b"", b"x" * 1_000_000, os.urandom(2_000), body(text="👍" * 10_000)):
        engine.post("turn", content)
    assert dialogue.texts("пока") == ["До свидания!"]


@pytest.mark.parametrize("path", ["turn", "parse"])
@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha256=" + "0" * 64, sign(b"another body"), "☃".encode().decode("latin-1")]
)
def test_a_wrong_signature_is_refused(engine: Engine, path: str, signature: str) -> None:
    response = engine.post(path, body(), signature=signature)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "bad_signature")


def test_no_signature_at_all(engine: Engine) -> None:
    response = requests.post(f"{engine.url}/webhooks/zabota/turn", data=body(), timeout=10)
    assert response.status_code == 401


def test_four_thousand_characters_are_welcome(dialogue: Dialogue) -> None:
    assert dialogue.texts("щ" * 4_000) == ["Не понял."]


def test_parse_touches_no_conversation(engine: Engine) -> None:
    nlu = engine.ask("parse", text="где мой заказ").json()["nlu"]
    assert nlu["intent"]["name"] == "track_order"
    assert nlu["language"] == "ru"
    assert len(nlu["ranking"]) <= 5
    assert engine.ask("parse", text="12", language="en").json()["nlu"]["language"] == "en"
    assert engine.ask("parse", text="/restart").json()["nlu"]["intent"]["name"] == "nlu_fallback"
    assert engine.ask("parse", text="").json()["error"]["code"] == "bad_request"


def test_health_names_the_model(engine: Engine) -> None:
    assert requests.get(f"{engine.url}/webhooks/zabota/health", timeout=10).json() == {
        "model": "first.tar.gz",
        "candidate": None,
    }
