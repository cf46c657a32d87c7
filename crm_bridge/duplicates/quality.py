"""Records that are incomplete or contradict themselves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from core.db import Database
from core.texts import Texts
from crm_bridge.models import ContactKind, ContactPoint, Customer, Order, OrderState

_texts = Texts(Path(__file__).parents[1] / "texts.yml")
_PAGE = 1000


class ProblemCode(StrEnum):
    """What is wrong with a record."""

    NO_NAME = "no_name"
    NO_CONTACT = "no_contact"
    NO_WAY_TO_WRITE = "no_way_to_write"  # the preferred channel needs a contact that is not there
    HOURS_WITHOUT_LENGTH = "hours_without_length"
    DELIVERED_WITHOUT_DATE = "delivered_without_date"
    DELIVERED_BEFORE_ORDERED = "delivered_before_ordered"
    CONTACT_OF_SEVERAL = "contact_of_several"  # people of other surnames have it too


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a customer's record."""

    customer_id: int
    code: ProblemCode

    def in_words(self, language: str) -> str:
        return _texts(f"problem.{self.code}", language)


async def problems(
    db: Database, codes: tuple[ProblemCode, ...] = tuple(ProblemCode)
) -> AsyncIterator[Problem]:
    """All problems of the given kinds, kind by kind, in the order of customers."""
    for code in codes:
        last = 0
        while True:
            query = select(Customer.id).where(
                Customer.id > last, Customer.merged_into_id.is_(None), _WRONG[code]()
            )
            async with db.read() as session:
                ids = list(await session.scalars(query.order_by(Customer.id).limit(_PAGE)))
            for customer_id in ids:
                yield Problem(customer_id, code)
            if len(ids) < _PAGE:
                break
            last = ids[-1]


def _no_name() -> ColumnElement[bool]:
    return or_(func.trim(Customer.given_name) == "", func.trim(Customer.family_name) == "")


def _no_contact() -> ColumnElement[bool]:
    return ~exists().where(ContactPoint.customer_id == Customer.id)


def _no_way() -> ColumnElement[bool]:
    def lacks(channel: str, kind: ContactKind) -> ColumnElement[bool]:
        point = exists().where(ContactPoint.customer_id == Customer.id, ContactPoint.kind == kind)
        return and_(Customer.preferred_channel == channel, ~point)

    return or_(lacks("sms", ContactKind.PHONE), lacks("email", ContactKind.EMAIL))


def _no_hours() -> ColumnElement[bool]:
    return or_(
        Customer.preferred_from == Customer.preferred_until,
        Customer.preferred_from.is_(None) != Customer.preferred_until.is_(None),
    )


def _undated() -> ColumnElement[bool]:
    return exists().where(
        Order.customer_id == Customer.id, Order.state == OrderState.DELIVERED, Order.delivered_at.is_(None)
    )


def _too_early() -> ColumnElement[bool]:
    return exists().where(Order.customer_id == Customer.id, Order.delivered_at < Order.placed_at)


def _of_several() -> ColumnElement[bool]:
    mine, theirs, other = aliased(ContactPoint), aliased(ContactPoint), aliased(Customer)
    return exists().where(
        mine.customer_id == Customer.id,
        theirs.value == mine.value,
        theirs.kind == mine.kind,
        theirs.customer_id == other.id,
        other.id != Customer.id,
        other.family_name != Customer.family_name,
    )


_WRONG: dict[ProblemCode, Any] = {
    ProblemCode.NO_NAME: _no_name,
    ProblemCode.NO_CONTACT: _no_contact,
    ProblemCode.NO_WAY_TO_WRITE: _no_way,
    ProblemCode.HOURS_WITHOUT_LENGTH: _no_hours,
    ProblemCode.DELIVERED_WITHOUT_DATE: _undated,
    ProblemCode.DELIVERED_BEFORE_ORDERED: _too_early,
    ProblemCode.CONTACT_OF_SEVERAL: _of_several,
}
