"""Words between colleagues beside a dialogue. «@anna» calls Anna; customers see nothing of it."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.tables import Mention, Note
from bot.web.staff.tables import StaffAccount

TEXT_LIMIT = 2000  # characters
_CALL = re.compile(r"@([\w.-]+)")


@dataclass(frozen=True, slots=True)
class NoteView:
    """A note as the page shows it."""

    id: int
    author: str
    text: str
    at: datetime
    called: tuple[str, ...]  # names of colleagues


async def add_note(
    session: AsyncSession,
    conversation_id: str,
    account_id: int,
    text: str,
    called: Collection[int],
    now: datetime,
) -> set[int]:
    """Write a note; the accounts that are called, by `called` or by «@login» in the text."""
    note = Note(conversation_id=conversation_id, account_id=account_id, text=text[:TEXT_LIMIT], at=now)
    session.add(note)
    await session.flush()
    logins = {name.lower().rstrip(".-") for name in _CALL.findall(text)}
    query = select(StaffAccount.id).where(StaffAccount.login.in_(logins), StaffAccount.disabled_at.is_(None))
    ids = {*called, *await session.scalars(query)} - {account_id}
    session.add_all(Mention(note_id=note.id, account_id=id_) for id_ in sorted(ids))
    await session.flush()
    return ids


async def notes_of(session: AsyncSession, conversation_id: str) -> list[NoteView]:
    """All notes of a dialogue, oldest first."""
    query = (
        select(Note, StaffAccount.name)
        .join(StaffAccount, StaffAccount.id == Note.account_id)
        .where(Note.conversation_id == conversation_id)
        .order_by(Note.at, Note.id)
    )
    notes = (await session.execute(query)).all()
    called: dict[int, list[str]] = {}
    names = (
        select(Mention.note_id, StaffAccount.name)
        .join(StaffAccount, StaffAccount.id == Mention.account_id)
        .where(Mention.note_id.in_([note.id for note, _ in notes]))
    )
    for note_id, name in await session.execute(names):
        called.setdefault(note_id, []).append(name)
    return [
        NoteView(note.id, author, note.text, note.at, tuple(sorted(called.get(note.id, ()))))
        for note, author in notes
    ]


async def mentions_seen(session: AsyncSession, conversation_id: str, account_id: int, now: datetime) -> None:
    """Who was called has looked."""
    here = select(Note.id).where(Note.conversation_id == conversation_id)
    await session.execute(
        update(Mention)
        .where(Mention.account_id == account_id, Mention.seen_at.is_(None), Mention.note_id.in_(here))
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )
