"""Files: stored by content, typed by content, served by whoever knows who may see them."""

from core.media.store import Content, Kept, MediaStore, NotThere, TooLarge, gather, record, sniff
from core.media.sweeping import sweep

__all__ = ["Content", "Kept", "MediaStore", "NotThere", "TooLarge", "gather", "record", "sniff", "sweep"]
