"""Who did what, and who read whose data. Records are only ever added."""

from core.audit.records import Audit
from core.audit.tables import AuditRecord

__all__ = ["Audit", "AuditRecord"]
