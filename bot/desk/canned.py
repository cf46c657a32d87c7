"""Ready answers: the company's file `data/canned/*.yml`, and what was changed or added at the desk."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.tables import CannedAnswer
from bot.web.staff.accounts import Staff
from core import yml
from core.clock import Clock
from core.fresh import Fresh

SHORTCUT = re.compile(r"[\w-]{1,40}")
VARIABLES = ("name", "agent", "order", "company")
TITLE_LIMIT, TEXT_LIMIT = 100, 2000  # characters
_VARIABLE = re.compile(r"(?P<comma>,\s*)?\{(?P<name>\w+)\}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A ready answer in one language. «/shortcut» in the field for the answer finds it."""

    shortcut: str
    language: str
    title: str
    text: str
    changed: bool = False  # here, so that the file no longer counts

    def filled(self, values: Mapping[str, str]) -> str:
        """With the variables filled in; one without a value goes, and the comma before it."""

        def fill(found: re.Match[str]) -> str:
            if found["name"] not in VARIABLES:
                return found[0]
            value = values.get(found["name"], "")
            return f"{found['comma'] or ''}{value}" if value else ""

        return _VARIABLE.sub(fill, self.text)


class BadAnswer(ValueError):
    """Shortcut, title or text are missing or too long."""


class Canned:
    """All ready answers."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self._clock = clock
        self._file = Fresh(folder, "*.yml", _read)

    @property
    def _of_file(self) -> list[Answer]:
        return self._file.now()

    async def all(self, session: AsyncSession, language: str | None = None) -> list[Answer]:
        """Every answer, by shortcut; those of one language if given."""
        answers = {(one.shortcut, one.language): one for one in self._of_file}
        for row in await session.scalars(select(CannedAnswer)):
            answers.pop((row.shortcut, row.language), None)
            if not row.removed:
                answers[row.shortcut, row.language] = Answer(
                    row.shortcut, row.language, row.title, row.text, changed=True
                )
        chosen = (one for one in answers.values() if language in (None, one.language))
        return sorted(chosen, key=lambda one: (one.shortcut, one.language))

    async def put(
        self, session: AsyncSession, staff: Staff, answer: Answer, *, removed: bool = False
    ) -> None:
        """Write one, or remove it.

        Raises:
            BadAnswer
        """
        good = SHORTCUT.fullmatch(answer.shortcut) and answer.language in ("ru", "en")
        if not good or not (removed or (answer.title and answer.text)):
            raise BadAnswer(answer.shortcut)
        if len(answer.title) > TITLE_LIMIT or len(answer.text) > TEXT_LIMIT:
            raise BadAnswer(answer.shortcut)
        query = select(CannedAnswer).where(
            CannedAnswer.shortcut == answer.shortcut, CannedAnswer.language == answer.language
        )
        row = await session.scalar(query.with_for_update())
        if row is None:
            row = CannedAnswer(shortcut=answer.shortcut, language=answer.language)
            session.add(row)
        row.title, row.text, row.removed = answer.title, answer.text, removed
        row.changed_by, row.changed_at = staff.id, self._clock.now()
        await session.flush()

    async def forget(self, session: AsyncSession, shortcut: str, language: str) -> bool:
        """What was changed at the desk no longer counts, the file does again; False: nothing was."""
        gone = delete(CannedAnswer).where(
            CannedAnswer.shortcut == shortcut, CannedAnswer.language == language
        )
        return bool(list(await session.scalars(gone.returning(CannedAnswer.id))))


def _read(folder: Path) -> list[Answer]:
    return [
        Answer(one["shortcut"], file.stem, one["title"], one["text"].strip())
        for file in sorted(folder.glob("*.yml"))
        for one in yml.parse(file.read_text(encoding="utf-8")) or []
    ]
