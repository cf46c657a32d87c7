"""How a visit is told, and the file that goes with it."""

from typing import Any

from actions.calendar_file import calendar_file
from actions.dialogue import Talk
from actions.say import Button
from actions.services import Services
from actions.wording import Wording
from core import logs
from core.media import record
from crm_bridge.visits import VisitView

_log = logs.get("actions.visits")
CALENDAR = "text/calendar"


def wording_at(talk: Talk, place: str) -> Wording:
    """Times of a visit are told in the time zone of its place."""
    stores = talk.services.company.stores.in_city(place.partition(",")[0])
    zone = stores[0].hours.time_zone if stores else talk.caller.time_zone
    return Wording(talk.words.language, talk.services.clock.now(), zone)


def title_of(talk: Talk, slot_service: str) -> str:
    """What a service is called for customers."""
    service = talk.services.company.visits.of_slot(slot_service)
    return service.title.to(talk.words.language) if service else slot_service


async def document_of(
    talk: Talk, response: str, visit: VisitView, *buttons: str | Button, **values: Any
) -> None:
    """Say a line with the calendar file; without it when the file store is out of order: the visit stands."""
    data = calendar_file(
        visit.id,
        title_of(talk, visit.service),
        visit.place,
        visit.starts_at,
        visit.ends_at,
        talk.services.clock.now(),
    )
    try:
        key = await _keep(talk.services, data)
    except Exception as error:
        _log.error("calendar file not kept", error=type(error).__name__)
        talk.say(response, *buttons, **values)
        return
    talk.document(response, {"key": key, "name": "visit.ics", "type": CALENDAR}, *buttons, **values)


async def _keep(services: Services, data: bytes) -> str:
    """Put a file into the media store; returns its key."""
    content = await services.media.save(data)
    async with services.operations.db.write() as session:
        await record(session, content, services.clock.now())
    return content.sha256
