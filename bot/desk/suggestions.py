"""What one might answer: ready answers, and what people answered to the most similar questions before.

Texts of other dialogues are redacted: they are an example of wording, not of somebody's data.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.canned import Answer
from bot.desk.summary import matter
from core.db import UtcDateTime, on_sqlite
from crm_bridge.knowledge.stemming import stems
from crm_bridge.models import Author, Conversation, Customer, Identity, Message
from crm_bridge.privacy.redaction import redact

SHORT = 4  # letters: shorter stems say nothing
STEMS = 12  # of a question that are looked for
LOOKED_AT = 400  # newest messages with one of these stems
COMPARED = 60
NEWEST = 6  # messages of the customer among which the question is
SUGGESTED = 3  # of each kind
SIMILAR = 0.3  # cosine of weighted stems; below, it is another question

_SQLITE = """SELECT m.id, m.conversation_id, m.seq, m.text, m.created_at, m.details
FROM (SELECT rowid FROM message_search WHERE message_search MATCH :words ORDER BY rowid DESC LIMIT :looked) s
JOIN message m ON m.rowid = s.rowid
JOIN handoff h ON h.conversation_id = m.conversation_id AND h.first_answer_at IS NOT NULL
WHERE m.author = 'customer' AND m.seq IS NOT NULL AND m.conversation_id <> :here
ORDER BY m.created_at DESC LIMIT :compared"""
_POSTGRES = """SELECT m.id, m.conversation_id, m.seq, m.text, m.created_at, m.details
FROM (SELECT * FROM message WHERE to_tsvector('russian', text) @@ to_tsquery('russian', :words)
ORDER BY created_at DESC LIMIT :looked) m
JOIN handoff h ON h.conversation_id = m.conversation_id AND h.first_answer_at IS NOT NULL
WHERE m.author = 'customer' AND m.seq IS NOT NULL AND m.conversation_id <> :here
ORDER BY m.created_at DESC LIMIT :compared"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that may help, and where it comes from."""

    text: str
    score: float
    shortcut: str | None = None  # of a ready answer
    conversation_id: str | None = None  # of an earlier dialogue
    question: str | None = None  # what was asked there
    at: datetime | None = None


async def suggest(
    session: AsyncSession, conversation_id: str, ready: Sequence[Answer], language: str
) -> list[Suggestion]:
    """For the customer's newest words: ready answers first, then earlier answers; the best of each."""
    question = await _question(session, conversation_id)
    wanted = Counter(one for one in stems(question) if len(one) >= SHORT)
    if not wanted:
        return []
    earlier = await _earlier(session, conversation_id, wanted, language)
    return [*_ready(wanted, ready), *earlier]


async def _question(session: AsyncSession, conversation_id: str) -> str:
    """What the customer wants: not «call a person», if there is anything else."""
    query = (
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.author == Author.CUSTOMER)
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(NEWEST)
    )
    newest = (await session.scalars(query)).all()
    told = [one for one in newest if matter(one.details)] or newest
    return " ".join(one.text for one in told[:2])


def _ready(wanted: Counter[str], ready: Sequence[Answer]) -> list[Suggestion]:
    documents = [Counter(stems(f"{one.title} {one.text}")) for one in ready]
    weights = _weights(documents)
    scored = [
        Suggestion(one.text, _cosine(wanted, document, weights), shortcut=one.shortcut)
        for one, document in zip(ready, documents, strict=True)
    ]
    best = sorted(scored, key=lambda one: -one.score)[:SUGGESTED]
    return [one for one in best if one.score >= SIMILAR / 2]


async def _earlier(
    session: AsyncSession, conversation_id: str, wanted: Counter[str], language: str
) -> list[Suggestion]:
    found = await _similar(session, conversation_id, list(wanted)[:STEMS])
    documents = [Counter(stems(one.text)) for one in found]
    weights = _weights(documents)
    ranked = sorted(
        ((_cosine(wanted, document, weights), one) for one, document in zip(found, documents, strict=True)),
        key=lambda pair: -pair[0],
    )
    suggestions: list[Suggestion] = []
    for score, line in ranked:
        if score < SIMILAR or len(suggestions) == SUGGESTED:
            break
        answer = await _answer(session, line.conversation_id, line.seq)
        if answer and all(answer != one.text for one in suggestions):
            names = await _names(session, line.conversation_id)
            suggestions.append(
                Suggestion(
                    text=redact(answer, names, language),
                    score=score,
                    conversation_id=line.conversation_id,
                    question=redact(line.text, names, language),
                    at=line.created_at,
                )
            )
    return suggestions


@dataclass(frozen=True, slots=True)
class _Line:
    conversation_id: str
    seq: int
    text: str
    created_at: datetime


async def _similar(session: AsyncSession, here: str, words: Sequence[str]) -> list[_Line]:
    if on_sqlite(session):
        query, joined = text(_SQLITE), " OR ".join(f'"{word}"*' for word in words)
    else:
        query, joined = text(_POSTGRES), " | ".join(f"{word}:*" for word in words)
    values = {"words": joined, "looked": LOOKED_AT, "compared": COMPARED, "here": here}
    typed = query.columns(
        id=String, conversation_id=String, text=String, created_at=UtcDateTime, details=JSON
    )
    return [
        _Line(one.conversation_id, one.seq, one.text, one.created_at)
        for one in await session.execute(typed, values)
        if matter(one.details) or not ((one.details or {}).get("nlu") or {}).get("intent")
    ]


async def _answer(session: AsyncSession, conversation_id: str, seq: int) -> str | None:
    """What a person said next, before the customer's matter moved on."""
    query = (
        select(Message.text)
        .where(
            Message.conversation_id == conversation_id,
            Message.author == Author.AGENT,
            Message.seq > seq,
            Message.seq < seq + 10,
        )
        .order_by(Message.seq)
        .limit(1)
    )
    return await session.scalar(query)


async def _names(session: AsyncSession, conversation_id: str) -> list[str]:
    query = (
        select(Customer.given_name, Customer.family_name)
        .join(Identity, Identity.customer_id == Customer.id)
        .join(Conversation, Conversation.identity_id == Identity.id)
        .where(Conversation.id == conversation_id)
    )
    row = (await session.execute(query)).first()
    return [name for name in row or () if name]


def _weights(documents: Sequence[Counter[str]]) -> dict[str, float]:
    """Inverse document frequency: a word that stands everywhere says little."""
    seen = Counter(word for document in documents for word in document)
    return {word: math.log(1 + len(documents) / count) for word, count in seen.items()}


def _cosine(one: Counter[str], other: Counter[str], weights: dict[str, float]) -> float:
    def length(words: Counter[str]) -> float:
        return math.sqrt(sum((count * weights.get(word, 1.0)) ** 2 for word, count in words.items()))

    shared = sum(one[word] * other[word] * weights.get(word, 1.0) ** 2 for word in one.keys() & other.keys())
    whole = length(one) * length(other)
    return shared / whole if whole else 0.0
