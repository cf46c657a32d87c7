"""All providers in one aiohttp application, each under its own path; `Messengers` runs it on loopback."""

from tests.fakes.messengers.app import Messengers
from tests.fakes.messengers.base import FakeProvider, Heard, Person

__all__ = ["FakeProvider", "Heard", "Messengers", "Person"]
