"""Makes two customers one, and two again.

What belonged to the absorbed customer is given to the survivor, and every row that moved is written down. A
contact that both had is kept in the record of the merge; of what else can be there only once, such as a link
to a CRM, each keeps their own. The absorbed customer's own row stays, pointing to the survivor, so that its
id and its `external_ref` still lead somewhere.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table, UniqueConstraint, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Base
from crm_bridge.duplicates.freezing import freeze, thaw
from crm_bridge.duplicates.matching import compare, read_people
from crm_bridge.models import Customer, Merge, MergeProposal, ProposalState
from crm_bridge.operations.running import Announce

_FILLED = ("patronymic", "city", "segment", "preferred_channel", "preferred_from", "preferred_until")
_EITHER = ("vip", "do_not_disturb")  # true when it is true of one of the two
_ONCE_IS_ENOUGH = frozenset({"contact_point"})  # left with both, a phone would seem to have two owners
_ABOUT_MERGES = frozenset({"customer", "merge", "merge_proposal"})


class CannotMerge(Exception):
    """One of the two does not exist, was merged before, or they are the same."""


class NeedsAdministrator(CannotMerge):
    """They share a contact and have different names: two people, unless an administrator says otherwise."""


class CannotUnmerge(Exception):
    """It was undone already, or the survivor was merged into somebody else since."""


class Merges:
    """Merges and unmerges, each in the caller's transaction."""

    def __init__(self, clock: Clock, announce: Announce | None = None) -> None:
        """`announce`: None when no CRM is connected."""
        self._clock = clock
        self._announce = announce

    async def merge(
        self,
        session: AsyncSession,
        survivor_id: int,
        absorbed_id: int,
        by: str,
        *,
        administrator: bool = False,
    ) -> int:
        """Give everything of `absorbed_id` to `survivor_id`; the id of the merge.

        Args:
            by: who of the staff decides.
            administrator: whether they are an administrator.

        Raises:
            CannotMerge
            NeedsAdministrator
        """
        survivor, absorbed = await _both(session, survivor_id, absorbed_id)
        if not administrator:
            await _refuse_family(session, survivor_id, absorbed_id)
        moved, removed = await _move(session, survivor_id, absorbed_id)
        filled = _fill(survivor, absorbed)
        absorbed.merged_into_id, survivor.updated_at = survivor_id, self._clock.now()
        merge = Merge(
            survivor_id=survivor_id,
            absorbed_id=absorbed_id,
            moved=moved,
            removed=removed,
            filled=filled,
            by=by,
            at=self._clock.now(),
        )
        session.add(merge)
        await session.flush()
        await self._settle(session, merge, ProposalState.MERGED, by)
        await self._tell(session, survivor_id)
        return merge.id

    async def unmerge(self, session: AsyncSession, merge_id: int, by: str) -> None:
        """Part the two again. What came to the survivor after the merge stays with the survivor.

        Raises:
            CannotUnmerge
        """
        merge = await session.get(Merge, merge_id, with_for_update=True)
        if merge is None or merge.undone_at is not None:
            raise CannotUnmerge(f"merge {merge_id} is not there or undone already")
        survivor, absorbed = await _pair(session, merge.survivor_id, merge.absorbed_id)
        if survivor.merged_into_id is not None:
            raise CannotUnmerge(f"undo first the merge of {survivor.id} into {survivor.merged_into_id}")
        await _move_back(session, merge)
        for field, (before, taken) in merge.filled.items():
            if getattr(survivor, field) == taken:
                setattr(survivor, field, before)
        absorbed.merged_into_id, survivor.updated_at = None, self._clock.now()
        merge.undone_at, merge.undone_by = self._clock.now(), by
        await session.flush()
        await self._settle(session, merge, ProposalState.REFUSED, by)
        await self._tell(session, merge.survivor_id, merge.absorbed_id)

    async def _tell(self, session: AsyncSession, *customers: int) -> None:
        if self._announce:
            for customer_id in customers:
                await self._announce.customer_changed(session, customer_id)

    async def _settle(self, session: AsyncSession, merge: Merge, state: ProposalState, by: str) -> None:
        pair = sorted((merge.survivor_id, merge.absorbed_id))
        await session.execute(
            update(MergeProposal)
            .where(MergeProposal.first_id == pair[0], MergeProposal.second_id == pair[1])
            .values(state=state, decided_at=self._clock.now(), decided_by=by)
        )


async def _pair(session: AsyncSession, one: int, other: int) -> tuple[Customer, Customer]:
    """Both rows, locked in the order of their ids, so that two opposite merges do not wait for each other."""
    query = select(Customer).where(Customer.id.in_((one, other))).order_by(Customer.id).with_for_update()
    found = {row.id: row for row in await session.scalars(query.execution_options(populate_existing=True))}
    if len(found) != 2:
        raise CannotMerge(f"{one} and {other} are not two customers")
    return found[one], found[other]


async def _both(session: AsyncSession, survivor_id: int, absorbed_id: int) -> tuple[Customer, Customer]:
    survivor, absorbed = await _pair(session, survivor_id, absorbed_id)
    for customer in (survivor, absorbed):
        if customer.merged_into_id is not None:
            raise CannotMerge(f"customer {customer.id} was merged into {customer.merged_into_id}")
    return survivor, absorbed


async def _refuse_family(session: AsyncSession, one: int, other: int) -> None:
    people = await read_people(session, (one, other))
    match = compare(people[one], people[other])
    if match is not None and match.administrator:
        raise NeedsAdministrator(f"customers {one} and {other} share a contact and have different names")


def _owned() -> list[Table]:
    """Every table whose rows belong to a customer, of whichever package."""
    return [
        table
        for table in Base.metadata.sorted_tables
        if "customer_id" in table.c and table.name not in _ABOUT_MERGES
    ]


async def _move(
    session: AsyncSession, survivor_id: int, absorbed_id: int
) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    moved: dict[str, list[Any]] = {}
    removed: dict[str, list[Any]] = {}
    for table in _owned():
        key = next(iter(table.primary_key))
        doubles = await _doubles(session, table, survivor_id, absorbed_id)
        keys = [row[key.name] for row in doubles]
        if doubles and table.name in _ONCE_IS_ENOUGH:
            removed[table.name] = [freeze(table, row) for row in doubles]
            await session.execute(delete(table).where(key.in_(keys)))
        theirs = table.c.customer_id == absorbed_id, key.not_in(keys)
        change = update(table).where(*theirs).values(customer_id=survivor_id)
        if given := list(await session.scalars(change.returning(key))):
            moved[table.name] = given
    earlier = update(Customer).where(Customer.merged_into_id == absorbed_id)
    redirected = earlier.values(merged_into_id=survivor_id).returning(Customer.id)
    if ids := list(await session.scalars(redirected, execution_options={"synchronize_session": False})):
        moved["customer"] = ids
    return moved, removed


async def _doubles(
    session: AsyncSession, table: Table, survivor_id: int, absorbed_id: int
) -> list[dict[str, Any]]:
    """The absorbed customer's rows that the survivor has too, by a unique key with the customer in it."""
    keys = [unique for unique in table.constraints if isinstance(unique, UniqueConstraint)]
    by_customer = [unique for unique in keys if "customer_id" in unique.columns]
    if not by_customer:
        return []
    rows = await session.execute(select(table).where(table.c.customer_id.in_((survivor_id, absorbed_id))))
    mine: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for row in rows.mappings():
        (mine if row["customer_id"] == survivor_id else theirs).append(dict(row))
    return [row for row in theirs if any(_taken(unique, row, mine) for unique in by_customer)]


def _taken(unique: UniqueConstraint, row: dict[str, Any], others: Iterable[dict[str, Any]]) -> bool:
    names = [column.name for column in unique.columns if column.name != "customer_id"]
    return any(all(row[name] == other[name] for name in names) for other in others)


def _fill(survivor: Customer, absorbed: Customer) -> dict[str, Any]:
    """Let the survivor have what they lack; field → (before, after)."""
    filled: dict[str, Any] = {}
    for field in (*_FILLED, *_EITHER):
        before, theirs = getattr(survivor, field), getattr(absorbed, field)
        after = (before or theirs) if field in _EITHER else (theirs if before is None else before)
        if after != before:
            filled[field] = [before, after]
            setattr(survivor, field, after)
    return filled


async def _move_back(session: AsyncSession, merge: Merge) -> None:
    tables = Base.metadata.tables
    for name, keys in merge.moved.items():
        table = tables[name]
        key = next(iter(table.primary_key))
        owner = table.c.merged_into_id if name == "customer" else table.c.customer_id
        for start in range(0, len(keys), 500):
            mine = key.in_(keys[start : start + 500]), owner == merge.survivor_id
            await session.execute(update(table).where(*mine).values({owner.name: merge.absorbed_id}))
    for name, rows in merge.removed.items():
        await session.execute(insert(tables[name]), [thaw(tables[name], row) for row in rows])
