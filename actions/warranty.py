"""Repairs under warranty."""

from actions.answers import notes_on, suggest
from actions.dialogue import Dialogue, Option, Talk
from actions.filing import file_case
from actions.hints import hints
from actions.items import named_items
from actions.reading import words_of
from actions.returning import already_open, ask_for_photo, choose_way, say_open
from actions.turn import Turn
from actions.wrong_items import TOLD
from crm_bridge.assets import AssetView, meant
from crm_bridge.models import TicketKind

OTHER = "other"
OFFERED = 5


class WarrantyRepair(Dialogue):
    """Says whether the warranty still runs, and opens a case for the repair."""

    name = "warranty_repair"

    async def tell(self, talk: Talk) -> None:
        if hints("warranty", talk.task.text) == "status" and await self._stands(talk):
            return
        asset = await self._thing(talk)
        if asset is None:
            title = str(await talk.ask("title", "utter_warranty_what_thing", words_of(3), "human_agent"))
            await self._open(talk, title, "utter_warranty_open_unknown", until="")
        elif asset.warranty_until is None:
            await self._open(talk, asset.title, "utter_warranty_open_unknown", until="")
        elif asset.warranty_until < self.services.clock.now() and not talk.has("story"):
            until = talk.words.until(asset.warranty_until)
            buttons = ("book_appointment", "human_agent")
            talk.say("utter_warranty_over", *buttons, title=asset.title, until=until)
        else:
            until = talk.words.until(asset.warranty_until)
            talk.say("utter_warranty_runs", title=asset.title, until=until)
            await self._open(talk, asset.title, "utter_warranty_open", until=until)

    async def _stands(self, talk: Talk) -> bool:
        """Whether a repair is under way, which has been told."""
        found = await self.services.tickets.unsolved(talk.customer_id)
        repairs = [ticket for ticket in found if ticket.kind is TicketKind.DEFECT]
        if repairs:
            say_open(talk, repairs[0])
        return bool(repairs)

    async def _thing(self, talk: Talk) -> AssetView | None:
        """The thing to be repaired; None: one that is not in the profile."""
        assets = {str(one.id): one for one in await self.services.assets.of_customer(talk.customer_id)}
        pressed = meant(assets.values(), talk.details.get("value"))
        named = [pressed] if pressed else named_items(talk.task.text, list(assets.values()))
        suggest(talk, "thing", str(named[0].id) if len(named) == 1 else None)
        unknown = bool(talk.details.get("product")) and not named
        suggest(talk, "thing", OTHER if unknown or not assets else None)
        if unknown:
            suggest(talk, "title", talk.details["product"])
        offered = named or list(assets.values())
        options = [Option(str(one.id), one.title) for one in offered[:OFFERED]]
        options.append(Option(OTHER, talk.words.text("warranty.other")))

        def read(turn: Turn) -> str | None:
            found = named_items(turn.text, list(assets.values()))
            return str(found[0].id) if len(found) == 1 else None

        chosen = await talk.choose("thing", "utter_warranty_which", options, "human_agent", read=read)
        return assets.get(chosen)

    async def _open(self, talk: Talk, title: str, response: str, until: str) -> None:
        subject = talk.words.text("case.warranty", title=title)
        if not talk.has("story") and (known := await already_open(talk, subject)):
            say_open(talk, known)
            return
        told = len(talk.task.text.split()) >= TOLD
        suggest(talk, "story", talk.task.text if told else None)
        await talk.ask("story", "utter_warranty_what_happened", words_of(3), "human_agent")
        await ask_for_photo(talk)
        warranty = self.services.company.returns.warranty
        way = await choose_way(talk, warranty.ways)
        lines = [title, until, talk.task.facts["story"], way.title.to(talk.turn.language)]
        text = "\n".join(line for line in lines if line)
        values = await file_case(talk, TicketKind.DEFECT, subject, text)
        notes = notes_on(talk, warranty.notes)
        talk.say(
            response,
            "book_appointment",
            "human_agent",
            title=title,
            way=way.about.to(talk.turn.language),
            days=talk.words.count("days", warranty.days),
            notes=f" {notes}" if notes else "",
            **values,
        )
