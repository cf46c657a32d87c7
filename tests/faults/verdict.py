"""What became of each message: what customers saw, and what the log says."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from crm_bridge.models import Author, Message, Owner

AGAIN = "Повторяю:"
_NUMBER = re.compile(r"вопрос (\d+)\.")


@dataclass
class Log:
    """What the database knows."""

    questions: dict[int, Message] = field(default_factory=dict)
    to_people: set[int] = field(default_factory=set)
    order: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # by conversation
    replies: Counter[str] = field(default_factory=Counter)  # published lines by the message they answer
    states: dict[str, str] = field(default_factory=dict)  # of replies
    conversation_of: dict[int, str] = field(default_factory=dict)
    outcomes: dict[int, str] = field(default_factory=dict)  # what the inbox says of a question

    def add(self, message: Message, owner: Owner, channel: str, outcome: str | None) -> None:
        if message.author is Author.CUSTOMER and (found := _NUMBER.search(message.text)):
            number = int(found[1])
            self.questions[number] = message
            self.order[message.conversation_id].append(number)
            self.conversation_of[number] = message.conversation_id
            self.outcomes[number] = f"{outcome}, now with {owner}"
            if outcome in ("silent", "apologised", "dropped") and owner is not Owner.BOT:
                self.to_people.add(number)
        elif message.reply_to:
            self.states[message.reply_to] = message.state
            if message.seq is not None:
                self.replies[message.reply_to] += 1


@dataclass
class Verdict:
    """Counted over all messages. What must be zero says so in `wrong`."""

    asked: int
    reminders: int
    answered_once: int = 0
    said_again_and_marked: int = 0
    handed_to_people: int = 0
    said_twice_without_a_mark: int = 0
    never_accepted: int = 0  # the provider gave up before it got its 2xx
    lost: int = 0
    out_of_order: int = 0
    over_limit: int = 0
    reminders_twice: int = 0
    traces: list[str] = field(default_factory=list)  # of what was lost
    _answered: set[int] = field(default_factory=set)

    def look(self, heard: list[str], log: Log) -> None:
        """One person's screen."""
        plain, marked, first = Counter[int](), Counter[int](), list[int]()
        for text in heard:
            if found := _NUMBER.search(text):
                number = int(found[1])
                if number not in plain and number not in marked:
                    first.append(number)
                (marked if AGAIN in text else plain)[number] += 1
        self.reminders_twice += sum(
            times > 1 for text, times in Counter(heard).items() if text.startswith("Напоминание")
        )
        self.said_twice_without_a_mark += sum(times > 1 for times in plain.values())
        self.said_again_and_marked += len(marked)
        self._answered |= set(first)
        if first:
            expected = [n for n in log.order[log.conversation_of[first[0]]] if n in set(first)]
            self.out_of_order += first != expected

    def look_at_web_chat(self, log: Log, asked: dict[int, str]) -> None:
        for number, channel in asked.items():
            if channel == "webchat" and number in log.questions:
                times = log.replies[log.questions[number].id]
                self.said_twice_without_a_mark += times > 1
                if times:
                    self._answered.add(number)

    def count_missing(self, asked: dict[int, str], log: Log) -> None:
        for number in asked:
            if number in self._answered:
                self.answered_once += 1
            elif number not in log.questions:
                self.never_accepted += 1
            elif number in log.to_people or self._left_to_people(number, log):
                self.handed_to_people += 1
            else:
                self.lost += 1
                said = log.states.get(log.questions[number].id)
                self.traces.append(f"{number} in {asked[number]}: {log.outcomes[number]}; its answer: {said}")

    def _left_to_people(self, number: int, log: Log) -> bool:
        """The answer was there, and nobody knows whether it arrived: people were told to look."""
        question = log.questions.get(number)
        return question is not None and log.states.get(question.id) in ("uncertain", "failed", "dropped")

    @property
    def wrong(self) -> dict[str, int]:
        zero = ("said_twice_without_a_mark", "lost", "out_of_order", "over_limit", "reminders_twice")
        return {name: getattr(self, name) for name in zero if getattr(self, name)}
