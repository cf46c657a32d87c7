"""The administrator's side: swapping models, and what of Rasa's HTTP interface is open."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from .harness import TOKEN, ActionServer, Dialogue, Engine


def put_model(engine: Engine, path: object, token: str = TOKEN) -> requests.Response:
    address = f"{engine.url}/model"
    return requests.put(address, params={"token": token}, json={"model_file": str(path)}, timeout=60)


def health(engine: Engine) -> str:
    return str(requests.get(f"{engine.url}/webhooks/zabota/health", timeout=10).json()["model"])


@pytest.fixture
def second(model: Path, engine: Engine, tmp_path: Path):  # type: ignore[no-untyped-def]
    yield shutil.copy(model, tmp_path / "second.tar.gz")
    assert put_model(engine, model).status_code == 204


def test_a_swap_keeps_conversations(engine: Engine, dialogue: Dialogue, second: Path) -> None:
    dialogue.say(press={"intent": "track_order", "entities": {"order_id": "1001"}}, language="ru")
    dialogue.say("начни анкету")
    assert put_model(engine, second).status_code == 204
    assert health(engine) == "second.tar.gz"
    request = dialogue.request("1234", message_id="after-the-swap")
    response = engine.ask("turn", **request)  # the memory is not asked for
    assert [reply["text"] for reply in response.json()["replies"]] == ["Ваше имя?"]


def test_a_turn_that_runs_during_the_swap_is_answered(
    engine: Engine, dialogue: Dialogue, actions: ActionServer, second: Path
) -> None:
    actions.hold()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(dialogue.texts, "не спеши")
        assert actions.entered.wait(10)
        assert put_model(engine, second).status_code == 204
        actions.let_go.set()
        assert running.result() == ["done at last"]
    assert dialogue.texts("привет") == ["Здравствуйте!"]


def test_memory_does_not_grow_with_swaps(engine: Engine, second: Path) -> None:
    for _ in range(3):
        put_model(engine, second)
    before = engine.memory_mb()
    for _ in range(10):
        put_model(engine, second)
    assert engine.memory_mb() - before < 10


def escaping(model: Path, folder: Path) -> Path:
    target = folder / "escaping.tar.gz"
    with tarfile.open(model) as good, tarfile.open(target, "w:gz") as bad:
        for member in good:
            bad.addfile(member, good.extractfile(member) if member.isfile() else None)
        member = tarfile.TarInfo("components/../../escaped.txt")
        bad.addfile(member, io.BytesIO(b""))
    return target


def with_class(model: Path, folder: Path, name: str) -> Path:
    target = folder / f"{name}.tar.gz"
    with tarfile.open(model) as good, tarfile.open(target, "w:gz") as bad:
        for member in good:
            content = good.extractfile(member).read() if member.isfile() else b""  # type: ignore[union-attr]
            if Path(member.name).name == "metadata.json":
                metadata = json.loads(content)
                next(iter(metadata["predict_schema"]["nodes"].values()))["uses"] = name
                content = json.dumps(metadata).encode()
            member.size = len(content)
            bad.addfile(member, io.BytesIO(content))
    return target


@pytest.mark.parametrize("kind", ["missing", "directory", "garbage", "escaping", "foreign", "tensorflow"])
def test_a_bad_archive_is_refused_and_the_old_model_stays(
    engine: Engine, model: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "garbage.tar.gz").write_bytes(b"garbage")
    diet = "rasa.nlu.classifiers.diet_classifier.DIETClassifier"
    path, says = {
        "missing": (tmp_path / "none.tar.gz", "no model file"),
        "directory": (model.parent, "no model file"),
        "garbage": (tmp_path / "garbage.tar.gz", "not a readable model archive"),
        "escaping": (escaping(model, tmp_path), "outside of its directory"),
        "foreign": (with_class(model, tmp_path, "os.path.PurePath"), "neither Rasa's nor the engine's"),
        "tensorflow": (with_class(model, tmp_path, diet), "make setup ENGINE=tensorflow"),
    }[kind]
    before = health(engine)
    response = put_model(engine, path)
    assert response.status_code == 400
    assert says in response.json()["message"]
    assert health(engine) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/model"), ("POST", "/model/train"), ("POST", "/model/test/stories"),
        ("POST", "/conversations/c1/tracker/events"), ("PUT", "/conversations/c1/tracker/events"),
        ("POST", "/conversations/c1/trigger_intent"), ("POST", "/webhooks/rest/webhook"), ("GET", "/"),
        ("POST", "/webhooks/zabota/../../model/train"),
    ],
)  # fmt: skip
def test_what_is_not_needed_is_not_offered(engine: Engine, method: str, path: str) -> None:
    response = requests.request(method, engine.url + path, params={"token": TOKEN}, json={}, timeout=10)
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/model"), ("GET", "/status"), ("POST", "/model/parse")]
)
@pytest.mark.parametrize("token", ["", "wrong"])
def test_the_rest_needs_the_token(engine: Engine, method: str, path: str, token: str) -> None:
    response = requests.request(method, engine.url + path, params={"token": token}, json={}, timeout=10)
    assert response.status_code == 401


def test_a_model_server_cannot_be_named(engine: Engine) -> None:
    body = {"model_server": {"url": "http://127.0.0.1:9"}}
    response = requests.put(f"{engine.url}/model", params={"token": TOKEN}, json=body, timeout=10)
    assert response.status_code == 400


def test_a_conversation_can_be_read(engine: Engine, dialogue: Dialogue) -> None:
    dialogue.say("hello")
    address = f"{engine.url}/conversations/{dialogue.conversation_id}/tracker"
    tracker = requests.get(address, params={"token": TOKEN}, timeout=10).json()
    assert tracker["slots"]["language"] == "en"


def ask_for_model(engine: Engine, path: Path, sha256: str | None = None) -> requests.Response:
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return engine.ask("model", file=str(path), sha256=digest)


def test_the_gateway_swaps_a_model_by_a_signed_request(
    engine: Engine, dialogue: Dialogue, second: Path
) -> None:
    dialogue.say("начни анкету")
    assert ask_for_model(engine, second).json() == {"model": "second.tar.gz"}
    assert health(engine) == "second.tar.gz"
    assert dialogue.texts("1234") == ["Ваше имя?"]


def test_turns_go_on_while_a_model_is_loaded(engine: Engine, second: Path) -> None:
    """The swap runs in a thread: no turn waits for it, and none is lost."""
    answered: list[float] = []
    swapped = threading.Event()

    def customer(number: int) -> None:
        talk = Dialogue(engine, f"during-swap-{number}")
        while not swapped.is_set():
            began = time.monotonic()
            assert talk.texts("привет") == ["Здравствуйте!"]
            answered.append(time.monotonic() - began)

    with ThreadPoolExecutor(3) as pool:
        talks = [pool.submit(customer, number) for number in range(3)]
        began = time.monotonic()
        assert ask_for_model(engine, second).status_code == 200
        took = time.monotonic() - began
        swapped.set()
        for talk in talks:
            talk.result()
    print(f"swap {took:.2f} s, {len(answered)} turns meanwhile, lost 0, longest {max(answered):.3f} s")
    assert len(answered) > 3


def test_a_model_that_is_not_the_registered_one_is_refused(engine: Engine, second: Path) -> None:
    before = health(engine)
    response = ask_for_model(engine, second, "0" * 64)
    assert response.status_code == 400
    assert "not the file that was registered" in response.json()["error"]["message"]
    assert health(engine) == before
