"""Search over everything that was said, and over names, contacts and order numbers.

SQLite keeps a full-text index beside the tables (FTS5, newest first by row number), PostgreSQL an inverted
one on an expression. Both are made by revision 0010 and keep themselves.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from sqlalchemy import Integer, String, TextClause, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.lists import Row, rows_of
from core.db import UtcDateTime, on_sqlite
from crm_bridge.contacts import read_contact
from crm_bridge.knowledge.stemming import stem
from crm_bridge.models import ContactPoint, Conversation, Identity, Order
from crm_bridge.orders import order_number

WORDS = 8  # of a question that are looked for
FOUND = 50  # dialogues of one page
LINES = 200  # messages that are looked at for it
# Messages that SQLite looks through for a page, in one go: at every go it gathers anew what the beginnings of
# the words may stand for, and that is most of the work. The next page goes on.
WINDOW = 3_000_000
SHORT = 4  # letters; what is as short is looked for as it is
OF_CUSTOMER = 20  # dialogues of one customer
BEGINNING = "9999-01-01T00:00:00+00:00~"  # of a list of lines: moment and id
_WORD = re.compile(r"\w+")

_SQLITE = """SELECT m.id, m.conversation_id, m.text, m.created_at, s.rowid AS place
FROM message_search s JOIN message m ON m.rowid = s.rowid
WHERE message_search MATCH :words AND s.rowid < :before AND s.rowid >= :floor
ORDER BY s.rowid DESC LIMIT :limit"""
_POSTGRES = """SELECT m.id, m.conversation_id, m.text, m.created_at, 0 AS place FROM message m
WHERE to_tsvector('russian', m.text) @@ to_tsquery('russian', :words)
AND (m.created_at, m.id) < (:at, :id) ORDER BY m.created_at DESC, m.id DESC LIMIT :limit"""
_SQLITE_NAMES = "SELECT rowid AS id FROM customer_search WHERE customer_search MATCH :words LIMIT :limit"
_POSTGRES_NAMES = """SELECT id FROM customer WHERE to_tsvector('simple', given_name || ' ' || family_name)
@@ to_tsquery('simple', :words) LIMIT :limit"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A dialogue that was found, and the line it was found by."""

    row: Row
    line: str | None  # None: found by its customer or order
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits, and where the next one begins; None after the last."""

    hits: list[Hit]
    next: str | None


async def search(session: AsyncSession, question: str, after: str | None = None) -> Found:
    """Dialogues in which all words were said in one message, newest first; before them, on the first page,
    those of customers of that name, phone, e-mail or order number."""
    question = question.strip()[:200]
    words = [word.lower() for word in _WORD.findall(question)][:WORDS]
    if not words:
        return Found([], None)
    hits = [] if after else await _of_customers(session, question, words)
    lines, looked_until = await _lines(session, words, after)
    newest: dict[str, tuple[str, datetime]] = {}
    last = None
    for line in lines:
        last = line
        newest.setdefault(line.conversation_id, (line.text, line.created_at))
        if len(newest) == FOUND:
            break
    rows = {row.id: row for row in await rows_of(session, list(newest))}
    known = {hit.row.id for hit in hits}
    hits += [
        Hit(rows[id_], _around(said, words), at) for id_, (said, at) in newest.items() if id_ not in known
    ]
    more = last is not None and (len(newest) == FOUND or len(lines) == LINES)
    if more and last:
        return Found(hits, f"{last.place}~{last.created_at.isoformat()}~{last.id}")
    return Found(hits, f"{looked_until}~{BEGINNING}" if looked_until else None)


@dataclass(frozen=True, slots=True)
class _Line:
    id: str
    conversation_id: str
    text: str
    created_at: datetime
    place: int


async def _lines(
    session: AsyncSession, words: Sequence[str], after: str | None
) -> tuple[list[_Line], int | None]:
    """Lines with all the words, newest first; and where looking ended early, if it did."""
    place, at, id_ = after.split("~", 2) if after else (str(2**62), *BEGINNING.split("~"))
    if not on_sqlite(session):
        query = text(_POSTGRES).bindparams(bindparam("at", type_=UtcDateTime))
        values: dict[str, object] = {"words": " & ".join(f"{word}:*" for word in words), "limit": LINES}
        values |= {"at": datetime.fromisoformat(at), "id": id_}
        return await _read(session, query, values), None
    newest = await session.scalar(text("SELECT max(rowid) FROM message")) or 0
    before = min(int(place), newest + 1)
    beginnings = " ".join(f'"{_beginning(word)}"*' for word in words)
    values = {"words": beginnings, "limit": LINES, "before": before, "floor": before - WINDOW}
    lines = await _read(session, text(_SQLITE), values)
    return lines, before - WINDOW if before - WINDOW > 1 else None


async def _read(session: AsyncSession, query: TextClause, values: dict[str, object]) -> list[_Line]:
    typed = query.columns(
        id=String, conversation_id=String, text=String, created_at=UtcDateTime, place=Integer
    )
    found = await session.execute(typed, values)
    return [_Line(one.id, one.conversation_id, one.text, one.created_at, one.place) for one in found]


async def _of_customers(session: AsyncSession, question: str, words: Sequence[str]) -> list[Hit]:
    customers = {*await _by_name(session, words), *await _by_contact(session, question)}
    customers |= await _by_order(session, question)
    if not customers:
        return []
    query = (
        select(Conversation.id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .where(Identity.customer_id.in_(customers))
        .order_by(Conversation.updated_at.desc())
        .limit(OF_CUSTOMER)
    )
    rows = await rows_of(session, list(await session.scalars(query)))
    rows.sort(key=lambda row: row.updated_at, reverse=True)
    return [Hit(row, None, row.updated_at) for row in rows]


async def _by_name(session: AsyncSession, words: Sequence[str]) -> list[int]:
    if on_sqlite(session):
        query, joined = _SQLITE_NAMES, " ".join(f'"{word}"*' for word in words)
    else:
        query, joined = _POSTGRES_NAMES, " & ".join(f"{word}:*" for word in words)
    return list(await session.scalars(text(query), {"words": joined, "limit": OF_CUSTOMER}))


async def _by_contact(session: AsyncSession, question: str) -> set[int]:
    contact = read_contact(question, "RU")
    if contact is None:
        return set()
    query = select(ContactPoint.customer_id).where(
        ContactPoint.value == contact.value, ContactPoint.kind == contact.kind
    )
    return set(await session.scalars(query))


async def _by_order(session: AsyncSession, question: str) -> set[int]:
    query = select(Order.customer_id).where(Order.number == order_number(question)).limit(OF_CUSTOMER)
    return set(await session.scalars(query))


def _around(said: str, words: Sequence[str], width: int = 160) -> str:
    """The part of a long message in which the first word stands."""
    said = " ".join(said.split())
    if len(said) <= width:
        return said
    lower = said.lower()
    spots = [spot for word in words if (spot := lower.find(_beginning(word))) >= 0]
    start = max(0, min(spots, default=0) - width // 3)
    return f"{'…' if start else ''}{said[start : start + width]}…"


def _beginning(word: str) -> str:
    """What a word and its stem share: «заказами» finds «заказ», *batteries* finds *battery*."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(word, stem(word), strict=False))
    shared = "".join(letter for letter, _ in same) or word
    return shared.removesuffix("y") if len(shared) > SHORT else shared
