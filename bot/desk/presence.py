"""Who is at the desk: whoever has a page of it open and has not said that they are away."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.tables import DeskAgent
from bot.gateway.handoffs import Handoff, Place
from bot.web.staff.roles import Right, Role, rights_of
from bot.web.staff.tables import StaffAccount
from crm_bridge.sql import insert_if_absent

PRESENT_FOR = timedelta(seconds=60)  # after the last sign of an open page; one comes every twenty seconds


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who answers customers, as routing and the board see them."""

    id: int
    login: str
    name: str
    online: bool
    away: bool
    seen_at: datetime | None
    offered_at: datetime | None
    capacity: int
    load: int  # dialogues they have, and are asked to take
    teams: frozenset[str]
    languages: frozenset[str]
    channels: frozenset[str]

    @property
    def free(self) -> bool:
        """Whether one more dialogue may be offered."""
        return self.online and not self.away and self.load < self.capacity

    def knows(self, team: str | None, language: str, channel: str) -> bool:
        """Whether the skills fit; no skills mean all."""
        return (
            (not self.teams or team in self.teams)
            and (not self.languages or language in self.languages)
            and (not self.channels or channel in self.channels)
        )


async def seen(session: AsyncSession, staff_ids: Collection[int], now: datetime, capacity: int) -> None:
    """These people are there. Whoever comes for the first time gets the ordinary capacity."""
    query = select(DeskAgent.account_id).where(DeskAgent.account_id.in_(staff_ids))
    known = set(await session.scalars(query))
    for id_ in sorted(set(staff_ids) - known):
        fresh = {"account_id": id_, "away": False, "capacity": capacity, "seen_at": now}
        fresh |= {"teams": [], "languages": [], "channels": []}
        await insert_if_absent(session, DeskAgent, fresh)
    await session.execute(
        update(DeskAgent)
        .where(DeskAgent.account_id.in_(known))
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )


async def set_away(session: AsyncSession, staff_id: int, away: bool) -> None:
    """Somebody has a break, or is back."""
    await session.execute(update(DeskAgent).where(DeskAgent.account_id == staff_id).values(away=away))


async def colleagues(session: AsyncSession, now: datetime) -> list[Colleague]:
    """Everybody who may answer, by name."""
    owned = select(Handoff.agent_id.label("who")).where(Handoff.place.in_((Place.ANSWER, Place.CUSTOMER)))
    asked = select(Handoff.offered_to.label("who")).where(Handoff.place == Place.WAITING)
    both = union_all(
        owned.where(Handoff.agent_id.is_not(None)), asked.where(Handoff.offered_to.is_not(None))
    ).subquery()
    counted = await session.execute(select(both.c.who, func.count()).group_by(both.c.who))
    loads = {who: load for who, load in counted if who is not None}
    query = (
        select(StaffAccount, DeskAgent)
        .outerjoin(DeskAgent, DeskAgent.account_id == StaffAccount.id)
        .where(StaffAccount.disabled_at.is_(None))
        .order_by(StaffAccount.name)
    )
    return [
        _colleague(account, agent, loads.get(account.id, 0), now)
        for account, agent in await session.execute(query)
        if Right.ANSWER in rights_of(frozenset(Role(role) for role in account.roles))
    ]


def _colleague(account: StaffAccount, agent: DeskAgent | None, load: int, now: datetime) -> Colleague:
    seen_at = agent.seen_at if agent else None
    return Colleague(
        id=account.id,
        login=account.login,
        name=account.name,
        online=seen_at is not None and now - seen_at <= PRESENT_FOR,
        away=bool(agent and agent.away),
        seen_at=seen_at,
        offered_at=agent.offered_at if agent else None,
        capacity=agent.capacity if agent else 0,
        load=load,
        teams=frozenset(agent.teams if agent else ()),
        languages=frozenset(agent.languages if agent else ()),
        channels=frozenset(agent.channels if agent else ()),
    )
