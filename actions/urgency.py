"""What cannot wait: a person is called at once, whatever the dialogue was about."""

from actions.alarms import Alarm, alarms
from actions.say import Say
from actions.services import Services
from actions.tasks import Agenda
from actions.turn import NO_MATCH, Turn

UPSET = "upset"  # the slot: how many messages sounded upset, and the last of them
UPSET_PATIENCE = 2  # messages that sound upset in a conversation, though their matter is being served


def raise_alarm(services: Services, turn: Turn, say: Say, time_zone: str) -> bool:
    """Call a person when the message is about despair, danger or the law; for danger, advise first."""
    if (alarm := alarms.find(turn.text)) is None:
        return False
    numbers = services.company.people.emergency_in(time_zone)
    if alarm is Alarm.DISTRESS:
        listen = numbers.listen.to(turn.language)
        say.hand_over("utter_distress", "distress", urgent=True, listen=listen, call=numbers.call)
    elif alarm is Alarm.DANGER:
        say("utter_danger", call=numbers.call)
        say.hand_over("utter_handoff_danger", "danger", urgent=True)
    else:
        say.hand_over("utter_handoff_legal", "legal", urgent=True)
    return True


def is_upset(services: Services, turn: Turn) -> bool:
    """Whether the message sounds like an upset customer's; «жалоба» alone names a topic and no mood."""
    return len(turn.text.split()) > 1 and turn.sentiment <= services.company.people.upset


def upset_before(turn: Turn) -> int:
    """How many earlier messages of the conversation sounded upset."""
    seen = turn.slots.get(UPSET) or {}
    return int(seen["count"]) - (seen["message"] == turn.message_id) if seen else 0


def upset_too_often(turn: Turn) -> bool:
    """Whether a person should take over because of the tone of an upset message.

    Word lists misjudge a single message too easily to leave a matter unserved that is understood; one that
    is not understood goes to a person at once.
    """
    return turn.intent in NO_MATCH or upset_before(turn) + 1 >= UPSET_PATIENCE


def answers_complaint(turn: Turn) -> bool:
    """Whether a complaint is being told: its words are bitter by nature, and it comes to people anyway."""
    agenda = Agenda.of_slot(turn.slots.get("tasks"))
    return bool(agenda.open) and agenda.open[-1].dialogue == "complaint"
