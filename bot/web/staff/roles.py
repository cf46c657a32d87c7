"""What each role may do. A person may have several roles; nothing is allowed that stands in none of them."""

from enum import StrEnum


class Role(StrEnum):
    """A kind of work."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """Something that is guarded."""

    ANSWER = "answer"  # read dialogues of customers, take them over, answer
    SUPERVISE = "supervise"  # see who does what, reassign
    TRAIN = "train"  # intents, responses, knowledge, models
    RULES = "rules"  # proactive rules
    MEASURES = "measures"  # figures about the service
    ACCOUNTS = "accounts"  # staff accounts, audit log


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.AGENT: frozenset({Right.ANSWER}),
    Role.SUPERVISOR: frozenset({Right.ANSWER, Right.SUPERVISE, Right.MEASURES}),
    Role.ADMINISTRATOR: frozenset({Right.TRAIN, Right.RULES, Right.MEASURES, Right.ACCOUNTS}),
}


def rights_of(roles: frozenset[Role]) -> frozenset[Right]:
    """Everything that these roles allow together."""
    return frozenset().union(*(RIGHTS[role] for role in roles))
