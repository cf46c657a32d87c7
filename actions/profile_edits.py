"""Changes of the customer's own data. A new phone or e-mail is proven by a code that was sent there."""

import re

from actions.dialogue import Dialogue, Option, Talk
from actions.filing import file_case, telling
from actions.hints import hints
from actions.new_contact import change_contact
from actions.turn import Turn
from crm_bridge.models import TicketKind

FIELDS = ("phone", "email", "given_name", "family_name", "patronymic", "city", "language", "other")
CONTACTS = frozenset({"phone", "email"})
LANGUAGES = {"ru": "Русский", "en": "English"}  # each in its own words
DETAILS = 3  # letters of an answer that tells anything
_NEW_NAME = re.compile(r"\s(?:на|to)\s+([А-ЯЁA-Z][\w'-]+)[.!]*$")  # «фамилию на Орлова»
_NAME = re.compile(r"[^\W\d_]+(?:[-' ’][^\W\d_]+){0,3}")
_LEAD_IN = re.compile(
    r"^(?:меня зовут|запишите|исправьте на|теперь я|теперь|на|я|город"
    r"|my name is|i am|i'm|change it to|it's|to)\s+",
    re.IGNORECASE,
)


class EditProfile(Dialogue):
    """Changes name, city, language, phone or e-mail; for the rest it opens a case."""

    name = "edit_profile"

    async def tell(self, talk: Talk) -> None:
        field = await self._field(talk)
        if field in CONTACTS:
            await change_contact(talk, field)
        elif field == "other":
            await self._other(talk)
        elif field == "language":
            titles = [Option(key, title) for key, title in LANGUAGES.items()]
            value = await talk.choose("value", "utter_profile_language", titles, "human_agent")
            await self._change(talk, field, value, LANGUAGES[value])
        else:
            await self._words(talk, field)

    async def _field(self, talk: Talk) -> str:
        if said := _named_field(talk):
            talk.known("field", said)
        options = [Option(field, talk.words.text(f"button.profile.{field}")) for field in FIELDS]

        def read(turn: Turn) -> str | None:
            return hints("edit_profile", turn.text)

        return await talk.choose("field", "utter_profile_what", options, "human_agent", read=read)

    async def _words(self, talk: Talk, field: str) -> None:
        """A name or a city: written, shown, agreed to."""
        if field == "city" and (city := talk.details.get("city")):
            talk.known("value", city)
        elif named := _NEW_NAME.search(talk.task.text):
            talk.known("value", named[1])
        what = talk.words.text(f"profile.{field}")
        value = await talk.ask(
            "value",
            "utter_profile_value",
            _read_name,
            "human_agent",
            again="utter_profile_value_again",
            what=what,
        )
        sure = await talk.confirm(
            "sure",
            "utter_profile_confirm",
            yes="button.profile.save",
            no="button.profile.keep",
            what=what,
            value=value,
        )
        if not sure:
            talk.say("utter_profile_kept", "edit_profile")
            return
        await self._change(talk, field, value, value)

    async def _change(self, talk: Talk, field: str, value: str, shown: str) -> None:
        accounts = self.services.dealings.accounts
        await talk.do("change", lambda key: accounts.change(key, talk.customer_id, field, value))
        what = talk.words.text(f"profile.{field}")
        talk.say("utter_profile_changed", "edit_profile", what=what, value=shown)

    async def _other(self, talk: Talk) -> None:
        details = await talk.ask("details", "utter_profile_details", telling(talk, DETAILS), "human_agent")
        text = talk.words.text("case.profile.text", details=details, said=talk.task.text)
        opened = await file_case(talk, TicketKind.REQUEST, talk.words.text("case.profile"), text)
        talk.say("utter_profile_case", "human_agent", **opened)


def _named_field(talk: Talk) -> str | None:
    """What shall be changed, as far as the first message tells."""
    pressed = talk.details.get("value")
    if pressed in FIELDS:
        return pressed
    if said := hints("edit_profile", talk.task.text):
        return said
    return next((kind for kind in ("phone", "email", "city") if kind in talk.details), None)


def _read_name(turn: Turn) -> str | None:
    """A name or a town as it is written down: «анна-мария» is Анна-Мария."""
    if turn.intent in ("human_agent", "goodbye", "deny", "affirm"):
        return None
    text = turn.entities.get("person") or turn.entities.get("city") or turn.text
    text = _LEAD_IN.sub("", text.strip(' .!,«»"')).strip()
    if not _NAME.fullmatch(text) or len(text) > 100:
        return None
    return re.sub(r"[^\W\d_]+", _capital, text) if text in (text.lower(), text.upper()) else text


def _capital(word: re.Match[str]) -> str:
    return word[0].capitalize()
