"""Carries decisions into the files: examples into the training data, the random draw into what measures."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.studio import versions
from bot.studio.ailments import SENTENCE, held_out_texts
from bot.studio.checking import problems
from bot.studio.files import OUT_OF_SCOPE, Example, TrainingFiles, Written, key
from bot.studio.inbox import release
from bot.studio.tables import Decision, Reason, Sample, Verdict
from core.clock import Clock

MEASURED = "data/heldout/measured_{language}.csv"
_LARGEST = 20  # examples of one decision: a flood of one phrase teaches nothing more


@dataclass(frozen=True)
class Carried:
    """What came into the files."""

    written: Written
    measured: int
    left_out: int  # of floods; what would stop every training: markup, personal data; what measures
    commit: str | None


class Writer:
    """Writes what was decided since the last time."""

    def __init__(self, files: TrainingFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock

    async def write(self, session: AsyncSession, who: tuple[str, str] | None) -> Carried:
        """Everything that was decided or undone and is not in the files yet.

        Args:
            who: name and log-in of the author.

        Raises:
            ChangedMeanwhile: nothing was written; try again.
        """
        add, measured, left_out = await self._decided(session)
        written = self._files.change(add, await self._undone(session))
        paths = [*written.files, *self._measure(measured)]
        name, login = who or ("Zabota", "cli")
        words = f"Studio: {len(written.added)} examples added, {len(written.removed)} removed"
        commit = versions.commit(self._files.root, paths, words, name, login)
        return Carried(written, len(measured), left_out, commit)

    async def _decided(self, session: AsyncSession) -> tuple[list[Example], list[Example], int]:
        rows = await session.execute(
            select(Sample, Decision)
            .join(Decision, Decision.id == Sample.decision_id)
            .where(Decision.written_at.is_(None), Decision.undone_at.is_(None))
            .order_by(Sample.id)
        )
        train: dict[int, list[Example]] = {}
        measured = []
        for sample, decision in rows:
            decision.written_at = self._clock.now()
            if decision.verdict is Verdict.IGNORE:
                continue
            example = Example(sample.language, decision.intent or OUT_OF_SCOPE, sample.text)
            if sample.reason is Reason.RANDOM:
                measured.append(example)
            else:
                train.setdefault(decision.id, []).append(example)
        different = {id_: list(dict.fromkeys(batch)) for id_, batch in train.items()}
        measures = {key(text) for text, _ in held_out_texts(self._files.root)}
        measures |= {key(one.text) for one in measured}
        clean = {id_: [one for one in batch if _teaches(one, measures)] for id_, batch in different.items()}
        kept = [example for batch in clean.values() for example in batch[:_LARGEST]]
        return kept, measured, sum(map(len, different.values())) - len(kept)

    async def _undone(self, session: AsyncSession) -> list[Example]:
        rows = await session.execute(
            select(Sample, Decision)
            .join(Decision, Decision.id == Sample.decision_id)
            .where(Decision.written_at.is_not(None), Decision.undone_at.is_not(None))
        )
        gone, ids = [], set()
        for sample, decision in rows:
            ids.add(decision.id)
            if decision.verdict is not Verdict.IGNORE and sample.reason is not Reason.RANDOM:
                gone.append(Example(sample.language, decision.intent or OUT_OF_SCOPE, sample.text))
        for id_ in ids:
            await release(session, id_)
        return gone

    def _measure(self, rows: list[Example]) -> list[Path]:
        """Append to what measures; such a row is never trained on."""
        changed = []
        for language in sorted({row.language for row in rows}):
            path = self._files.root / MEASURED.format(language=language)
            path.parent.mkdir(parents=True, exist_ok=True)
            known = path.read_text(encoding="utf-8") if path.exists() else "text,intent\n"
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerows(
                (row.text, row.intent) for row in rows if row.language == language
            )
            fresh = path.with_suffix(".new")
            fresh.write_text(known + out.getvalue(), encoding="utf-8")
            fresh.replace(path)
            changed.append(path)
        return changed


def _teaches(example: Example, measures: set[str]) -> bool:
    """Whether an example may be learnt: clean, and no sentence of the exam."""
    words = key(example.text)
    return not problems([example]) and not (len(words.split()) >= SENTENCE and words in measures)
