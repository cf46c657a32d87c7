"""Presses every button and answers every question at random, and looks for dead ends: `make crawl`.

It talks to the engine as the gateway does, with the real action server behind it. A dead end is an empty
reply, an exception, a placeholder that was not filled, or the same reply over and over without a way to a
person. The same seed plays the same conversations,
and `--only 43` plays one of them again.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from bot.gateway.engine import EngineAway, EngineClient, EngineRefused
from bot.gateway.outbox import Button
from core import logs, yml
from core.settings import ROOT
from tests.conversations.passers_by import PasserBy, inquiries, somebody
from tests.conversations.player import LEFT_OPEN
from tests.conversations.stage import Stage, World, running_stage

LONGEST = 12  # turns of one conversation
PATIENCE = 4  # the same reply so often in a row, without a way to a person, is a loop
PERSON = "human_agent"
EMPTY, EXCEPTION, ACTION_FAILED, PLACEHOLDER, LOOP = "empty", "exception", "failed", "placeholder", "loop"


@dataclass(frozen=True)
class DeadEnd:
    """What a customer could not get out of."""

    conversation: int
    why: str
    transcript: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"conversation {self.conversation}: {self.why}", *self.transcript, ""])


@dataclass
class Figures:
    """What was seen."""

    conversations: int = 0
    turns: int = 0
    presses: int = 0
    handed_over: int = 0
    seconds: float = 0
    replies: Counter[str] = field(default_factory=Counter)
    responses: Counter[str] = field(default_factory=Counter)
    buttons: Counter[str] = field(default_factory=Counter)  # pressed, by what stands on them
    offered: set[str] = field(default_factory=set)  # buttons that stood there to be pressed
    intents: Counter[str] = field(default_factory=Counter)  # as the messages were understood
    troubles: Counter[str] = field(default_factory=Counter)  # dead ends, by kind
    dead_ends: list[DeadEnd] = field(default_factory=list)

    def never_said(self) -> list[str]:
        """Responses of the domain that nobody heard."""
        domain = yml.parse((ROOT / "domain.yml").read_text(encoding="utf-8"))
        return sorted(set(domain["responses"]) - set(self.responses))

    def lines(self) -> list[str]:
        never, known = self.never_said(), set(intents_of_domain())
        seen = len(self.responses)
        return [
            f"conversations          {self.conversations}",
            f"turns                  {self.turns}",
            f"presses                {self.presses}",
            f"buttons pressed        {len(self.buttons)} of {len(self.offered)} that were offered",
            f"intents heard          {len(self.intents)} of {len(known)}",
            f"intents never heard    {', '.join(sorted(known - set(self.intents))) or 'none'}",
            f"handed over to people  {self.handed_over}",
            f"distinct replies       {len(self.replies)}",
            f"responses seen         {seen} of {seen + len(never)}",
            f"never seen             {', '.join(never) or 'none'}",
            f"empty replies          {self.troubles[EMPTY]}",
            f"exceptions             {self.troubles[EXCEPTION] + self.troubles[ACTION_FAILED]}",
            f"unfilled placeholders  {self.troubles[PLACEHOLDER]}",
            f"loops without a person {self.troubles[LOOP]}",
            f"dead ends              {len(self.dead_ends)}",
            f"seconds                {self.seconds:.0f}",
        ]


@dataclass
class Walk:
    """One conversation at random."""

    number: int
    world: World
    engine: EngineClient
    figures: Figures
    someone: PasserBy
    transcript: list[str] = field(default_factory=list)
    offered: list[Button] = field(default_factory=list)  # with the last replies
    earlier: deque[Button] = field(default_factory=lambda: deque(maxlen=12))
    last: str = ""
    repeats: int = 0

    async def go(self) -> None:
        """Until people take over, or long enough."""
        self.figures.conversations += 1
        after: str | None = None
        for count in range(LONGEST):
            message_id = f"m{count}"
            answer = await self._turn(message_id, after)
            if answer is None:
                return
            after = message_id
            if any("handoff" in (reply.get("custom") or {}) for reply in answer):
                self.figures.handed_over += 1
                return

    async def _turn(self, message_id: str, after: str | None) -> list[dict[str, Any]] | None:
        """Say something and look at the answer; None: there is no going on."""
        move = await self.someone.move(self.world, self.offered, self.earlier, self.last)
        self.transcript.append(f"> {move.shown}")
        self.figures.turns += 1
        if move.button:
            self.figures.presses += 1
            self.figures.buttons[move.button.title] += 1
        try:
            answer = await self.engine.turn(self.someone.request(self.world, message_id, after, move), None)
        except (EngineAway, EngineRefused) as error:
            self._dead(EXCEPTION, f"{type(error).__name__}: {error}")
            return None
        self.figures.intents[str((answer.nlu.get("intent") or {}).get("name"))] += 1
        self.figures.responses.update(name for name in answer.actions if name.startswith("utter_"))
        self._hear(answer.replies)
        if trouble := self._trouble(answer.replies):
            self._dead(*trouble)
            return None
        return answer.replies

    def _hear(self, replies: list[dict[str, Any]]) -> None:
        texts = [str(reply.get("text") or "") for reply in replies]
        self.transcript.extend(f"  {text}" for text in texts)
        self.figures.replies.update(texts)
        self.earlier.extend(self.offered)
        buttons = [one for reply in replies for one in reply.get("buttons") or ()]
        self.offered = [Button.of_payload(one["title"], one["payload"]) for one in buttons]
        self.figures.offered.update(button.title for button in self.offered)
        self.transcript.extend(f"  [{button.title}]" for button in self.offered)

    def _trouble(self, replies: list[dict[str, Any]]) -> tuple[str, str] | None:
        """What is wrong with the answer, if anything: its kind, and in words."""
        texts = [str(reply.get("text") or "") for reply in replies]
        heard = "\n".join(texts)
        if not texts or not all(text.strip() for text in texts):
            return EMPTY, "an empty reply"
        if left := LEFT_OPEN.search(heard):
            return PLACEHOLDER, f"«{left[0]}» in a reply"
        if FAILED.intersection(texts):
            return ACTION_FAILED, "an action failed"
        if self._goes_round(heard, replies):
            return LOOP, "the same again and again, and no way to a person"
        return None

    def _goes_round(self, heard: str, replies: list[dict[str, Any]]) -> bool:
        a_way_out = any(button.intent == PERSON for button in self.offered)
        a_way_out = a_way_out or any("handoff" in (reply.get("custom") or {}) for reply in replies)
        self.repeats = self.repeats + 1 if heard == self.last and not a_way_out else 1
        self.last = heard
        return self.repeats >= PATIENCE

    def _dead(self, kind: str, why: str) -> None:
        self.figures.troubles[kind] += 1
        self.figures.dead_ends.append(DeadEnd(self.number, why, tuple(self.transcript)))


def intents_of_domain() -> list[str]:
    """All that can be heard, buttons alone included."""
    domain = yml.parse((ROOT / "domain.yml").read_text(encoding="utf-8"))
    return list(domain["intents"])


def _failures() -> frozenset[str]:
    domain = yml.parse((ROOT / "domain.yml").read_text(encoding="utf-8"))
    return frozenset(
        variant["text"].strip()
        for name in ("utter_action_failed", "utter_identification_failed")
        for variant in domain["responses"][name]
    )


FAILED = _failures()


async def crawl(stage: Stage, numbers: Sequence[int], seed: int = 1, walkers: int = 3) -> Figures:
    """Conversations of these numbers, `walkers` at a time, each in a demo company of its own."""
    began, figures, said, waiting = time.monotonic(), Figures(), inquiries(), iter(numbers)
    stage.said.clear()

    async def walk(engine: EngineClient) -> None:
        for number in waiting:
            chance = Random(f"{seed}:{number}")
            async with stage.world(gateway=False) as world:
                someone = await somebody(world, chance, said, f"crawl-{seed}-{number}-{stage.opened}")
                stage.seat(world, someone.conversation_id)
                await Walk(number, world, engine, figures, someone).go()

    async with aiohttp.ClientSession() as http:
        settings = stage.settings
        engine = EngineClient(http, settings.engine_bases, settings.engine_key, settings.engine_timeout)
        await asyncio.gather(*(walk(engine) for _ in range(walkers)))
    figures.responses.update(stage.said)
    figures.seconds = time.monotonic() - began
    return figures


async def _main(numbers: Sequence[int], seed: int, walkers: int) -> int:
    logs.set_up("json", "error")  # where an action failed
    async with running_stage() as stage:
        figures = await crawl(stage, numbers, seed, walkers)
    for dead_end in figures.dead_ends[:20]:
        print(dead_end)
    print("\n".join(figures.lines()))
    return 1 if figures.dead_ends else 0


def main() -> None:
    parser = argparse.ArgumentParser(description="Press every button; look for dead ends.")
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--walkers", type=int, default=3, help="conversations at a time")
    parser.add_argument("--only", type=int, help="play one conversation again")
    given = parser.parse_args()
    numbers = range(given.conversations) if given.only is None else [given.only]
    sys.exit(asyncio.run(_main(numbers, given.seed, given.walkers)))


if __name__ == "__main__":
    main()
