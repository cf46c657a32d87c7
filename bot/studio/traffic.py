"""How often customers ask what: the share of each intent, week by week."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_bridge.models import Author, Message

WEEKS = 8
_WEEK = timedelta(weeks=1)


@dataclass(frozen=True)
class Share:
    """Of one intent. `weeks`: its share of what was written in each week, 0…1, the oldest first."""

    share: float  # over all the weeks
    weeks: list[float]

    @property
    def change(self) -> float:
        """Of the last two weeks against the ones before, in shares."""
        early, late = self.weeks[:-2], self.weeks[-2:]
        return sum(late) / len(late) - sum(early) / max(len(early), 1)


async def traffic(session: AsyncSession, now: datetime) -> dict[str, Share]:
    """The share of every intent that was heard in the last weeks; presses of buttons count too."""
    week = case(
        *((Message.created_at < now - _WEEK * back, WEEKS - 1 - back) for back in range(WEEKS - 1, 0, -1)),
        else_=WEEKS - 1,
    ).label("week")
    intent = Message.details["nlu"]["intent"]["name"].as_string().label("intent")
    query = (
        select(intent, week, func.count())
        .where(
            Message.author == Author.CUSTOMER, Message.created_at >= now - _WEEK * WEEKS, intent.is_not(None)
        )
        .group_by(intent, week)
    )
    counted: dict[str, list[int]] = {}
    for name, at, count in await session.execute(query):
        counted.setdefault(name, [0] * WEEKS)[at] = count
    whole = [sum(own[n] for own in counted.values()) for n in range(WEEKS)]
    return {
        name: Share(
            sum(own) / sum(whole),
            [count / all_ if all_ else 0.0 for count, all_ in zip(own, whole, strict=True)],
        )
        for name, own in counted.items()
    }
