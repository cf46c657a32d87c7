"""Opens a case in the course of a dialogue."""

from datetime import datetime

from actions.dialogue import ANSWER, Reader, Talk
from actions.reading import words_of
from actions.turn import NO_MATCH, Turn
from crm_bridge.models import TicketKind, TicketPriority


async def file_case(
    talk: Talk,
    kind: TicketKind,
    subject: str,
    text: str,
    *,
    priority: TicketPriority = TicketPriority.NORMAL,
    due: datetime | None = None,
    order_number: str | None = None,
) -> dict[str, str]:
    """Open one, once in the matter, with the files that came; gives its number and deadline in words.

    Args:
        subject, text: for the staff, in the language of the dialogue.
        due: by when it is answered; None: as the company's rules say.
    """
    cases = talk.services.cases
    opened = await talk.do(
        "case",
        lambda key: cases.open_case(
            key,
            talk.customer_id,
            kind,
            subject,
            text,
            priority,
            due,
            order_number,
            talk.turn.conversation_id,
            talk.files,
        ),
    )
    return {"case": opened["number"], "due": talk.words.by(datetime.fromisoformat(opened["due"]))}


ANSWERING = NO_MATCH | {
    "affirm",
    "deny",
    "complaint",
    ANSWER,
}  # a question of such an intent is none of its own


def telling(talk: Talk, least: int) -> Reader[str]:
    """A reader of what the customer tells in their own words; a question about another matter is none."""
    in_words, own = words_of(least), talk.task.dialogue

    def read(turn: Turn) -> str | None:
        other_matter = turn.intent not in ANSWERING and turn.intent != own
        return None if other_matter and "?" in turn.text else in_words(turn)

    return read
