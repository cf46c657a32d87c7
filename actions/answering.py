"""Messages whose intent is doubtful though it was not refused: those without words, and questions that the
help pages answer."""

from actions.emoji import Feeling, feeling_of
from actions.say import Say
from actions.services import Services
from actions.turn import Turn

UNSURE = 0.6  # confidence; a surer intent is served by its dialogue
TELLING = 2  # words that the question and the article's head must share besides the product


def answered_otherwise(services: Services, turn: Turn, say: Say) -> bool:
    """Answer a message that its intent misjudges; False when its dialogue is to serve it."""
    if (feeling := feeling_of(turn.text)) is not None:
        answer_feeling(say, feeling)
        return True
    if not turn.ranking or turn.ranking[0].confidence >= UNSURE:
        return False
    return answer_from_knowledge(services, turn, say, TELLING)


def answer_from_knowledge(services: Services, turn: Turn, say: Say, telling: int = 1) -> bool:
    """Say the article that answers the message; False when none does for sure."""
    article = services.knowledge.answer(turn.text, turn.language, telling)
    if article is None:
        return False
    say("utter_knowledge", "human_agent", text=article.text, title=article.title)
    return True


def answer_feeling(say: Say, feeling: Feeling) -> None:
    """Meet a message without words."""
    if feeling is Feeling.GLAD:
        say("utter_emoji_glad")
    elif feeling is Feeling.UPSET:
        say("utter_emoji_upset", "complaint", "human_agent")
    else:
        say("utter_emoji_other", "track_order", "capabilities", "human_agent")
