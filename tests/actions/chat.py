"""The engine's side of a dialogue: calls the action server as Rasa 3.6 does and renders what comes back."""

import itertools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from core import yml

ROOT = Path(__file__).parents[2]
DOMAIN: dict[str, Any] = yml.parse((ROOT / "domain.yml").read_text(encoding="utf-8"))
FORM = "identification_form"
TASK_FORM = "task_form"
PLACEHOLDER = re.compile(r"{(\w+)}")
Event = dict[str, Any]


def _actions_by_intent() -> dict[str, str]:
    """What the rules do for each intent outside of forms."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "data/rules").glob("*.yml")):
        for rule in yml.parse(path.read_text(encoding="utf-8"))["rules"]:
            first, *rest = rule["steps"]
            for intent in first.get("or", [first]):
                if "intent" in intent:
                    found[intent["intent"]] = rest[0]["action"]
    return found


ACTION_OF = _actions_by_intent()


@dataclass(frozen=True)
class Reply:
    """What the customer reads."""

    response: str
    text: str
    buttons: dict[str, str]  # title: payload
    custom: dict[str, Any]


@dataclass
class Engine:
    """A running action server and the secret to call it."""

    http: aiohttp.ClientSession
    url: str
    secret: str = "secret-of-the-tests"

    async def call(self, body: Any) -> tuple[int, dict[str, Any]]:
        headers = {"X-Zabota-Secret": self.secret}
        async with self.http.post(f"{self.url}/webhook", json=body, headers=headers) as response:
            return response.status, await response.json()


@dataclass
class Chat:
    """One conversation. Slots and form are kept as the engine keeps them."""

    engine: Engine
    id: str
    language: str | None = "ru"
    slots: dict[str, Any] = field(default_factory=dict)
    form: str | None = None
    said: list[Reply] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)  # slots, by the last run of the form
    tone: float = 0.0  # how the next messages sound, as the engine's sentiment has it
    files: list[dict[str, str]] = field(default_factory=list)  # that come with the next messages
    inquiries: list[tuple[str, str]] = field(default_factory=list)  # of the next messages: text, intent
    _numbers: Any = field(default_factory=itertools.count)

    async def run(
        self,
        action: str,
        text: str = "",
        intent: str = "out_of_scope",
        *,
        message_id: str = "",
        ranking: list[tuple[str, float]] | None = None,
        rejected: bool = False,
        **entities: str,
    ) -> list[Reply]:
        """One action of one turn: what it says; its events are applied."""
        message_id = message_id or f"m{next(self._numbers)}"
        body = self.request(action, text, intent, message_id, ranking or [], entities)
        if rejected:
            body["tracker"]["events"].append({"event": "action_execution_rejected", "name": self.form})
        status, answer = await self.engine.call(body)
        assert status == 200, answer
        self._apply(answer["events"])
        return [self._render(one) for one in answer["responses"]]

    def request(
        self,
        action: str,
        text: str,
        intent: str,
        message_id: str,
        ranking: list[tuple[str, float]],
        entities: dict[str, str],
    ) -> dict[str, Any]:
        """The body that Rasa sends for one action."""
        understood = {
            "text": text,
            "message_id": message_id,
            "metadata": {"message_id": message_id, "language": self.language, "attachments": self.files},
            "intent": {"name": intent, "confidence": 0.9},
            "sentiment": {"score": self.tone, "words": []},
            "inquiries": [
                {"text": part, "intent": {"name": name}, "start": 2 * at, "end": 2 * at + 1}
                for at, (part, name) in enumerate(self.inquiries, 1)
            ],
            "intent_ranking": [{"name": name, "confidence": value} for name, value in ranking],
            "entities": [
                {"entity": "language", "value": self.language, "extractor": "LanguageDetector"},
                *({"entity": name, "value": value, "start": 0, "end": 1} for name, value in entities.items()),
            ],
        }
        return {
            "version": "3.6.21",
            "next_action": action,
            "sender_id": self.id,
            "tracker": {
                "sender_id": self.id,
                "slots": {"language": self.language, **self.slots},
                "latest_message": understood,
                "latest_event_time": 1795284402.2,
                "followup_action": None,
                "paused": False,
                "events": [
                    {"event": "action", "name": "action_listen", "timestamp": 1795284402.1},
                    {"event": "user", "text": text, "parse_data": understood, "timestamp": 1795284402.2},
                ],
                "latest_input_channel": "zabota",
                "active_loop": {"name": self.form} if self.form else {},
                "latest_action": {"action_name": "action_listen"},
                "latest_action_name": "action_listen",
            },
            "domain": {"slots": DOMAIN["slots"], "forms": DOMAIN["forms"], "actions": DOMAIN["actions"]},
        }

    async def ask(
        self, action: str, text: str = "", intent: str = "track_order", **given: Any
    ) -> list[Reply]:
        """A message outside of the form; starts the form when the action wants it."""
        if "order_id" in given:
            self.slots["order_id"] = given["order_id"]
        message_id = given.setdefault("message_id", f"m{next(self._numbers)}")
        replies = await self.run(action, text, intent, **given)
        if self.slots.pop("followup", None) != FORM:
            return replies
        self.form = FORM
        self.slots.pop("stop", None)  # of an earlier form
        del given["message_id"]
        return replies + await self.answer(text, intent, message_id=message_id, **given)

    async def says(self, text: str = "", intent: str = "out_of_scope", **given: Any) -> str:
        """A message of a known customer, served as Rasa's rules and `task_form` would; what is read."""
        given.setdefault("message_id", f"m{next(self._numbers)}")
        if self.form != TASK_FORM and intent != "answer" and "order_id" in given:
            self.slots["order_id"] = given["order_id"]
        self.said = await self._served(text, intent, given)
        assert self.said, f"nothing was said to {text!r} ({intent})"
        return read(self.said)

    async def _served(self, text: str, intent: str, given: dict[str, Any]) -> list[Reply]:
        if self.form != TASK_FORM:
            return await self._by_rule(text, intent, given)
        heard, before = await self._in_form(text, intent, given)
        if heard:
            return before
        replies = await self._by_rule(text, intent, given)
        if self.form != TASK_FORM or self.slots.pop("followup", None):
            return replies
        _, after = await self._in_form(text, intent, given | {"rejected": True})
        return replies + after

    async def _in_form(self, text: str, intent: str, given: dict[str, Any]) -> tuple[bool, list[Reply]]:
        """Whether the form took the message, and what it said."""
        self.changed.clear()
        replies = await self.run(f"validate_{TASK_FORM}", text, intent, **given)
        self.slots.pop("followup", None)
        heard = bool(self.changed - {"requested_slot"})
        if "requested_slot" in self.changed and self.slots["requested_slot"] is None:
            self.form = None
        return heard, replies

    async def _by_rule(self, text: str, intent: str, given: dict[str, Any]) -> list[Reply]:
        self.slots.pop("followup", None)
        action = ACTION_OF[intent]
        if action.startswith("utter_"):
            return [self._render({"response": action, "buttons": [], "custom": {}})]
        return await self.run(action, text, intent, **given)

    async def presses(self, title: str) -> str:
        """Press a button of the last replies by what stands on it."""
        payloads = {shown: payload for reply in self.said for shown, payload in reply.buttons.items()}
        [payload] = [payload for shown, payload in payloads.items() if title in shown]
        intent, _, entities = payload[1:].partition("{")
        return await self.says("", intent, **json.loads("{" + entities) if entities else {})

    async def answer(self, text: str = "", intent: str = "out_of_scope", **given: Any) -> list[Reply]:
        """A message in the form: validated, then the next question or what follows the form."""
        message_id = given.setdefault("message_id", f"m{next(self._numbers)}")
        replies = await self.run("validate_identification_form", text, intent, **given)
        if self.slots.pop("stop", False) or not (asked := self._missing()):
            self.form, self.slots["requested_slot"] = None, None
            return replies + await self.run(
                "action_after_identification", text, intent, message_id=message_id
            )
        self.slots["requested_slot"] = asked
        return replies + await self.run(f"action_ask_{asked}", text, intent, message_id=message_id)

    def _missing(self) -> str | None:
        required: list[str] = DOMAIN["forms"][FORM]["required_slots"]
        return next((slot for slot in required if self.slots.get(slot) is None), None)

    def _apply(self, events: list[Event]) -> None:
        for event in events:
            match event["event"]:
                case "slot":
                    self.slots[event["name"]] = event["value"]
                    self.changed.add(event["name"])
                    if event["name"] == "requested_slot" and event["value"] is None:
                        self.slots["stop"] = True
                case "followup":
                    self.slots["followup"] = event["name"]
                case "active_loop":
                    self.form = event["name"]

    def _render(self, said: dict[str, Any]) -> Reply:
        """Choose and fill the response as Rasa's generator does; a missing value is an error."""
        variations = DOMAIN["responses"][said["response"]]
        conditional = [one for one in variations if one.get("condition")]
        default = next(one for one in variations if not one.get("condition"))
        chosen = conditional[0] if self.language == "en" else default
        text = PLACEHOLDER.sub(lambda found: self._value(said, found[1]), chosen["text"])
        buttons = [*chosen.get("buttons", ()), *said["buttons"]]
        return Reply(
            response=said["response"],
            text=text,
            buttons={button["title"]: button["payload"] for button in buttons},
            custom=said["custom"],
        )

    def _value(self, said: dict[str, Any], name: str) -> str:
        value = said.get(name, self.slots.get(name))
        assert isinstance(value, str), f"{said['response']} lacks {name}"
        return value


def read(replies: list[Reply]) -> str:
    """All of it as one text."""
    return "\n".join(reply.text for reply in replies)
