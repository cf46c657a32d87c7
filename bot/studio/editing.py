"""What administrators change in the files: a preview first, then one commit, and the way back."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.studio import versions
from bot.studio.changes import ChangedMeanwhile, Changes, Editor, Refused
from bot.web.staff.accounts import Staff

Edit = Callable[[Changes], object]


@dataclass(frozen=True)
class Saved:
    """What came into the files. `commit` is None without a repository, or when git refused."""

    files: list[Path]
    commit: str | None


class Editing:
    """Saves edits in somebody's name."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor

    def save(self, edit: Edit, words: str, staff: Staff | None, version: str | None = None) -> Saved:
        """Carry out an edit and commit exactly its files.

        Args:
            words: of the commit.
            version: of the preview that somebody agreed to.

        Raises:
            ChangedMeanwhile, Refused: nothing was written.
        """
        files = self.editor.save(edit, version)
        name, login = (staff.name, staff.login) if staff else ("Zabota", "cli")
        try:
            commit = versions.commit(self.editor.root, files, f"Studio: {words}", name, login)
        except subprocess.SubprocessError:
            commit = None  # the files stand as they were saved, and somebody else will commit them
        return Saved(files, commit)

    def undo(self, commit: str, staff: Staff | None) -> Saved:
        """Take a commit of the studio back by a new one.

        Raises:
            Refused: there is no such commit.
            ChangedMeanwhile: one of its files was changed since.
        """
        files = versions.contents(self.editor.root, commit)
        if not files:
            raise Refused("no_commit")

        def back(changes: Changes) -> None:
            for path, (before, after) in files.items():
                if changes.read(path) != (after or b""):
                    raise ChangedMeanwhile(path.name)
                if before is None:
                    changes.drop(path)
                else:
                    changes.write(path, before)

        return self.save(back, f"undo {commit[:8]}", staff)
