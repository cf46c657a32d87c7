"""Whatever is asked for twice is done once."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import Customer, Operation
from crm_bridge.operations.once import Done, KeyReused, once


class Gift:
    """An operation that leaves a row, and can fail after that."""

    def __init__(self, db: Database, clock: ManualClock) -> None:
        self.db = db
        self.now = clock.now()
        self.runs = 0

    async def give(self, key: str, *, name: str = "gift", fails: bool = False) -> Done:
        async with self.db.write() as session:

            async def run() -> dict[str, Any]:
                self.runs += 1
                session.add(
                    Customer(
                        given_name="G", family_name="", language="ru", time_zone="UTC", created_at=self.now
                    )
                )
                await session.flush()
                await asyncio.sleep(0.01)
                if fails:
                    raise RuntimeError
                return {"number": self.runs}

            return await once(session, key, name, self.now, run)

    async def given(self) -> int:
        async with self.db.read() as session:
            return await session.scalar(select(func.count()).select_from(Customer)) or 0


@pytest.fixture
def gift(db: Database, clock: ManualClock) -> Gift:
    return Gift(db, clock)


async def test_a_repeated_operation_gives_its_first_result(gift: Gift) -> None:
    assert await gift.give("a") == Done({"number": 1}, repeated=False)
    assert await gift.give("a") == Done({"number": 1}, repeated=True)
    assert await gift.give("b") == Done({"number": 2}, repeated=False)
    assert await gift.given() == 2


async def test_ten_at_once_do_it_once(gift: Gift) -> None:
    done = await asyncio.gather(*(gift.give("a") for _ in range(10)))
    assert sorted(each.repeated for each in done) == [False] + [True] * 9
    assert {each.result["number"] for each in done} == {1}
    assert (gift.runs, await gift.given()) == (1, 1)


async def test_what_failed_left_nothing_and_may_be_tried_again(gift: Gift) -> None:
    with pytest.raises(RuntimeError):
        await gift.give("a", fails=True)
    assert await gift.given() == 0
    assert not (await gift.give("a")).repeated
    assert await gift.given() == 1


async def test_a_failure_that_the_caller_survives_leaves_nothing_either(
    db: Database, clock: ManualClock
) -> None:
    async def run() -> dict[str, Any]:
        raise RuntimeError

    async with db.write() as session:
        with pytest.raises(RuntimeError):
            await once(session, "a", "gift", clock.now(), run)
    async with db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Operation)) == 0


async def test_a_key_belongs_to_one_operation(gift: Gift) -> None:
    await gift.give("a")
    with pytest.raises(KeyReused):
        await gift.give("a", name="refund")
