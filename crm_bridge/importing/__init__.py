"""Customers come in as a table, and go out as one."""

from crm_bridge.importing.customers import export_customers
from crm_bridge.importing.entries import Entry, Fault
from crm_bridge.importing.exporting import guarded, write_rows
from crm_bridge.importing.importer import Importer, Refusal, Report
from crm_bridge.importing.mapping import FIELDS, BadMapping, read_mapping
from crm_bridge.importing.reading import Unreadable
from crm_bridge.importing.storing import Defaults

__all__ = [
    "FIELDS",
    "BadMapping",
    "Defaults",
    "Entry",
    "Fault",
    "Importer",
    "Refusal",
    "Report",
    "Unreadable",
    "export_customers",
    "guarded",
    "read_mapping",
    "write_rows",
]
