"""Who did what, and who read whose data. Records are only ever added."""

from core.audit.records import Audit, Entry
from core.audit.tables import AuditRecord

__all__ = ["Audit", "AuditRecord", "Entry"]
