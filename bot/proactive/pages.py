"""The administrators' pages: rules, their simulation and effect, and incidents."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import select, update

from bot.channels import email, max, sms, telegram_limits, viber, vk, whatsapp
from bot.channels.port import Capabilities, Outgoing, OutgoingButton
from bot.channels.rendering import Part, parts
from bot.proactive.book import Kept, RuleBook, UnknownRule, WrongStep
from bot.proactive.compose import Composed, Reader, preview
from bot.proactive.compose import texts as service_texts
from bot.proactive.drawing import bars, calibration, whiskers
from bot.proactive.effect import Evaluation
from bot.proactive.explaining import said_of
from bot.proactive.incidents import BadIncident, Told, enter
from bot.proactive.quality import qualities
from bot.proactive.rules import BadRule, Rule, known_intents, parse_rule
from bot.proactive.signals.troubles import IncidentKind
from bot.proactive.tables import Incident, RuleState, SimulationRow
from bot.proactive.working import SIMULATE
from bot.web.staff.guard import LOG_IN, needs
from bot.web.staff.pages import staff_page
from bot.web.staff.roles import Right
from core.clock import Clock
from core.db import Database
from core.jobs import JobQueue
from core.settings import ROOT
from core.texts import Texts

texts = Texts(ROOT / "bot/proactive/page_texts.yml")
CHANNELS: Mapping[str, Capabilities | None] = {  # None: our own chat shows everything
    "webchat": None, "telegram": telegram_limits.CAPABILITIES, "max": max.CAPABILITIES, "vk": vk.CAPABILITIES,
    "viber": viber.CAPABILITIES, "whatsapp": whatsapp.CAPABILITIES, "email": email.CAPABILITIES,
    "sms": sms.CAPABILITIES,
}  # fmt: skip
LAST = 30
SHOWN_TOLD = 100
MOST_DAYS = 92


class ProactivePages:
    """Routes under `/proactive`, and the webhook for incidents."""

    def __init__(
        self, db: Database, clock: Clock, queue: JobQueue, book: RuleBook, incident_key: bytes
    ) -> None:
        self._db = db
        self._clock = clock
        self._queue = queue
        self._book = book
        self._evaluation = Evaluation(db, clock, book)
        self._key = incident_key

    def add_to(self, app: web.Application) -> None:
        route = app.router
        route.add_get("/proactive", self.rules)
        route.add_get("/proactive/rules/{name}", self.rule)
        route.add_post("/proactive/preview", self.preview)
        route.add_post("/proactive/rules/{name}", self.save)
        route.add_post("/proactive/rules/{name}/move", self.move)
        route.add_post("/proactive/rules/{name}/simulate", self.simulate)
        route.add_get("/proactive/simulations", self.simulations)
        route.add_get("/proactive/simulations/{id:\\d+}", self.simulation)
        route.add_get("/proactive/effect", self.effect)
        route.add_get("/proactive/incidents", self.incidents)
        route.add_post("/proactive/incidents", self.add_incident)
        route.add_post("/proactive/incidents/{id:\\d+}/end", self.end_incident)
        route.add_post("/hooks/incidents", self.incident_hook)

    # --- rules ----------------------------------------------------------------------------------------------

    @needs(Right.RULES)
    async def rules(self, request: web.Request) -> web.Response:
        language = request[LOG_IN].staff.language
        figures = {each.rule: each for each in await self._evaluation.effects()}
        async with self._db.read() as session:
            kept = await self._book.all(session)
        rows = [
            {
                "name": one.name,
                "title": one.rule.title.to(language) if one.rule else one.name,
                "state": one.state.value,
                "figures": figures[one.name],
            }
            for one in kept
        ]
        return _page("rules", request, {"rows": rows})

    @needs(Right.RULES)
    async def rule(self, request: web.Request) -> web.Response:
        return await self._rule(request, request.match_info["name"])

    async def _rule(
        self,
        request: web.Request,
        name: str,
        *,
        text: str | None = None,
        problem: str = "",
        done: str = "",
        mistakes: Any = (),
        status: int = 200,
    ) -> web.Response:
        async with self._db.read() as session:
            if name == "new":
                kept_text, state, changes, title = _EMPTY, RuleState.DRAFT, [], ""
            else:
                try:
                    kept = await self._book.one(session, name)
                except UnknownRule:
                    raise web.HTTPNotFound from None
                kept_text, state = kept.text, kept.state
                title = _titles([kept], request[LOG_IN].staff.language).get(name, name)
                changes = await self._book.changes(session, name)
        shown = text if text is not None else kept_text
        values = {
            "name": name,
            "title": title,
            "text": shown,
            "state": state.value,
            "changes": changes,
            "problem": problem,
            "done": done,
            "mistakes": mistakes or _mistakes(shown),
            "previews": _previews(shown),
        }
        return _page("rule", request, values, status=status)

    @needs(Right.RULES)
    async def preview(self, request: web.Request) -> web.Response:
        text = str((await request.post()).get("text", "")).replace("\r\n", "\n")
        return _page("preview", request, {"mistakes": _mistakes(text), "previews": _previews(text)})

    @needs(Right.RULES)
    async def save(self, request: web.Request) -> web.Response:
        text = str((await request.post()).get("text", "")).replace("\r\n", "\n")
        name = request.match_info["name"]
        try:
            async with self._db.write() as session:
                rule = await self._book.write(session, text, request[LOG_IN].staff.actor)
        except BadRule as why:
            return await self._rule(request, name, text=text, mistakes=why.mistakes, status=422)
        raise web.HTTPSeeOther(f"/proactive/rules/{rule.name}")

    @needs(Right.RULES)
    async def move(self, request: web.Request) -> web.Response:
        form, name = await request.post(), request.match_info["name"]
        try:
            state = RuleState(str(form.get("state", "")))
            if state is RuleState.SIMULATED:
                raise WrongStep("only a simulation brings a rule there")
            async with self._db.write() as session:
                why = str(form.get("why", ""))
                await self._book.move(session, name, state, request[LOG_IN].staff.actor, why)
        except UnknownRule:
            raise web.HTTPNotFound from None
        except (WrongStep, ValueError):
            return await self._rule(request, name, problem="wrong_step", status=409)
        raise web.HTTPSeeOther(f"/proactive/rules/{name}")

    # --- simulation -----------------------------------------------------------------------------------------

    @needs(Right.RULES)
    async def simulate(self, request: web.Request) -> web.Response:
        days = str((await request.post()).get("days", "14"))
        name = request.match_info["name"]
        wanted = sorted((1, int(days), MOST_DAYS))[1] if days.isdecimal() else 14
        async with self._db.read() as session:
            try:
                await self._book.one(session, name)
            except UnknownRule:
                raise web.HTTPNotFound from None
        payload = {"rule": name, "days": wanted, "by": request[LOG_IN].staff.actor}
        await self._queue.enqueue(SIMULATE, payload, dedupe_key=f"{SIMULATE}:{name}")
        return await self._rule(request, name, done="ordered")

    @needs(Right.RULES)
    async def simulations(self, request: web.Request) -> web.Response:
        query = select(SimulationRow).order_by(SimulationRow.id.desc()).limit(LAST)
        async with self._db.read() as session:
            rows = list(await session.scalars(query))
            titles = _titles(await self._book.all(session), request[LOG_IN].staff.language)
        return _page("simulations", request, {"rows": rows, "titles": titles})

    @needs(Right.RULES)
    async def simulation(self, request: web.Request) -> web.Response:
        language = request[LOG_IN].staff.language
        async with self._db.read() as session:
            row = await session.get(SimulationRow, int(request.match_info["id"]))
            kept = await self._book.all(session)
        if row is None:
            raise web.HTTPNotFound
        found = row.result["with"]
        said = {key: service_texts.find(f"why.{key}", language) or key for key in _codes(row.result)}
        reader = Reader("", language, "UTC")
        told = [
            {**one, "why": said_of(one["reason"], one.get("words", {}), reader)}
            for one in found["told"][:SHOWN_TOLD]
        ]
        titles = _titles(kept, language)
        values = {
            "row": row, "bars": bars(found["per_hour"]), "said": said, "told": told, "titles": titles,
        }  # fmt: skip
        return _page("simulation", request, values)

    # --- effect ---------------------------------------------------------------------------------------------

    @needs(Right.RULES)
    async def effect(self, request: web.Request) -> web.Response:
        found = await self._evaluation.effects()
        async with self._db.read() as session:
            checked = await qualities(session)
            titles = _titles(await self._book.all(session), request[LOG_IN].staff.language)
        named = [(titles.get(one.rule, one.rule), one) for one in found]
        helped, zero = whiskers([(name, one.avoided) for name, one in named if one.avoided])
        annoyed, annoyed_zero = whiskers([(name, one.opt_outs) for name, one in named if one.opt_outs])
        values = {
            "rows": found, "helped": helped, "zero": zero, "annoyed": annoyed, "annoyed_zero": annoyed_zero,
            "titles": titles, "predicted": [(one, calibration(one)) for one in checked],
        }  # fmt: skip
        return _page("effect", request, values)

    # --- incidents ------------------------------------------------------------------------------------------

    @needs(Right.RULES)
    async def incidents(self, request: web.Request) -> web.Response:
        return await self._incidents(request)

    async def _incidents(self, request: web.Request, problem: str = "", status: int = 200) -> web.Response:
        async with self._db.read() as session:
            rows = list(await session.scalars(select(Incident).order_by(Incident.id.desc()).limit(LAST)))
        values = {"rows": rows, "kinds": list(IncidentKind), "problem": problem, "now": self._clock.now()}
        return _page("incidents", request, values, status=status)

    @needs(Right.RULES)
    async def add_incident(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        told = {"kind": form.get("kind"), "match": form.get("match"), "ends_at": form.get("ends_at") or None}
        told["said"] = {"ru": form.get("said_ru"), "en": form.get("said_en")}  # type: ignore[assignment]
        try:
            async with self._db.write() as session:
                await enter(session, Told.read(told), request[LOG_IN].staff.actor, self._clock.now())
        except BadIncident:
            return await self._incidents(request, "incomplete", 422)
        raise web.HTTPSeeOther("/proactive/incidents")

    @needs(Right.RULES)
    async def end_incident(self, request: web.Request) -> web.Response:
        ended = update(Incident).where(Incident.id == int(request.match_info["id"]))
        async with self._db.write() as session:
            await session.execute(ended.values(ends_at=self._clock.now()))
        raise web.HTTPSeeOther("/proactive/incidents")

    async def incident_hook(self, request: web.Request) -> web.Response:
        """`X-Zabota-Signature: sha256=<hex HMAC of the raw body>`; the same `id` again changes nothing."""
        raw = await request.read()
        signed = "sha256=" + hmac.new(self._key, raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signed, request.headers.get("X-Zabota-Signature", "")):
            raise web.HTTPForbidden(text="bad signature")
        try:
            told = Told.read(json.loads(raw))
        except (ValueError, BadIncident):
            raise web.HTTPBadRequest(text="bad incident") from None
        async with self._db.write() as session:
            await enter(session, told, "webhook", self._clock.now())
        return web.Response(text="ok")


def _page(name: str, request: web.Request, values: dict[str, Any], *, status: int = 200) -> web.Response:
    language = request[LOG_IN].staff.language
    said = {"p": lambda key, **given: texts(key, language, **given), "here": request.path}
    return staff_page(f"proactive/{name}.html", request, said | values, status=status)


def _titles(kept: Sequence[Kept], language: str) -> dict[str, str]:
    """What rules are called, by name; without those whose text is not understood any more."""
    return {one.name: one.rule.title.to(language) for one in kept if one.rule}


def _mistakes(text: str) -> Any:
    try:
        parse_rule(text, known_intents())
    except BadRule as why:
        return why.mistakes
    return ()


def _previews(text: str) -> list[dict[str, Any]]:
    """A message in every language and channel; none while the rule is not understood."""
    try:
        rule: Rule = parse_rule(text)
    except BadRule:
        return []
    return [
        {"language": language, "channels": channels, **look}
        for language in ("ru", "en")
        for channels, look in _looks(rule, language)
    ]


def _looks(rule: Rule, language: str) -> list[tuple[list[str], dict[str, Any]]]:
    """The different looks of a message, and the channels of each."""
    found: list[tuple[list[str], dict[str, Any]]] = []
    for channel, able in CHANNELS.items():
        look = _look(preview(rule, language, channel), language, able)
        same = next((channels for channels, other in found if other == look), None)
        if same is None:
            found.append(([channel], look))
        else:
            same.append(channel)
    return found


def _look(made: Composed, language: str, able: Capabilities | None) -> dict[str, Any]:
    buttons = [OutgoingButton("-", button.title) for button in made.line.buttons]
    shown = [Part(made.line.text, buttons=buttons)]
    if able is not None:
        shown = parts(Outgoing("-", "-", made.line.text, buttons, language=language), able)
    return {
        "texts": [part.text for part in shown],
        "buttons": [button.title for part in shown for button in part.buttons],
        "template": made.template.name if made.template else "",
    }


def _codes(result: dict[str, Any]) -> set[str]:
    return {code for counts in result["with"]["by_rule"].values() for code in counts}


_EMPTY = """name: my_rule
title: { ru: Название, en: Title }
predictor: late_delivery
threshold: 0.6
horizon: P3D
expires: P1D
purpose: service
priority: 50
holdout: 0.1
text:
  ru: "{name}, …"
  en: "{name}, …"
buttons:
  - { title: { ru: Где посылка, en: Where is it }, intent: track_order }
outcome: { within: P7D, measure: contact }
"""
