"""The components in a Rasa graph: trained by Rasa, loaded by Rasa, cached by Rasa."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.nlu.classifier import IntentClassifier
from bot.engine.nlu.extractor import EntityExtractor
from bot.engine.nlu.fingerprint import FOLDER, code_fingerprint
from bot.engine.nlu.layer import LanguageLayer
from bot.engine.nlu.mood import SentimentAnalyser
from tests.nlu.product_data import examples

COMPONENTS = (IntentClassifier, EntityExtractor, SentimentAnalyser)
CONTEXT = ExecutionContext(GraphSchema({}))
NOW = "2026-11-20T12:00:00+03:00"


@pytest.fixture(scope="module")
def data() -> TrainingData:
    chosen = [
        e for e in examples() if e.intent in {"track_order", "greet", "praise", "complaint", "out_of_scope"}
    ]
    messages = [Message.build(e.text, intent=e.intent) for e in chosen]
    lookup = [{"name": "product", "elements": ["Вега 3000"]}]
    return TrainingData(training_examples=messages, lookup_tables=lookup)


@pytest.fixture(scope="module")
def trained(data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The components as the engine has them: trained, stored, loaded in another place."""
    storage = LocalModelStorage.create(tmp_path_factory.mktemp("model"))
    loaded: list[Any] = [
        LanguageLayer.create(LanguageLayer.get_default_config(), storage, Resource("layer"), CONTEXT)
    ]
    for kind in COMPONENTS:
        config = {**kind.get_default_config(), **({"encoders": {}} if kind is IntentClassifier else {})}
        resource = Resource(kind.__name__)
        assert kind.create(config, storage, resource, CONTEXT).train(data) == resource
        loaded.append(kind.load(config, storage, resource, CONTEXT))
    return loaded


def understood(components: list[Any], text: str, **metadata: str) -> Message:
    message = Message({TEXT: text, "metadata": metadata})
    for component in components:
        component.process([message])
    return message


def test_a_message_goes_through(trained: list[Any]) -> None:
    message = understood(trained, "Где мой заказ 10234, обещали привезти в пятницу вечером", now=NOW)
    assert message.get(INTENT)["name"] == "track_order"
    assert message.get("intent_ranking")[0] == message.get(INTENT)
    assert message.get("rejected") is False
    assert message.get("nearest")["intent"] in {"track_order", "out_of_scope"}
    assert 0 <= message.get("rejection_score") <= 1
    assert message.get("sentiment")["score"] == pytest.approx(0, abs=0.3)
    assert message.get("inquiries") == []
    found = {e["entity"]: e for e in message.get(ENTITIES)}
    assert found["order_id"]["value"] == "10234"
    assert found["time"]["value"] == "18:00/23:00"
    assert found["order_id"] == {
        "entity": "order_id",
        "start": 14,
        "end": 19,
        "value": "10234",
        "text": "10234",
        "extractor": "EntityExtractor",
    }


def test_everything_is_put_into_the_output(trained: list[Any]) -> None:
    message = understood(trained, "ghbdtn", now=NOW)
    assert message.get("repaired")["text"] == "привет"
    assert message.get(INTENT)["name"] == "greet"
    keys = {
        "intent",
        "intent_ranking",
        "margin",
        "nearest",
        "rejected",
        "rejection_score",
        "sentiment",
        "repaired",
    }
    assert keys <= set(message.output_properties)


def test_tokens_have_lemmas_and_places(trained: list[Any]) -> None:
    tokens = understood(trained, "Где мои заказы?").get("text_tokens")
    assert [(t.text, t.start, t.lemma) for t in tokens] == [
        ("Где", 0, "где"), ("мои", 4, "мой"), ("заказы", 8, "заказ"), ("?", 14, "?"),
    ]  # fmt: skip


def test_the_clock_and_the_zone_come_with_the_message(trained: list[Any]) -> None:
    late = "2026-11-20T23:30:00+03:00"
    here = understood(trained, "завтра", now=late).get(ENTITIES)[0]["value"]
    east = understood(trained, "завтра", now=late, time_zone="Asia/Vladivostok").get(ENTITIES)[0]["value"]
    assert (here, east) == ("2026-11-21", "2026-11-22")


@pytest.mark.parametrize(
    "metadata", [{"now": "yesterday"}, {"time_zone": "Mars/Base"}, {"time_zone": "../../etc/passwd"}]
)
def test_senseless_metadata_is_no_harm(trained: list[Any], metadata: dict[str, str]) -> None:
    value = understood(trained, "сегодня", **metadata).get(ENTITIES)[0]["value"]
    assert abs((datetime.fromisoformat(value) - datetime.now()).days) <= 1


def test_the_companys_products_are_found(trained: list[Any]) -> None:
    found = understood(trained, "сломалась вега 3000").get(ENTITIES)
    assert {"product"} == {e["entity"] for e in found if e["value"] == "Вега 3000"}


def test_a_changed_helper_changes_the_fingerprint(tmp_path: Path) -> None:
    copy = tmp_path / "nlu"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = code_fingerprint(copy)
    assert before == code_fingerprint()
    with (copy / "data" / "concepts.txt").open("a", encoding="utf-8") as file:
        file.write("new: word\n")
    after_data = code_fingerprint(copy)
    with (copy / "entities" / "dates.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert len({before, after_data, code_fingerprint(copy)}) == 3


def test_every_component_says_what_it_depends_on() -> None:
    for kind in (*COMPONENTS, LanguageLayer):
        assert code_fingerprint() in str(kind.fingerprint_addon(kind.get_default_config()))
        assert kind.required_packages()


def test_an_archive_without_a_model_is_an_error(tmp_path: Path) -> None:
    storage = LocalModelStorage.create(tmp_path)
    with pytest.raises(ValueError, match="nothing"):
        IntentClassifier.load(IntentClassifier.get_default_config(), storage, Resource("nothing"), CONTEXT)
