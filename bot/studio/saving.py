"""Every change of the files goes this way: a preview as a diff, then *save*, then one commit."""

import asyncio
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bot.gateway.app import GATEWAY
from bot.studio.changes import ChangedMeanwhile, Refused
from bot.studio.editing import Edit, Editing, Saved
from bot.studio.shell import studio_page
from bot.web.staff.guard import FORM_FIELD, LOG_IN
from core.audit import Audit

VERSION = "version"  # the field that says to which preview somebody agrees
LINES = 400  # of a diff on the page


async def offer(
    request: web.Request, editing: Editing, edit: Edit, words: str, *, tab: str, back: str, **about: Any
) -> web.Response:
    """Show what an edit would change; carry it out when the form agrees to what was shown.

    Args:
        words: of the commit, in English.
        back: the page to go to afterwards.
        about: more values for the preview's template.
    """
    form = await request.post()
    agreed = str(form.get(VERSION, "")) or None
    problem: str | None = None
    places: tuple[str, ...] = ()
    try:
        if agreed:
            staff = request[LOG_IN].staff
            saved = await asyncio.to_thread(editing.save, edit, words, staff, agreed)
            await note(request, words, saved)
            raise web.HTTPSeeOther(f"{back}?{urlencode({'saved': saved.commit or 'files'})}")
    except ChangedMeanwhile:
        problem = "changed_meanwhile"
    except Refused:
        pass  # the preview below is refused for the same reason, and says which
    try:
        changes = await asyncio.to_thread(editing.editor.preview, edit)
        diff, version = changes.diff(), changes.version()
    except Refused as why:
        problem, places, diff, version = why.key, why.places, [], ""
    fields = [(name, value) for name, value in form.items() if name not in (FORM_FIELD, VERSION)]
    values = {
        "diff": diff,
        "lines": LINES,
        "version": version,
        "fields": [(name, value) for name, value in fields if isinstance(value, str)],
        "problem": problem,
        "places": places,
        "back": back,
        "action": request.path,
    }
    return studio_page("studio/preview.html", request, tab, values | about, 409 if problem else 200)


async def note(request: web.Request, words: str, saved: Saved) -> None:
    """Keep who changed which files, where there is no repository too."""
    staff, gateway = request[LOG_IN].staff, request.app[GATEWAY]
    files = [path.relative_to(gateway.settings.project).as_posix() for path in saved.files]
    async with gateway.db.write() as session:
        await Audit(gateway.clock).record(
            session, staff.actor, "data changed", f"commit:{saved.commit or '-'}", words=words, files=files
        )
