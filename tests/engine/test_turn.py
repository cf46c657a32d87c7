"""A customer's messages through the real engine process."""

from __future__ import annotations

import json
import socket
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .harness import ACTIONS_SECRET, TOKEN, ActionServer, Dialogue, Engine, sign


def test_an_answer_carries_replies_classification_and_memory(dialogue: Dialogue) -> None:
    answer = dialogue.say("привет")
    assert answer["replies"] == [{"text": "Здравствуйте!", "buttons": []}]
    assert answer["nlu"]["intent"] == {"name": "greet", "confidence": 1.0}
    assert answer["nlu"]["language"] == "ru"
    assert answer["nlu"]["entities"] == []
    assert answer["actions"] == ["utter_greet"]
    assert answer["repeated"] is False
    assert "привет" not in json.dumps(answer["memory"], ensure_ascii=False)


def test_the_customer_gets_the_language_of_each_message(dialogue: Dialogue) -> None:
    assert dialogue.texts("привет") == ["Здравствуйте!"]
    assert dialogue.texts("hello") == ["Hello!"]
    assert dialogue.texts("👍") == ["I did not understand."]
    assert dialogue.texts("пока") == ["До свидания!"]


def test_the_page_tells_the_language_until_the_customer_does(dialogue: Dialogue) -> None:
    dialogue.language = "en"
    assert dialogue.texts(press={"intent": "greet"}) == ["Hello!"]
    assert dialogue.texts("1001") == ["I did not understand."]
    dialogue.texts("привет")
    assert dialogue.texts(press={"intent": "greet"}) == ["Здравствуйте!"]


def test_the_action_server_answers_by_name_of_a_response_in_the_right_language(
    dialogue: Dialogue, actions: ActionServer
) -> None:
    press = {"intent": "track_order", "entities": {"order_id": "1001"}}
    answer = dialogue.say(press=press, language="en", metadata={"channel": "web"})
    assert answer["replies"][0]["text"] == "Order 1001 is on its way."
    assert answer["actions"] == ["action_order"]
    latest = actions.calls[-1]["tracker"]["latest_message"]
    assert latest["metadata"] == {"channel": "web", "language": "en", "message_id": answer["message_id"]}
    assert actions.headers[-1] == ACTIONS_SECRET
    assert "slots" in actions.calls[-1]["domain"]
    assert "responses" not in actions.calls[-1]["domain"]
    assert dialogue.texts("где мой заказ") == ["Заказ 1001 в пути."]


def test_buttons_come_with_title_and_payload(dialogue: Dialogue) -> None:
    buttons = dialogue.say("пока")["replies"][0]["buttons"]
    assert buttons == [{"title": "Спасибо", "payload": "/greet"}]


@pytest.mark.parametrize(
    "text",
    [
        "/restart", "/RESTART", "/back", "/session_start", "/Session_Start", "/greet", "/ greet", "//greet",
        '/track_order{"order_id":"evil"}', '/track_order{"order_id": {"a": [1]}}', "/inform@0.01{}",
        " /restart", "\n\t/restart", "\u00a0/restart", "\u2060/restart", "\ufeff/restart",
        "/goodbye extra", "/ /greet", "\u200b/back", "\u00a0 \u200b/track_order{}", "／restart",
        '／track_order{"order_id":"evil"}',
        "/", "///", "/\u0338restart",
        "/nlu_fallback", "/out_of_scope", "/action_order", "/utter_goodbye", "\x00/restart", "\u3000/restart",
    ],
)  # fmt: skip
def test_free_text_never_has_a_special_meaning(dialogue: Dialogue, text: str) -> None:
    dialogue.say(press={"intent": "track_order", "entities": {"order_id": "1001"}}, language="ru")
    answer = dialogue.say(text)
    assert answer["nlu"]["intent"]["name"] == "nlu_fallback"
    assert answer["actions"] == ["utter_fallback"]
    # Neither undone nor overwritten.
    assert "1001" in str(dialogue.texts(press={"intent": "track_order"}))


def test_a_press_of_an_intent_the_model_does_not_have_is_refused(dialogue: Dialogue) -> None:
    response = dialogue.engine.ask("turn", **dialogue.request(press={"intent": "launch_rockets"}))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_request")


def test_the_same_message_twice_advances_the_dialogue_once(dialogue: Dialogue, actions: ActionServer) -> None:
    request = dialogue.request("где мой заказ")
    before = len(actions.calls)
    first = dialogue.engine.ask("turn", **request).json()
    second = dialogue.engine.ask("turn", **request).json()
    assert second == {**first, "repeated": True}
    assert len(actions.calls) == before + 1


def test_duplicates_that_arrive_while_the_turn_runs_join_it(
    dialogue: Dialogue, actions: ActionServer
) -> None:
    actions.hold()
    request = dialogue.request("не спеши")
    before = len(actions.calls)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(dialogue.engine.ask, "turn", **request) for _ in range(4)]
        assert actions.entered.wait(10)
        actions.let_go.set()
        bodies = [answer.result().json() for answer in answers]
    assert len(actions.calls) == before + 1
    assert sorted(body["repeated"] for body in bodies) == [False, True, True, True]
    assert all(body["replies"] == [{"text": "done at last", "buttons": []}] for body in bodies)


def test_a_client_that_disconnects_does_not_cancel_its_turn(
    dialogue: Dialogue, actions: ActionServer
) -> None:
    actions.hold()
    request = dialogue.request("не спеши")
    body = json.dumps(request, ensure_ascii=False).encode()
    head = (
        f"POST /webhooks/zabota/turn HTTP/1.1\r\nHost: engine\r\nContent-Length: {len(body)}\r\n"
        f"X-Zabota-Signature: {sign(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", dialogue.engine.port)) as client:
        client.sendall(head.encode() + body)
        assert actions.entered.wait(10)
    calls = len(actions.calls)
    actions.let_go.set()
    answer = dialogue.engine.ask("turn", **request).json()
    assert answer["repeated"] is True
    assert answer["replies"][0]["text"] == "done at last"
    assert len(actions.calls) == calls


def test_messages_of_one_conversation_go_one_after_the_other(
    dialogue: Dialogue, actions: ActionServer
) -> None:
    actions.hold()
    slow = dialogue.request("не спеши", message_id="slow")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(dialogue.engine.ask, "turn", **slow)
        assert actions.entered.wait(10)
        # `after` names a turn that is still running; it is known once the turn is done.
        second = pool.submit(
            dialogue.engine.ask, "turn", **dialogue.request("привет", message_id="next", after="slow")
        )
        assert Dialogue(dialogue.engine, "someone-else").texts("привет") == ["Здравствуйте!"]
        assert not second.done()
        actions.let_go.set()
        assert (first.result().status_code, second.result().status_code) == (200, 200)


def test_a_failed_action_fails_the_turn_and_leaves_the_conversation_as_it_was(
    dialogue: Dialogue, actions: ActionServer
) -> None:
    dialogue.say(press={"intent": "track_order", "entities": {"order_id": "1001"}}, language="ru")
    failing = dialogue.request(press={"intent": "fail", "entities": {"order_id": "6666"}}, message_id="bad")
    for _ in range(2):  # not recorded: the retry computes it again
        response = dialogue.engine.ask("turn", **failing)
        assert (response.status_code, response.json()["error"]["code"]) == (500, "turn_failed")
        assert "action_fail" in response.json()["error"]["message"]
        assert actions.names()[-1] == "action_fail"
    assert dialogue.texts(press={"intent": "track_order"}) == ["Заказ 1001 в пути."]


def test_an_action_server_that_is_down_fails_the_turn(model: Path, tmp_path: Path) -> None:
    lonely = ActionServer()
    lonely.start()
    alone = Engine(model, lonely.port, tmp_path / "alone")
    alone.start()
    try:
        dialogue = Dialogue(alone, "c1")
        assert dialogue.texts("где мой заказ") == ["Заказ — в пути."]
        lonely.stop()
        response = alone.ask("turn", **dialogue.request("где мой заказ 1001", message_id="x"))
        assert (response.status_code, response.json()["error"]["code"]) == (500, "turn_failed")
        assert dialogue.texts("привет") == ["Здравствуйте!"]
        again = ActionServer(port=lonely.port)
        again.start()
        assert dialogue.texts("где мой заказ") == ["Заказ — в пути."]
        again.stop()
    finally:
        alone.kill()


def test_a_turn_with_nothing_to_say_is_an_error(dialogue: Dialogue) -> None:
    response = dialogue.engine.ask("turn", **dialogue.request(press={"intent": "inform"}))
    assert (response.status_code, response.json()["error"]["code"]) == (500, "empty_turn")


def test_a_turn_that_was_not_committed_is_forgotten(dialogue: Dialogue) -> None:
    dialogue.say(press={"intent": "track_order", "entities": {"order_id": "1001"}}, language="ru")
    # The engine answers, the gateway drops the answer: `after` stays where it was.
    dropped = dialogue.request(
        press={"intent": "track_order", "entities": {"order_id": "2222"}}, message_id="dropped"
    )
    assert dialogue.engine.ask("turn", **dropped).json()["replies"][0]["text"] == "Заказ 2222 в пути."
    assert dialogue.texts(press={"intent": "track_order"}) == ["Заказ 1001 в пути."]


def test_an_unknown_conversation_is_asked_for_its_memory(dialogue: Dialogue) -> None:
    response = dialogue.engine.ask("turn", **dialogue.request("привет", after="never-seen"))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "unknown_conversation")


def test_null_after_starts_anew(dialogue: Dialogue) -> None:
    dialogue.say(press={"intent": "track_order", "entities": {"order_id": "1001"}}, language="ru")
    dialogue.after = None
    assert dialogue.texts(press={"intent": "track_order"}, language="ru") == ["Заказ — в пути."]


SCRIPT: list[dict[str, object]] = [
    {"text": "hello"},
    {"press": {"intent": "track_order", "entities": {"order_id": "1001"}}},
    {"text": "start the form"},
    {"text": "bye"},
    {"text": "hello"},
    {"text": "1234"},
    {"text": "Ivan"},
    {"text": "where is my order"},
    {"text": "👍"},
]


def test_kill_and_restart_change_no_answer(engine: Engine, dialogue: Dialogue) -> None:
    undisturbed = [dialogue.say(**step)["replies"] for step in SCRIPT]  # type: ignore[arg-type]
    other = Dialogue(engine, dialogue.conversation_id + "-killed")
    disturbed = []
    for number, step in enumerate(SCRIPT):
        if number in (4, 7):
            engine.kill()
            engine.start()
        disturbed.append(other.say(**step)["replies"])  # type: ignore[arg-type]
    assert disturbed == undisturbed
    assert ["Done: 1234, Ivan."] in [[reply.get("text") for reply in replies] for replies in disturbed]


def test_a_form_survives_the_cut(dialogue: Dialogue) -> None:
    assert dialogue.texts("start the form") == ["Order number?"]
    for _ in range(10):
        assert dialogue.texts("hello") == ["Hello!", "Order number?"]
    assert dialogue.texts("my number is 4321") == ["Your name?"]
    for _ in range(3):
        assert dialogue.texts(press={"intent": "greet"}) == ["Hello!", "Your name?"]
    assert dialogue.texts("Ivan") == ["Done: 4321, Ivan."]
    assert dialogue.texts("where is my order") == ["Order 4321 is on its way."]


def test_a_turn_costs_the_same_however_long_the_conversation(
    engine: Engine, dialogue: Dialogue, record_property: Callable[[str, object], None]
) -> None:
    words = ("привет", "где мой заказ", "hello")
    for number in range(99):
        dialogue.say(words[number % 3])
    early: list[float] = []
    late: list[float] = []
    for number in range(21):  # by turns, so that a busy machine slows both alike
        fresh = Dialogue(engine, f"{dialogue.conversation_id}-{number}")
        for word in (*words, "привет"):
            fresh.say(word)
        early.append(milliseconds(fresh, words[number % 3]))
        late.append(milliseconds(dialogue, words[number % 3]))
    at_5, at_100 = statistics.median(early), statistics.median(late)
    size = len(json.dumps(dialogue.memory))
    record_property("ms_at_turn_5", at_5)
    record_property("ms_at_turn_100", at_100)
    print(
        f"\nturn 5: {at_5:.1f} ms, turn 100: {at_100:.1f} ms, ratio {at_100 / at_5:.2f}, memory {size} bytes"
    )
    assert at_100 / at_5 < 2  # below 1.3 on a quiet machine
    assert size < 6_000


def milliseconds(dialogue: Dialogue, text: str) -> float:
    began = time.perf_counter()
    dialogue.say(text)
    return (time.perf_counter() - began) * 1000


def test_many_conversations_at_once(engine: Engine) -> None:
    def talk(number: int) -> list[str | None]:
        dialogue = Dialogue(engine, f"crowd-{number}-{time.monotonic_ns()}", language="en")
        press = {"intent": "track_order", "entities": {"order_id": str(1000 + number)}}
        return dialogue.texts(press=press) + dialogue.texts("where is my order")

    with ThreadPoolExecutor(8) as pool:
        for number, texts in enumerate(pool.map(talk, range(24))):
            assert texts == [f"Order {1000 + number} is on its way."] * 2


def test_no_words_of_the_customer_in_the_log(dialogue: Dialogue) -> None:
    dialogue.engine.ask("turn", **dialogue.request("сломайся", metadata={"secret": "ПОТАЁННОЕ"}))
    dialogue.engine.ask("turn", **dialogue.request("/restart МОЙПАРОЛЬ"))
    lines = dialogue.engine.log.read_text().splitlines()
    assert all(isinstance(json.loads(line), dict) for line in lines), "every line is one JSON object"
    log = "\n".join(lines)
    assert "turn_failed" in log
    assert "action_fail" in log
    for words in ("сломайся", "ПОТАЁННОЕ", "МОЙПАРОЛЬ", "request_body", SCRIPT[0]["text"], TOKEN):
        assert str(words) not in log
