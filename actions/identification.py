"""Who is writing: a contact on the profile, a one-time code, and back to what was asked.

The form asks for two slots. They hold what was said in it and are cleared at its end; that somebody is
verified stands in the CRM bridge and nowhere else.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from actions.base import (
    IDENTIFICATION,
    REQUESTED,
    PersonalAction,
    ZabotaAction,
    forget_identification,
)
from actions.events import Event, follow_up, slot
from actions.phrases import Wish, phrases
from actions.say import Say
from actions.services import Services
from actions.turn import NO_MATCH, Turn
from actions.wording import Wording
from crm_bridge.contacts import read_contact
from crm_bridge.verification import (
    Ambiguous,
    Checked,
    CodeRequested,
    Expired,
    Locked,
    NotAContact,
    NothingRequested,
    TooMany,
    Verified,
    WrongCode,
    read_code,
)

CONTACT, CODE = "identification_contact", "identification_code"
MASKED, NOTE = "identification_masked", "identification_note"
NEW_CONTACT = {"action_edit_profile"}  # a contact in these requests is not on the profile yet
CODE_LENGTH, PHONE_DIGITS = 6, 7
PRESSED = {"resend_code": Wish.RESEND, "change_contact": Wish.CHANGE}
WITHIN = NO_MATCH | {"affirm"}  # no matter of their own: in the form they miss its question


class ValidateIdentification(ZabotaAction):
    """Takes what the customer said in the form: a contact, a code, a wish; leaves other matters alone.

    It does the deed and leaves a note of how it ended; the asking actions put the note into words.
    """

    name = "validate_identification_form"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        if turn.back_in_form:
            return []
        if turn.requested is None:
            return await self._start(turn)
        if contact := _contact(turn):
            return await self._request(turn, contact, "sent")
        if turn.requested == CODE and _is_code(turn):
            checked = await self.services.verification.check(turn.conversation_id, turn.text, turn.key)
            return _after_check(checked)
        if turn.intent == "human_agent":  # «не надо, позовите оператора» is no mere refusal
            return []
        if wish := _wish(turn):
            return await self._fulfil(turn, wish)
        if turn.intent == "goodbye":
            return _end("goodbye")
        if turn.intent in WITHIN or (turn.requested == CONTACT and _tries_contact(turn)):
            return [_note("not_understood")]
        return []

    def failed(self, turn: Turn, say: Say) -> list[Event]:
        return [_note("failed")]

    async def _start(self, turn: Turn) -> list[Event]:
        pending: dict[str, Any] = turn.slots.get("pending_request") or {}
        names_a_new_one = pending.get("action") in NEW_CONTACT
        if not names_a_new_one and (contact := _contact(turn)):
            return await self._request(turn, contact, "sent")
        return [_note("start")]

    async def _fulfil(self, turn: Turn, wish: Wish) -> list[Event]:
        if wish is Wish.CANCEL:
            return _end("cancelled")
        if wish is Wish.NO_ACCESS:
            return [*_without_contact(), _note("no_access")]
        known = turn.slots.get(CONTACT)
        if wish is Wish.CHANGE or not known:
            return [*_without_contact(), _note("change")]
        return await self._request(turn, known, "sent_again")

    async def _request(self, turn: Turn, contact: str, note: str) -> list[Event]:
        verification = self.services.verification
        match await verification.request(turn.conversation_id, contact, turn.key):
            case CodeRequested(masked=masked):
                return [slot(CONTACT, contact), slot(MASKED, masked), slot(CODE, None), _note(note)]
            case TooMany(until=until) if turn.slots.get(CONTACT):
                return [_note("too_many", until=until.isoformat())]
            case TooMany(until=until):
                return _end("too_many", until=until.isoformat())
            case NotAContact():
                return [_note("not_understood")]


class AskContact(ZabotaAction):
    """Asks for the phone or e-mail, in the light of what just happened."""

    name = "action_ask_identification_contact"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        kind = _kind(turn)
        responses = {
            "start": "utter_ask_contact",
            "not_understood": "utter_ask_contact_unclear",
            "change": "utter_ask_contact_other",
            "lost": "utter_ask_contact_once_more",
            "ambiguous": "utter_ask_contact_shared",
            "no_access": "utter_ask_contact_no_access",
            "failed": "utter_identification_failed",
        }
        say(responses.get(kind, "utter_ask_contact_again"), "human_agent", "deny")
        return [slot(NOTE, None)]


class AskCode(ZabotaAction):
    """Asks for the code, in the light of what just happened."""

    name = "action_ask_identification_code"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        note: dict[str, Any] = turn.slots.get(NOTE) or {}
        kind = note.get("kind", "")
        words = self.wording(turn)
        if kind == "wrong":
            say("utter_code_wrong", *_code_buttons(), left=words.count("tries", note["left"]))
        elif kind == "too_many":
            say(
                "utter_code_wait",
                "change_contact",
                "human_agent",
                until=words.after(datetime.fromisoformat(note["until"])),
            )
        elif kind == "failed":
            say("utter_identification_failed", "human_agent", "deny")
        else:
            say(_CODE_RESPONSES.get(kind, "utter_ask_code_again"), *_code_buttons())
        offer = "resend_code" if kind in ("expired", "not_understood") else None
        return [slot(NOTE, None), slot("offer", offer)]


_CODE_RESPONSES = {
    "sent": "utter_code_sent",
    "sent_again": "utter_code_sent_again",
    "expired": "utter_code_expired",
    "not_understood": "utter_code_unclear",
}


class AfterIdentification(ZabotaAction):
    """The form is over: go on with what was asked, or say why not."""

    name = "action_after_identification"

    def __init__(self, services: Services, requests: list[PersonalAction]) -> None:
        """`requests` are what may have been waiting."""
        super().__init__(services)
        self._requests = {request.name: request for request in requests}

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        caller = await self.caller(turn)
        if caller.proven_customer_id is None:
            self._not_verified(turn, say)
            return forget_identification()
        say("utter_identified", name=caller.name)
        pending: dict[str, Any] = turn.slots.get("pending_request") or {}
        request = self._requests.get(pending.get("action", ""))
        if request is None:
            say("utter_what_else", "track_order", "human_agent")
            return forget_identification()
        customer_id, details = caller.proven_customer_id, dict(pending.get("details") or {})
        asked = replace(turn, text=pending.get("text", ""), entities=details)  # and not the code
        events = await request.serve(asked, say, caller, customer_id, details)
        return [*forget_identification(), *events]

    def failed(self, turn: Turn, say: Say) -> list[Event]:
        return [*forget_identification(), *super().failed(turn, say)]

    def _not_verified(self, turn: Turn, say: Say) -> None:
        note: dict[str, Any] = turn.slots.get(NOTE) or {}
        kind = note.get("kind")
        if kind == "cancelled":
            say("utter_identification_cancelled", "human_agent")
        elif kind == "goodbye":
            say("utter_goodbye")
        elif kind in ("locked", "too_many"):
            say(f"utter_identification_{kind}", "human_agent", until=_until(self.wording(turn), note))
        else:
            say("utter_action_failed", "human_agent")


class StrayIdentification(ZabotaAction):
    """A button of the identification, pressed when it is over: start it again, or say that it is done."""

    name = "action_stray_identification"

    async def answer(self, turn: Turn, say: Say) -> list[Event]:
        caller = await self.caller(turn)
        if caller.proven_customer_id is not None:
            say("utter_what_else", "track_order", "human_agent")
            return []
        return [*forget_identification(), follow_up(IDENTIFICATION)]


def _contact(turn: Turn) -> str | None:
    """The one phone or e-mail in the message, as written there or as the classifier normalised it."""
    if contact := read_contact(turn.text):
        return contact.value
    if _tries_contact(turn) or (turn.requested == CODE and read_code(turn.text)):
        return None  # several, or none that can be read
    named = turn.entities.get("email") or turn.entities.get("phone")
    contact = read_contact(named) if named else None
    return contact.value if contact else None


def _tries_contact(turn: Turn) -> bool:
    """Whether the message looks like a contact that cannot be read, or like several."""
    return "@" in turn.text or sum(char.isdecimal() for char in turn.text) >= PHONE_DIGITS


def _is_code(turn: Turn) -> bool:
    """Whether the message is meant as the code, and not as a question with a number in it."""
    digits = read_code(turn.text) or ""
    if not digits or phrases.about_other_matter(turn.text):
        return False
    letters = sum(char.isalpha() for char in turn.text)
    return len(digits) == CODE_LENGTH or letters <= CODE_LENGTH


def _wish(turn: Turn) -> Wish | None:
    if turn.intent in PRESSED:
        return PRESSED[turn.intent]
    if wish := phrases.wish(turn.text):
        return wish
    if turn.intent == "affirm" and turn.slots.get("offer") == "resend_code":
        return Wish.RESEND
    return Wish.CANCEL if turn.intent == "deny" else None


def _after_check(checked: Checked) -> list[Event]:
    match checked:
        case Verified():
            return [slot(CODE, "accepted")]
        case WrongCode(left=left):
            return [_note("wrong", left=left)]
        case Locked(until=until):
            return _end("locked", until=until.isoformat())
        case Expired():
            return [_note("expired")]
        case NothingRequested():
            return [*_without_contact(), _note("lost")]
        case Ambiguous():
            return [*_without_contact(), _note("ambiguous")]


def _kind(turn: Turn) -> str:
    return str((turn.slots.get(NOTE) or {}).get("kind", ""))


def _until(words: Wording, note: dict[str, Any]) -> str:
    return words.after(datetime.fromisoformat(note["until"]))


def _note(kind: str, **values: Any) -> Event:
    return slot(NOTE, {"kind": kind, **values})


def _end(kind: str, **values: Any) -> list[Event]:
    """Leave the form; the note says why."""
    return [_note(kind, **values), slot(REQUESTED, None)]


def _without_contact() -> list[Event]:
    return [slot(CONTACT, None), slot(MASKED, None), slot(CODE, None)]


def _code_buttons() -> tuple[str, ...]:
    return ("resend_code", "change_contact", "human_agent", "deny")
