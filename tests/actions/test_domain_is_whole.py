"""The files agree: intents, rules, responses, the catalogue of pieces, and what the actions say."""

import re
from pathlib import Path
from typing import Any

from actions.phrases import Wish, phrases
from actions.wording import Wording
from core import yml
from crm_bridge.models import DELAYS, CheckpointKind, DeliveryMethod, OrderState
from tests.actions.chat import DOMAIN, PLACEHOLDER, ROOT
from tests.conftest import NOON

RULES: list[dict[str, Any]] = [
    rule
    for path in sorted((ROOT / "data/rules").glob("*.yml"))
    for rule in yml.parse(path.read_text(encoding="utf-8"))["rules"]
]
TALK = {"greet", "goodbye", "thanks", "affirm", "deny", "bot_challenge", "capabilities", "chitchat"}
NO_MATTER = TALK | {
    "out_of_scope",
    "list_orders",
    "resend_code",
    "change_contact",
    "answer",
    "human_agent",
    "send_file",
}


def steps(kind: str) -> set[str]:
    found = [step for rule in RULES for step in rule["steps"]]
    found += [choice for step in found for choice in step.get("or", ())]
    return {step[kind] for step in found if step.get(kind)}


def test_every_intent_has_a_rule() -> None:
    assert steps("intent") == set(DOMAIN["intents"])


def test_rules_name_what_exists() -> None:
    known = {*DOMAIN["actions"], *DOMAIN["responses"], *DOMAIN["forms"]}
    assert steps("action") <= known


def test_every_training_example_has_an_intent_of_the_domain() -> None:
    trained = set()
    for path in (ROOT / "data/nlu").glob("*/*.yml"):
        examples = yml.parse(path.read_text(encoding="utf-8"))["nlu"]
        trained |= {one["intent"] for one in examples if "intent" in one}
    assert trained <= set(DOMAIN["intents"])


def test_every_response_is_said_somewhere() -> None:
    said = steps("action")
    for path in Path(ROOT / "actions").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        said |= set(re.findall(r"utter_\w+", source))
    said |= {f"utter_order_{state}" for state in OrderState}
    said |= {f"utter_identification_{kind}" for kind in ("locked", "too_many")}
    unknown = {name for name in said if name.startswith("utter_") and not name.endswith("_")}
    assert set(DOMAIN["responses"]) <= said
    assert unknown - set(DOMAIN["responses"]) == {"utter_message"}


def test_both_languages_mention_the_same_values() -> None:
    for name, variations in DOMAIN["responses"].items():
        mentioned = {frozenset(PLACEHOLDER.findall(one["text"])) for one in variations}
        assert len(mentioned) == 1, name


def test_every_matter_has_words_for_a_button() -> None:
    words = Wording("ru", NOON, "Europe/Moscow")
    missing = [intent for intent in DOMAIN["intents"] if not words.find(f"ask.{intent}")]
    assert set(missing) == NO_MATTER - {"capabilities"}


def test_the_catalogue_has_a_word_for_everything_the_bridge_can_say() -> None:
    for language in ("ru", "en"):
        words = Wording(language, NOON, "Europe/Moscow")
        for key in (
            *(f"state.{state}" for state in OrderState),
            *(f"checkpoint.{kind}" for kind in CheckpointKind),
            *(f"reason.{kind}" for kind in DELAYS),
            *(f"next.shipped.{method}" for method in DeliveryMethod),
        ):
            assert words.find(key), key


def test_wishes_are_understood_and_questions_left_alone() -> None:
    wishes = {
        "не приходит код": Wish.RESEND,
        "Код так и не пришёл": Wish.RESEND,
        "ЕЩЁ РАЗ": Wish.RESEND,
        "send it again please": Wish.RESEND,
        "У меня другой номер": Wish.CHANGE,
        "ошиблась номером": Wish.CHANGE,
        "use a different email": Wish.CHANGE,
        "не надо, передумал": Wish.CANCEL,
        "never mind": Wish.CANCEL,
        "отмените заказ": None,
        "заказ не приходит": None,
        "cancel my subscription": None,
        "нет": None,
        "": None,
    }
    assert {text: phrases.wish(text) for text in wishes} == wishes
