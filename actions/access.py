"""Signing up and signing in: guided, and without ever asking for a password."""

import re

from actions.dialogue import Dialogue, Option, Talk
from actions.hints import hints
from actions.turn import Turn

SIGN_UP = ("how", "code", "taken", "error")
SIGN_IN = ("forgotten", "letter", "locked", "contact", "login", "hacked")
CLOSER = frozenset({"code", "taken", "letter", "locked", "contact", "login", "hacked"})  # tell more of it
STAFF = frozenset({"contact", "hacked"})  # only people may give an account back
_PASSWORD = re.compile(r"(?:парол\w*|password|pass|pwd)\s*(?:[:=—-]|это|был|is|was)+\s*\S{4,}", re.IGNORECASE)


class RegistrationProblem(Dialogue):
    """Helps to sign up, by what goes wrong."""

    name = "registration_problem"
    personal = False

    async def tell(self, talk: Talk) -> None:
        warn_of_password(talk)
        rules = self.services.company.account
        trouble = await _which(talk, "account", SIGN_UP, "utter_sign_up_what", "button.sign_up")
        told = talk.words.text(
            f"sign_up.{trouble}",
            url=rules.sign_up_url,
            reset=rules.reset_url,
            lives=talk.words.length(rules.link_lives),
            password=rules.password.to(talk.words.language),
        )
        if trouble == "how":
            talk.say("utter_sign_up", "registration_problem", "human_agent", told=told)
            return
        if await talk.confirm("helped", "utter_sign_up_try", "human_agent", **_HELPED, told=told):
            talk.say("utter_access_works", "capabilities")
        else:
            talk.hand_over("utter_access_person", f"sign_up:{trouble}")


class RecoverPassword(Dialogue):
    """Helps to sign in again. A reset link leads to the company's own page; nothing secret is typed here."""

    name = "recover_password"
    personal = False

    async def tell(self, talk: Talk) -> None:
        warn_of_password(talk)
        rules = self.services.company.account
        trouble = await _which(talk, "password", SIGN_IN, "utter_sign_in_what", "button.sign_in")
        told = talk.words.text(
            f"sign_in.{trouble}",
            url=rules.reset_url,
            lives=talk.words.length(rules.link_lives),
            locked=talk.words.length(rules.locked_for),
            password=rules.password.to(talk.words.language),
        )
        if trouble in STAFF:
            talk.say("utter_sign_in_staff", told=told)
            talk.hand_over("utter_access_person", f"sign_in:{trouble}")
        if await talk.confirm("helped", "utter_sign_in_try", "human_agent", **_HELPED, told=told):
            talk.say("utter_access_works", "capabilities")
        else:
            talk.hand_over("utter_access_person", f"sign_in:{trouble}")


_HELPED = {"yes": "button.access.helped", "no": "button.access.not_helped"}


def warn_of_password(talk: Talk) -> None:
    """Somebody has typed a password: ask them kindly to change it, and not to send it."""
    if _PASSWORD.search(talk.turn.text):
        talk.say("utter_password_typed")


async def _which(talk: Talk, topic: str, kinds: tuple[str, ...], response: str, titles: str) -> str:
    """What goes wrong: said already, or asked."""
    other = hints(topic, talk.turn.text)
    if other in CLOSER and talk.task.asked == "helped" and other != talk.task.facts["trouble"]:
        talk.reopen("trouble")  # «код не приходит» to «Получилось?»
        talk.task.early["trouble"] = other
    options = [Option(kind, talk.words.text(f"{titles}.{kind}")) for kind in kinds]
    if (said := hints(topic, talk.task.text)) and not talk.reopened("trouble"):
        talk.known("trouble", said)

    def read(turn: Turn) -> str | None:
        return hints(topic, turn.text)

    return await talk.choose("trouble", response, options, "human_agent", read=read)
