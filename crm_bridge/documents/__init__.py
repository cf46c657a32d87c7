"""Papers of an order: a sales receipt, an invoice. Drawn as PDF, kept in the media store."""

from crm_bridge.documents.issuing import Documents
from crm_bridge.documents.paper import Line, Paper

__all__ = ["Documents", "Line", "Paper"]
