"""A new phone or e-mail for the profile: named, proven by a code, put in place of the old one."""

from datetime import datetime

from actions.dialogue import Option, Talk
from actions.hints import hints
from actions.phrases import Wish, phrases
from actions.turn import Turn
from crm_bridge.contact_change import Change
from crm_bridge.contacts import Contact, read_contact
from crm_bridge.models import ContactKind
from crm_bridge.operations.once import Result
from crm_bridge.verification import read_code

RESEND, OTHER = "resend", "other"  # answers to the question for the code that are no code
BESIDE = "beside"  # the new contact replaces none
ASK = {  # the question and how it is repeated, by what is changed
    "phone": ("utter_profile_new_phone", "utter_profile_new_phone_again"),
    "email": ("utter_profile_new_email", "utter_profile_new_email_again"),
}
CODE_LENGTH, FEW_LETTERS = 6, 6


async def change_contact(talk: Talk, field: str) -> None:
    """Ask for the contact and for the code that was sent there, and change it."""
    while True:
        contact = await _contact(talk, field)
        replaces = await _replaced(talk, contact)
        sent = await _send(talk, contact)
        if sent["until"]:
            until = talk.words.after(datetime.fromisoformat(sent["until"]))
            talk.say("utter_identification_too_many", "human_agent", until=until)
            return
        code = await _code(talk, contact)
        if code == RESEND:
            talk.reopen("send")
        elif code == OTHER:
            talk.reopen("contact")
        else:
            change = Change(contact, None if replaces == BESIDE else replaces)
            await _check(talk, change, code)
            return


async def _contact(talk: Talk, field: str) -> Contact:
    named = talk.details.get(field) or talk.task.text
    if not talk.reopened("contact") and (contact := _read(named, field)):
        talk.known("contact", contact.value)

    def read(turn: Turn) -> str | None:
        found = _read(turn.text, field) or _read(turn.entities.get(field, ""), field)
        return found.value if found else None

    value = await talk.ask(
        "contact",
        ASK[field][0],
        read,
        "human_agent",
        again=ASK[field][1],
    )
    found = read_contact(value)
    assert found is not None  # it was read before it became a fact
    return found


def _read(text: str, field: str) -> Contact | None:
    contact = read_contact(text)
    return contact if contact and contact.kind == ContactKind(field) else None


async def _replaced(talk: Talk, contact: Contact) -> str:
    """The contact that goes, or `BESIDE`."""
    profile = await talk.services.dealings.profiles.read(talk.customer_id)
    others = [
        Contact(one.kind, one.value)
        for one in profile.contacts
        if one.kind is contact.kind and one.value != contact.value
    ]
    if not others or hints("contact_beside", talk.task.text):
        talk.known("replaces", BESIDE)
    elif len(others) == 1:
        talk.known("replaces", others[0].value)
    masked = [Option(one.value, one.masked) for one in others]
    beside = Option(BESIDE, talk.words.text("button.profile.beside"))
    return await talk.choose("replaces", "utter_profile_which_contact", [*masked, beside], "human_agent")


async def _send(talk: Talk, contact: Contact) -> Result:
    changes = talk.services.dealings.contact_changes
    caller = talk.caller
    return await talk.do(
        "send",
        lambda key: changes.request(
            key, talk.customer_id, caller.identity_id, caller.conversation_id, contact
        ),
    )


async def _code(talk: Talk, contact: Contact) -> str:
    options = [
        Option(RESEND, talk.words.text("button.resend_code")),
        Option(OTHER, talk.words.text(f"button.profile.other_{contact.kind}")),
    ]
    return await talk.ask(
        "code",
        "utter_profile_code",
        _read_code,
        *options,
        "human_agent",
        again="utter_profile_code_again",
        masked=contact.masked,
    )


def _read_code(turn: Turn) -> str | None:
    """The digits of a code, or a wish about it; a question with a number in it is neither."""
    wish = phrases.wish(turn.text)
    if wish is Wish.RESEND:
        return RESEND
    if wish is Wish.CHANGE:
        return OTHER
    digits = read_code(turn.text)
    if not digits or phrases.about_other_matter(turn.text):
        return None
    letters = sum(char.isalpha() for char in turn.text)
    return digits if len(digits) == CODE_LENGTH or letters <= FEW_LETTERS else None


async def _check(talk: Talk, change: Change, code: str) -> None:
    changes = talk.services.dealings.contact_changes
    checked = await talk.do(
        "check",
        lambda key: changes.check(key, talk.customer_id, talk.caller.identity_id, change, code),
    )
    resend = Option(RESEND, talk.words.text("button.resend_code"))
    if checked["is"] == "wrong":
        left = talk.words.count("tries", checked["left"])
        talk.wrong("code", "utter_code_wrong", resend, "human_agent", left=left)
    if checked["is"] == "expired":
        talk.wrong("code", "utter_code_expired", resend, "human_agent")
    if checked["is"] == "locked":
        until = talk.words.after(datetime.fromisoformat(checked["until"]))
        talk.say("utter_identification_locked", "human_agent", until=until)
        return
    response = "utter_profile_contact_added" if change.replaces is None else "utter_profile_contact_replaced"
    talk.say(response, "edit_profile", contact=change.contact.value)
