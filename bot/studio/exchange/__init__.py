"""Examples from and for other programs: CSV, Rasa YAML, Bitext's CSV, Dialogflow's export."""

from bot.studio.exchange.formats import FORMATS, BadFile, Foreign, export, parse, recognise
from bot.studio.exchange.importing import Found, Import, Mapping, Row, State, default_mapping, look, save

__all__ = [
    "FORMATS",
    "BadFile",
    "Foreign",
    "Found",
    "Import",
    "Mapping",
    "Row",
    "State",
    "default_mapping",
    "export",
    "look",
    "parse",
    "recognise",
    "save",
]
