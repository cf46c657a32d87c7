"""One turn: a customer's message goes through Rasa, and either everything of it counts or nothing.

Rasa's processor swallows the failure of an action and goes on; here it ends the turn. The processor of a turn
is a view on the loaded one (the model is shared) with this turn's tracker and action server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rasa.core.actions.action import Action, ActionExecutionRejection
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.processor import MessageProcessor
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine import guard, language
from bot.engine.actions_client import ActionServer, ConnectionPool
from bot.engine.wire import EngineError, Press, TurnRequest, bad_request

__all__ = ["CHANNEL", "Outcome", "describe_nlu", "parse", "run_turn"]

CHANNEL = "zabota"  # name of the input and output channel: `channel: zabota` in domain.yml's responses
TURN_LIMIT = timedelta(seconds=60)
RANKING_LIMIT = 5

_SILENT_ACTIONS = (ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME)
_ENTITY_KEYS = ("entity", "value", "start", "end", "role", "group", "extractor")


@dataclass(frozen=True)
class Outcome:
    """What a turn gave."""

    replies: list[dict[str, Any]]
    nlu: dict[str, Any]
    actions: list[str]  # names in order, without action_listen and action_session_start
    tracker: DialogueStateTracker


async def run_turn(
    request: TurnRequest, tracker: DialogueStateTracker, loaded: MessageProcessor, pool: ConnectionPool
) -> Outcome:
    """Advance `tracker` by the request's message.

    Raises:
        EngineError: `turn_failed` when an action, the model or a limit failed; `empty_turn` when there is
        nothing
            to say; `bad_request` when a press names an intent that the model does not have.
    """
    replies = Replies()
    processor = TurnProcessor(loaded, tracker, pool)
    message = _message(request, tracker, loaded.domain, replies)
    try:
        await asyncio.wait_for(processor.handle_message(message), TURN_LIMIT.total_seconds())
    except EngineError:
        raise
    except asyncio.TimeoutError:
        raise _failed(f"the turn took more than {TURN_LIMIT.total_seconds():.0f} s") from None
    except Exception as error:
        raise _failed(f"{type(error).__name__} while the turn was computed") from error
    if not replies.messages:
        raise EngineError(500, "empty_turn", f"no reply after {', '.join(processor.executed) or 'no action'}")
    return Outcome(replies.messages, describe_nlu(processor.parsed), processor.executed, processor.tracker)


async def parse(text: str, hint: str | None, loaded: MessageProcessor) -> dict[str, Any]:
    """Classify a text outside of any conversation; the result as in `Outcome.nlu`."""
    message = UserMessage(guard.plain(text), metadata={"language": hint})
    return describe_nlu(await loaded.parse_message(message))


def describe_nlu(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """The part of Rasa's parse data that leaves the engine."""
    entities = [
        {key: entity[key] for key in _ENTITY_KEYS if entity.get(key) is not None}
        for entity in parsed.get("entities") or ()
        if entity.get("entity") != language.ENTITY
    ]
    ranking = (parsed.get("intent_ranking") or ())[:RANKING_LIMIT]
    return {
        "intent": _intent(parsed.get("intent") or {}),
        "ranking": [_intent(candidate) for candidate in ranking],
        "entities": entities,
        "language": parsed.get("language"),
        "sentiment": (parsed.get("sentiment") or {}).get("score"),
    }


def _intent(intent: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": intent.get("name"), "confidence": round(float(intent.get("confidence") or 0.0), 4)}


def _message(
    request: TurnRequest, tracker: DialogueStateTracker, domain: Domain, output: OutputChannel
) -> UserMessage:
    press = request.press
    return UserMessage(
        text=None if request.text is None else guard.plain(request.text),
        output_channel=output,
        sender_id=request.conversation_id,
        parse_data=None if press is None else _pressed(press, tracker, domain, request.language),
        input_channel=CHANNEL,
        message_id=request.message_id,
        metadata={**request.metadata, "language": request.language, "message_id": request.message_id},
    )


def _pressed(press: Press, tracker: DialogueStateTracker, domain: Domain, hint: str | None) -> dict[str, Any]:
    """Parse data of a button: no classification takes place, but the language must still be known."""
    if press.intent not in domain.intents:
        raise bad_request(f"the model has no intent {press.intent}")
    spoken = language.remembered(tracker.slots, hint)
    entities = [
        {"entity": name, "value": value, "extractor": "press"}
        for name, value in press.entities.items()
        if name in domain.entities and name != language.ENTITY
    ]
    return {
        "text": "",
        "intent": {"name": press.intent, "confidence": 1.0},
        "intent_ranking": [{"name": press.intent, "confidence": 1.0}],
        "entities": [*entities, language.as_entity(spoken)],
        language.OUTPUT_KEY: spoken,
    }


def _failed(message: str) -> EngineError:
    return EngineError(500, "turn_failed", message)


class TurnProcessor(MessageProcessor):
    """Rasa's processor for one turn.

    Attributes:
        tracker: the state; the new one once the turn is over.
        executed: the actions run so far.
        parsed: the parse data of the message.
    """

    def __init__(self, loaded: MessageProcessor, tracker: DialogueStateTracker, pool: ConnectionPool) -> None:
        # Not super().__init__: that would load the model again.
        self.__dict__.update(vars(loaded))
        if loaded.action_endpoint is not None:
            self.action_endpoint = ActionServer(loaded.action_endpoint, pool, loaded.domain, self._note)
        self.on_circuit_break = self._too_many_actions
        self.tracker = tracker
        self.executed: list[str] = []
        self.parsed: dict[str, Any] = {}
        self._failure: EngineError | None = None

    async def get_tracker(self, conversation_id: str) -> DialogueStateTracker:
        """This turn's tracker: the tracker store has no part in it."""
        return self.tracker

    async def save_tracker(self, tracker: DialogueStateTracker) -> None:
        """Keep the new state; it counts when the turn is recorded."""
        self.tracker = tracker

    async def _handle_message_with_tracker(self, message: UserMessage, tracker: DialogueStateTracker) -> None:
        await super()._handle_message_with_tracker(message, tracker)
        self.parsed = dict(tracker.latest_message.parse_data)

    async def run_action_extract_slots(
        self, output_channel: OutputChannel, tracker: DialogueStateTracker
    ) -> DialogueStateTracker:
        """Fill slots; Rasa would go on with unvalidated ones when the action server is down."""
        filled = await super().run_action_extract_slots(output_channel, tracker)
        self._stop_if_failed()
        return filled

    async def _run_action(
        self, action: Action, tracker: Any, output_channel: Any, nlg: Any, prediction: Any
    ) -> bool:
        name = action.name()
        if name not in _SILENT_ACTIONS:
            self.executed.append(name)
        watched = _Watched(action, self._note)
        again: bool = await super()._run_action(watched, tracker, output_channel, nlg, prediction)
        self._stop_if_failed()
        return again

    def _note(self, action: str, error: Exception) -> None:
        if self._failure is None:
            self._failure = _failed(f"{action} failed: {type(error).__name__}")

    def _stop_if_failed(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _too_many_actions(self, *details: Any) -> None:
        raise _failed(f"more than {self.max_number_of_predictions} actions in one turn")


class _Watched:
    """An action whose failure is reported before Rasa swallows it."""

    def __init__(self, action: Action, failed: Any) -> None:
        self._action = action
        self._report = failed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._action, name)

    async def run(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await self._action.run(*args, **kwargs)
        except ActionExecutionRejection:
            raise
        except Exception as error:
            self._report(self._action.name(), error)
            raise


class Replies(OutputChannel):
    """Collects what is said in the turn, one entry a message as the domain or the action wrote it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    @classmethod
    def name(cls) -> str:
        """See `OutputChannel.name`."""
        return CHANNEL

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Keep one message; Rasa's default would split text, picture and custom part into several."""
        buttons = [*(message.get("buttons") or ()), *(message.get("quick_replies") or ())]
        reply = {key: message[key] for key in ("text", "image", "custom") if message.get(key)}
        if reply or buttons:
            titled = [{"title": b.get("title", ""), "payload": b.get("payload", "")} for b in buttons]
            self.messages.append({**reply, "buttons": titled})
