"""What customers think of the goods and of the help: stored with their consent."""

from collections.abc import Awaitable, Callable

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.models import Order, Rating, Review
from crm_bridge.operations.once import Result, once
from crm_bridge.operations.running import Operations

SOURCE = "chat"


class Feedback:
    """Stores reviews and ratings."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def review(
        self,
        key: str,
        customer_id: int,
        subject: str,
        stars: int,
        text: str,
        may_publish: bool,
        order_number: str | None = None,
    ) -> Result:
        """Store a review.

        Args:
            subject: what it is about, as the customer calls it.
            order_number: an order of this customer.
            may_publish: the customer agreed that others read it, with the first name.

        Returns:
            `{"id": of the review}`
        """

        async def work(session: AsyncSession) -> Result:
            query = select(Order.id).where(Order.customer_id == customer_id, Order.number == order_number)
            review = Review(
                customer_id=customer_id,
                order_id=await session.scalar(query) if order_number else None,
                subject=subject[:200],
                stars=stars,
                text=text,
                source=SOURCE,
                may_publish=may_publish,
                at=self._operations.clock.now(),
            )
            session.add(review)
            await session.flush()
            return {"id": review.id}

        return await self._operations.run(key, "leave_review", customer_id, work)

    async def rating(self, key: str, conversation_id: str, customer_id: int | None, score: int) -> Result:
        """Store how the help in a conversation was rated, one to five.

        Args:
            customer_id: None when nobody knows who wrote.

        Returns:
            `{"id": of the rating}`
        """

        async def work(session: AsyncSession) -> Result:
            rating = Rating(
                conversation_id=conversation_id,
                customer_id=customer_id,
                score=score,
                comment="",
                at=self._operations.clock.now(),
            )
            session.add(rating)
            await session.flush()
            return {"id": rating.id}

        return await self._run(key, "rate_service", customer_id, work)

    async def comment(
        self, key: str, conversation_id: str, customer_id: int | None, rating_id: int, text: str
    ) -> Result:
        """Put words to a rating that was given in the same conversation.

        Returns:
            `{"id": of the rating}`
        """

        async def work(session: AsyncSession) -> Result:
            theirs = Rating.id == rating_id, Rating.conversation_id == conversation_id
            await session.execute(update(Rating).where(*theirs).values(comment=text))
            return {"id": rating_id}

        return await self._run(key, "comment_rating", customer_id, work)

    async def _run(
        self,
        key: str,
        name: str,
        customer_id: int | None,
        work: Callable[[AsyncSession], Awaitable[Result]],
    ) -> Result:
        """An operation that nobody has to be known for."""
        if customer_id is not None:
            return await self._operations.run(key, name, customer_id, work)
        async with self._operations.db.write() as session:
            return (
                await once(session, key, name, self._operations.clock.now(), lambda: work(session))
            ).result
