"""Messages without a single word: emoji, question marks, dots."""

import re
from enum import StrEnum

_WORD = re.compile(r"\w")
_GLAD = re.compile("[👍👌❤♥😊🙂😍🥰😘😁😄😃😀🙏💯🎉👏🤝✅💪🤗☺😉]|^[)]+$|[:;]-?[)D]")
_SAD = re.compile("[👎😡🤬😠😤😭😢💩😞😒🙁☹😩😫❌🤦💔]|^[(]+$|:-?[(]")


class Feeling(StrEnum):
    """What a message without words says."""

    GLAD = "glad"
    UPSET = "upset"
    UNCLEAR = "unclear"


def feeling_of(text: str) -> Feeling | None:
    """The feeling of a message without words; None when it has words, or is empty."""
    text = text.strip()
    if not text or _WORD.search(text.replace(":D", "")):
        return None
    if _SAD.search(text):
        return Feeling.UPSET
    return Feeling.GLAD if _GLAD.search(text) else Feeling.UNCLEAR
