"""The rule book: which rules there are, how far each has come, and who brought it there.

Files in `data/proactive` are where rules come from; what an administrator writes on the page is kept in the
database. A file that changed since it was read last is read again, and its rule is a draft again.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.rules import FOLDER, BadRule, Rule, known_intents, parse_rule, rule_files
from bot.proactive.tables import RuleChange, RuleRow, RuleState
from core import logs
from core.clock import Clock

log = logs.get("proactive")

NEXT = {
    RuleState.DRAFT: {RuleState.SIMULATED},
    RuleState.SIMULATED: {RuleState.LIVE, RuleState.DRAFT},
    RuleState.LIVE: {RuleState.PAUSED},
    RuleState.PAUSED: {RuleState.LIVE, RuleState.DRAFT},
}


class WrongStep(ValueError):
    """A rule cannot come from this state to that one."""


class UnknownRule(LookupError):
    """There is no such rule."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A rule as the book keeps it. `rule` is None when its text cannot be understood any more."""

    name: str
    text: str
    state: RuleState
    changed_at: datetime
    rule: Rule | None


class RuleBook:
    """Rules, in the caller's transaction."""

    def __init__(self, clock: Clock, folder: Path = FOLDER) -> None:
        self._clock = clock
        self._folder = folder

    async def read_files(self, session: AsyncSession, by: str = "files") -> list[str]:
        """Take over new and changed files as drafts; their rules' names.

        Raises:
            BadRule: a file is not understood. Nothing of it is taken over.
        """
        taken, intents = [], known_intents()
        for path in rule_files(self._folder):
            text = path.read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            row = await session.get(RuleRow, path.stem)
            if row is not None and row.file_digest == digest:
                continue
            rule = parse_rule(text, intents)
            if rule.name != path.stem:
                raise BadRule([])
            await self.write(session, text, by, digest=digest)
            taken.append(rule.name)
        return taken

    async def write(
        self, session: AsyncSession, text: str, by: str, *, why: str = "", digest: str | None = None
    ) -> Rule:
        """Keep a new text of a rule. Whatever it was, it is a draft now.

        Raises:
            BadRule
        """
        rule = parse_rule(text, known_intents())
        row = await session.get(RuleRow, rule.name, with_for_update=True)
        before = row.state if row else None
        if row is None:
            row = RuleRow(name=rule.name, text=text, state=RuleState.DRAFT, changed_at=self._clock.now())
            session.add(row)
        elif row.text == text:
            row.file_digest = digest or row.file_digest
            return rule
        row.text, row.state, row.changed_at = text, RuleState.DRAFT, self._clock.now()
        row.file_digest = digest or row.file_digest
        self._note(session, row, before, by, why)
        await session.flush()
        return rule

    async def move(self, session: AsyncSession, name: str, state: RuleState, by: str, why: str = "") -> None:
        """Bring a rule into another state.

        Raises:
            UnknownRule
            WrongStep
            BadRule: it is to go live, and its text is not understood any more.
        """
        row = await session.get(RuleRow, name, with_for_update=True)
        if row is None:
            raise UnknownRule(name)
        if row.state is state:
            return
        if state not in NEXT[row.state]:
            raise WrongStep(f"{row.state} → {state}")
        parse_rule(row.text, known_intents())
        before, row.state, row.changed_at = row.state, state, self._clock.now()
        self._note(session, row, before, by, why)
        await session.flush()

    async def all(self, session: AsyncSession) -> list[Kept]:
        """Every rule by name."""
        rows = await session.scalars(select(RuleRow).order_by(RuleRow.name))
        return [_kept(row) for row in rows]

    async def one(self, session: AsyncSession, name: str) -> Kept:
        """One rule.

        Raises:
            UnknownRule
        """
        row = await session.get(RuleRow, name)
        if row is None:
            raise UnknownRule(name)
        return _kept(row)

    async def live(self, session: AsyncSession) -> list[Rule]:
        """The rules that work, the most urgent first."""
        rows = await session.scalars(select(RuleRow).where(RuleRow.state == RuleState.LIVE))
        found = [kept.rule for kept in map(_kept, rows) if kept.rule is not None]
        return sorted(found, key=lambda rule: (rule.priority, rule.name))

    async def newest(self, session: AsyncSession) -> datetime | None:
        """When the newest of the rules that work began to."""
        return await session.scalar(
            select(func.max(RuleRow.changed_at)).where(RuleRow.state == RuleState.LIVE)
        )

    async def changes(self, session: AsyncSession, name: str) -> list[RuleChange]:
        """Who changed a rule, the newest first."""
        query = select(RuleChange).where(RuleChange.rule == name).order_by(RuleChange.id.desc())
        return list(await session.scalars(query))

    def _note(self, session: AsyncSession, row: RuleRow, before: RuleState | None, by: str, why: str) -> None:
        log.info("rule changed", rule=row.name, before=before, after=row.state, by=by, why=why)
        session.add(
            RuleChange(
                rule=row.name, before=before, after=row.state, by=by, why=why[:300], text=row.text,
                at=self._clock.now(),
            )
        )  # fmt: skip


def _kept(row: RuleRow) -> Kept:
    try:
        rule: Rule | None = parse_rule(row.text)
    except BadRule as why:
        log.error("a rule is not understood and does nothing", rule=row.name, why=str(why))
        rule = None
    return Kept(row.name, row.text, row.state, row.changed_at, rule)
