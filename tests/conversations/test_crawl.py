"""A short form of `make crawl`, and proofs that the crawler sees a dead end when there is one."""

from random import Random
from typing import Any

import pytest

from bot.gateway.engine import EngineAway, TurnAnswer, TurnRequest
from tests.conversations.crawl import Figures, Walk, crawl
from tests.conversations.passers_by import PasserBy
from tests.conversations.stage import Stage

CONVERSATIONS = 40


async def test_random_customers_find_no_dead_end(stage: Stage) -> None:
    figures = await crawl(stage, range(CONVERSATIONS), seed=20)
    print("\n".join(figures.lines()))
    assert not figures.dead_ends, "\n".join(map(str, figures.dead_ends))
    assert figures.conversations == CONVERSATIONS
    assert figures.presses > CONVERSATIONS / 2
    assert {"utter_ask_contact", "utter_identified"} <= set(figures.responses)


async def test_the_same_seed_plays_the_same(stage: Stage) -> None:
    first, second = [await crawl(stage, range(6), seed=3, walkers=2) for _ in range(2)]
    assert first.buttons == second.buttons
    assert first.turns == second.turns


class Broken:
    """An engine that always answers the same."""

    def __init__(self, *replies: dict[str, Any], fails: bool = False) -> None:
        self._replies = list(replies)
        self._fails = fails

    async def turn(self, _request: TurnRequest, _memory: object) -> TurnAnswer:
        if self._fails:
            raise EngineAway("turn_failed")
        return TurnAnswer(self._replies, {}, [], {}, repeated=False)


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        (Broken(), "empty reply"),
        (Broken({"text": " ", "buttons": []}), "empty reply"),
        (Broken({"text": "Заказ {number} в пути."}), "«{» in a reply"),
        (Broken({"text": "Не поняла."}), "no way to a person"),
        (Broken(fails=True), "EngineAway"),
    ],
)
async def test_what_is_a_dead_end(stage: Stage, engine: Any, why: str) -> None:
    figures = Figures()
    async with stage.world(gateway=False) as world:
        someone = PasserBy("nobody", "ru", Random(1), {"greet": ["привет"]}, 1, [], "a@example.com")
        await Walk(1, world, engine, figures, someone).go()
    assert [end.why for end in figures.dead_ends if why in end.why], figures.dead_ends


async def test_the_same_again_is_fine_while_people_can_be_called(stage: Stage) -> None:
    figures = Figures()
    person = {"title": "Позвать сотрудника", "payload": "/human_agent"}
    async with stage.world(gateway=False) as world:
        someone = PasserBy("nobody", "ru", Random(1), {"greet": ["привет"]}, 1, [], "a@example.com")
        engine: Any = Broken({"text": "Не поняла.", "buttons": [person]})
        await Walk(1, world, engine, figures, someone).go()
    assert figures.dead_ends == []
