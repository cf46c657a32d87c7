"""What the studio changed, for people: its commits are in English, whoever reads the history may not be."""

import re

from bot.studio.shell import name_of, texts

_INTENT = r"[a-z]\w*"
# What commits say, and the key of `texts.yml` that says it to people. Groups whose name begins with `intent`
# are shown by their titles.
_SAID = (
    ("deed.decided", r"(?P<added>\d+) examples added, (?P<removed>\d+) removed"),
    ("deed.imported", r"(?P<count>\d+) examples imported"),
    ("deed.gone", rf"(?P<count>\d+) examples of (?P<intent>{_INTENT}) are gone"),
    ("deed.moved", rf"(?P<count>\d+) examples of (?P<intent>{_INTENT}) are (?P<intent_into>{_INTENT})"),
    ("deed.examples", rf"(?P<count>\d+) examples of (?P<intent>{_INTENT})"),
    ("deed.made", rf"new intent (?P<intent>{_INTENT})"),
    ("deed.renamed", rf"(?P<old>{_INTENT}) is now (?P<new>{_INTENT})"),
    ("deed.merged", rf"(?P<intent>{_INTENT}) joins (?P<intent_into>{_INTENT})"),
    ("deed.split", rf"(?P<intent>{_INTENT}) out of (?P<intent_from>{_INTENT})"),
    ("deed.tidied", r"repetitions taken out"),
    ("deed.mended", r"an example put right"),
    ("deed.answer", r"answer utter_(?P<name>\w+)"),
    ("deed.no_article", r"no article (?P<name>[\w-]+)"),
    ("deed.article", r"article (?P<name>[\w-]+)"),
    ("deed.ready", r"ready answer (?P<name>[\w-]+)"),
    ("deed.names", r"names of goods and places"),
    ("deed.undone", r"undo (?P<commit>\w+)"),
)


def told(words: str, language: str) -> str:
    """What a commit of the studio says, in somebody's language; what nobody foresaw, as it stands."""
    said = words.removeprefix("Studio: ")
    for key, pattern in _SAID:
        if found := re.fullmatch(pattern, said):
            values = {
                group: (name_of(value, language) or value) if group.startswith("intent") else value
                for group, value in found.groupdict().items()
            }
            return texts(key, language, **values)
    return said
