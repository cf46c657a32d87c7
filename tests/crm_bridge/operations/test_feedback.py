"""Reviews and ratings are stored once, with consent, and go with their customer."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.db import Database
from crm_bridge.models import Rating, Review
from crm_bridge.operations.feedback import Feedback
from crm_bridge.operations.running import Operations
from tests.crm_bridge.people import Company


@pytest.fixture
def feedback(operations: Operations) -> Feedback:
    return Feedback(operations)


async def reviews(db: Database) -> list[Review]:
    async with db.read() as session:
        return list(await session.scalars(select(Review)))


async def ratings(db: Database) -> list[Rating]:
    async with db.read() as session:
        return list(await session.scalars(select(Rating)))


async def test_a_review_sent_twice_at_once_is_stored_once(
    shop: Company, db: Database, feedback: Feedback
) -> None:
    maria = await shop.customer()
    order = await shop.order(maria, "1001")
    first, second = await asyncio.gather(
        *(feedback.review("k", maria, "Чайник", 4, "Хороший", True, "1001") for _ in range(2))
    )
    assert first == second
    [review] = await reviews(db)
    assert (review.stars, review.may_publish, review.order_id) == (4, True, order)


async def test_the_order_of_somebody_else_is_not_named(
    shop: Company, db: Database, feedback: Feedback
) -> None:
    maria, peter = await shop.customer(), await shop.customer("Пётр")
    await shop.order(maria, "1001")
    await feedback.review("k", peter, "Чайник", 1, "", False, "1001")
    [review] = await reviews(db)
    assert (review.customer_id, review.order_id, review.may_publish) == (peter, None, False)


async def test_help_is_rated_by_customers_and_by_strangers(
    shop: Company, db: Database, feedback: Feedback
) -> None:
    maria = await shop.customer()
    known, unknown = await shop.chat(maria), await shop.chat()
    for _ in range(2):
        rated = await feedback.rating("a", known, maria, 5)
        await feedback.comment("c", known, maria, rated["id"], "быстро")
        await feedback.comment("d", unknown, None, rated["id"], "чужое")
        await feedback.rating("b", unknown, None, 2)
    told = {(one.conversation_id, one.customer_id, one.score, one.comment) for one in await ratings(db)}
    assert told == {(known, maria, 5, "быстро"), (unknown, None, 2, "")}
    assert len(await ratings(db)) == 2


async def test_there_are_no_six_stars(shop: Company, db: Database, feedback: Feedback) -> None:
    maria = await shop.customer()
    with pytest.raises(IntegrityError):
        await feedback.review("k", maria, "Чайник", 6, "", False)
    with pytest.raises(IntegrityError):
        await feedback.rating("r", await shop.chat(maria), maria, 0)
    assert await reviews(db) == []
    assert await ratings(db) == []
