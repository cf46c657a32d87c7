"""Every topic is talked about in every way that makes sense, in both languages."""

from core import yml
from core.settings import ROOT
from tests.conversations import coverage

TALK = {  # small talk, and answers to what was asked
    "affirm", "answer", "bot_challenge", "capabilities", "change_contact", "chitchat", "deny", "goodbye",
    "greet", "out_of_scope", "rate_service", "resend_code", "send_file", "thanks",
}  # fmt: skip


def test_every_cell_that_makes_sense_holds_a_conversation() -> None:
    assert coverage.empty() == []


def test_what_makes_no_sense_has_a_reason_and_no_conversation() -> None:
    told = {(topic, kind) for topic, kind, _language in coverage.covered()}
    for cell, reason in coverage.SENSELESS.items():
        topic, kind = cell
        assert topic in coverage.TOPICS
        assert kind in coverage.KINDS
        assert reason
        assert cell not in told, f"{cell} does make sense: there is a conversation"


def test_every_intent_that_is_a_matter_belongs_to_a_topic() -> None:
    domain = yml.parse((ROOT / "domain.yml").read_text(encoding="utf-8"))
    intents = {one if isinstance(one, str) else next(iter(one)) for one in domain["intents"]}
    in_topics = [intent for members in coverage.TOPICS.values() for intent in members]
    assert len(in_topics) == len(set(in_topics))
    assert intents - TALK == set(in_topics)


def test_an_empty_cell_is_found_and_shown() -> None:
    """The table counts what the stories say, and marks what makes no sense."""
    lines = {line.split()[0]: line for line in coverage.table().splitlines()[1:]}
    assert lines["people"].count("–") == len([cell for cell in coverage.SENSELESS if cell[0] == "people"])
    counts = coverage.covered()
    ru, en = (counts["orders", "happy", language] for language in coverage.LANGUAGES)
    assert f"{ru} + {en}" in lines["orders"]
