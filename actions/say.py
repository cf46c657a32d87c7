"""What an action says: responses of the domain with values, buttons and effects."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rasa_sdk.executor import CollectingDispatcher

from actions.wording import texts


@dataclass(frozen=True, slots=True)
class Button:
    """A quick reply. The gateway keeps the payload and gives the customer an id of its own."""

    title: str
    intent: str
    entities: tuple[tuple[str, str], ...] = ()

    @property
    def payload(self) -> str:
        data = json.dumps(dict(self.entities), ensure_ascii=False) if self.entities else ""
        return f"/{self.intent}{data}"

    def as_dict(self) -> dict[str, str]:
        return {"title": self.title, "payload": self.payload}


class Say:
    """Collects the replies of one action."""

    def __init__(
        self, dispatcher: CollectingDispatcher, language: str, people_return: str | None = None
    ) -> None:
        """`people_return`: when people are back, in words; None while they work."""
        self._dispatcher = dispatcher
        self._people_return = people_return
        self.language = language

    def __call__(self, response: str, *buttons: str | Button, **values: Any) -> None:
        """Say a response of the domain.

        Args:
            buttons: intents, titled `button.<intent>` in the catalogue, or buttons with a title of their own.
            values: what the response's {placeholders} stand for.
        """
        self._utter(response, buttons, {}, values)

    def hand_over(self, response: str, reason: str, urgent: bool = False, **values: Any) -> None:
        """Say a response that gives the conversation to people; the gateway does so with the reply.

        Outside working hours the customer also hears when people return. `urgent`: it goes before others.
        """
        handoff = {"reason": reason} | ({"urgent": True} if urgent else {})
        self._utter(response, (), {"handoff": handoff}, values)
        if self._people_return:
            self("utter_people_return", when=self._people_return)

    def document(
        self, response: str, media: Mapping[str, str], *buttons: str | Button, **values: Any
    ) -> None:
        """Say a response with a file: `key` in the media store, `name` and `type` of the file."""
        self._utter(response, buttons, {"attachment": dict(media)}, values)

    def nothing(self) -> None:
        """Take back what was said so far."""
        self._dispatcher.messages.clear()

    def button(self, intent: str) -> Button:
        """A button titled `button.<intent>` in the catalogue, or `ask.<intent>`: what the intent is about."""
        title = texts.find(f"button.{intent}", self.language) or texts(f"ask.{intent}", self.language)
        return Button(title, intent)

    def _utter(
        self,
        response: str,
        buttons: tuple[str | Button, ...],
        effects: dict[str, Any],
        values: dict[str, Any],
    ) -> None:
        drawn = [self.button(one) if isinstance(one, str) else one for one in buttons]
        self._dispatcher.utter_message(
            response=response, buttons=[one.as_dict() for one in drawn], json_message=effects, **values
        )
