"""Import and export on the page: upload, say what is what, see what would happen, save."""

import asyncio
from typing import Any

from aiohttp import BodyPartReader, web

from bot.studio.ailments import held_out_texts
from bot.studio.changes import Changes
from bot.studio.editing import Editing
from bot.studio.exchange import (
    FORMATS,
    BadFile,
    Import,
    Mapping,
    default_mapping,
    export,
    look,
    parse,
    recognise,
    save,
)
from bot.studio.exchange.formats import MOST_BYTES, Foreign
from bot.studio.exchange.importing import State, clean
from bot.studio.exchange.uploads import Uploads
from bot.studio.files import OUT_OF_SCOPE, TrainingFiles
from bot.studio.library import Library
from bot.studio.saving import offer
from bot.studio.shell import studio_page
from bot.web.staff.guard import needs
from bot.web.staff.roles import Right
from core.clock import Clock

SHOWN = 8  # rows of each kind on the page
_ORDER = (
    State.CONTRADICTS, State.CONFLICT, State.REFUSED, State.CLEANED, State.MEASURES, State.FLOOD,
    State.LANGUAGE, State.REPEATED, State.KNOWN, State.SKIPPED, State.NEW,
)  # fmt: skip


class ExchangePages:
    """Routes under `/studio/exchange`."""

    def __init__(self, clock: Clock, files: TrainingFiles, library: Library, uploads: Uploads) -> None:
        self._clock = clock
        self._files = files
        self._library = library
        self._uploads = uploads
        self._editing = Editing(files.editor)

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/studio/exchange", self.exchange)
        route.add_get("/studio/exchange/export/{format:\\w+}", self.export)
        route.add_post("/studio/exchange/import", self.upload)
        one = "/studio/exchange/import/{token:[0-9a-f]{32}}"
        route.add_get(one, self.look)
        route.add_post(one, self.look)
        route.add_post(f"{one}/save", self.save)

    @needs(Right.TRAIN)
    async def exchange(self, request: web.Request) -> web.Response:
        values = {
            "formats": FORMATS,
            "saved": request.query.get("saved", "")[:12],
            "gone": "gone" in request.query,
        }
        return studio_page("studio/exchange.html", request, "exchange", values)

    @needs(Right.TRAIN)
    async def export(self, request: web.Request) -> web.Response:
        format_ = request.match_info["format"]
        if format_ not in FORMATS:
            raise web.HTTPNotFound
        now = await asyncio.to_thread(self._library.now)
        data, name, kind = await asyncio.to_thread(export, format_, now.examples)
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=data, content_type=kind, headers=headers)

    @needs(Right.TRAIN)
    async def upload(self, request: web.Request) -> web.Response:
        """Take a file. The page sends it by script, with the token in a header: it is larger than a form."""
        try:
            name, data = await _file(request)
            rows = await asyncio.to_thread(_read, name, data)
        except BadFile as why:
            return studio_page("studio/problem.html", request, "exchange", {"problem": str(why)})
        token = await asyncio.to_thread(self._uploads.keep, rows, self._clock.now())
        return web.Response(headers={"HX-Redirect": f"/studio/exchange/import/{token}"})

    @needs(Right.TRAIN)
    async def look(self, request: web.Request) -> web.Response:
        rows = await self._rows(request)
        form = await request.post() if request.method == "POST" else {}
        made, mapping = await asyncio.to_thread(self._made, rows, form)
        by_state = {state: [row for row in made.rows if row.state is state] for state in _ORDER}
        now = await asyncio.to_thread(self._library.now)
        values = {
            "token": request.match_info["token"],
            "made": made,
            "mapping": mapping,
            "known": sorted({*now.intents, OUT_OF_SCOPE}),
            "by_state": {state: own for state, own in by_state.items() if own},
            "shown": SHOWN,
        }
        return studio_page("studio/import.html", request, "exchange", values)

    @needs(Right.TRAIN)
    async def save(self, request: web.Request) -> web.Response:
        rows, form = await self._rows(request), await request.post()
        token = request.match_info["token"]
        made, _ = await asyncio.to_thread(self._made, rows, form)

        def edit(changes: Changes) -> None:
            save(self._files, changes, made, swapped_too=bool(form.get("swapped_too")))

        words = f"{len(made.taken)} examples imported"
        try:
            return await offer(
                request,
                self._editing,
                edit,
                words,
                tab="exchange",
                back="/studio/exchange",
                here=f"/studio/exchange/import/{token}",
            )
        except web.HTTPSeeOther:
            self._uploads.drop(token)
            raise

    async def _rows(self, request: web.Request) -> list[tuple[Foreign, bool]]:
        rows = await asyncio.to_thread(self._uploads.find, request.match_info["token"])
        if rows is None:
            raise web.HTTPSeeOther("/studio/exchange?gone=1")
        return rows

    def _made(self, rows: list[tuple[Foreign, bool]], form: Any) -> tuple[Import, Mapping]:
        """What the form says each foreign intent is, and what would happen so."""
        now = self._library.now()
        names = sorted({one.intent for one, _ in rows})
        mapping = {name: str(form[f"into:{name}"]).strip() for name in names if f"into:{name}" in form}
        if len(mapping) < len(names):
            mapping = default_mapping([one for one, _ in rows], now) | mapping
        held_out = [text for text, _ in held_out_texts(self._files.root)]
        return look(rows, mapping, now, held_out), mapping


async def _file(request: web.Request) -> tuple[str, bytes]:
    """Name and content of the file in a form. Raises: BadFile."""
    if not request.content_type.startswith("multipart/"):
        raise BadFile("import.empty")
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader) or part.name != "file":
            continue
        whole = bytearray()
        while chunk := await part.read_chunk():
            whole += chunk
            if len(whole) > MOST_BYTES:
                raise BadFile("import.too_large")
        return part.filename or "", bytes(whole)
    raise BadFile("import.empty")


def _read(name: str, data: bytes) -> list[tuple[Foreign, bool]]:
    return clean(parse(recognise(name, data), data))
