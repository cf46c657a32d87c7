"""Where the studio keeps what is no data of the project, and what it measures with."""

from pathlib import Path

from core.settings import Settings


class Places:
    """Files under `var/studio`, and the held-out messages of the project."""

    def __init__(self, settings: Settings) -> None:
        folder = settings.var.resolve() / "studio"
        self.lock = folder / "lock"
        self.features = folder / "features.npz"
        self.answers = folder / "answers"
        self.conversations = folder / "conversations.csv"  # messages of the conversation tests
        self._held_out = settings.project / "data/heldout"

    def held_out(self) -> list[Path]:
        """Labelled messages that no model learns from: the project's own, and what was drawn by chance."""
        return sorted(self._held_out.resolve().glob("*.csv"))
