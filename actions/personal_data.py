"""What a customer may demand about their data: to see it, to have it erased, to take a consent back."""

from actions.dialogue import Dialogue, Option, Talk
from actions.hints import hints
from actions.say import Button
from actions.turn import Turn
from crm_bridge.models import CLOSED, OrderState
from crm_bridge.operations.privacy import Told

DEMANDS = ("export", "withdraw", "erase")
NOTES = 2


class PersonalDataRequest(Dialogue):
    """Sends everything that is held, takes consents back, or sets the erasure going."""

    name = "personal_data_request"

    async def tell(self, talk: Talk) -> None:
        self._answer_questions(talk)
        demand = await self._demand(talk)
        if demand == "export":
            await self._export(talk)
        elif demand == "withdraw":
            await self._withdraw(talk)
        else:
            await self._erase(talk)

    def _answer_questions(self, talk: Talk) -> None:
        """«Кому вы передаёте мои данные?»: answered before it is asked what is wanted."""
        rules, language = self.services.company.privacy, talk.words.language
        notes = [note.text.to(language) for note in rules.notes if note.suits(talk.task.text)][:NOTES]
        if notes:
            talk.say("utter_privacy_answer", answer="\n".join(notes), url=rules.policy_url)

    async def _demand(self, talk: Talk) -> str:
        pressed = talk.details.get("value")
        answered = "utter_privacy_answer" in talk.task.said
        said = pressed if pressed in DEMANDS else hints("personal_data", talk.task.text)
        if said and not (answered and said == "export"):
            talk.known("demand", said)
        options = [Option(one, talk.words.text(f"button.privacy.{one}")) for one in DEMANDS]

        def read(turn: Turn) -> str | None:
            return hints("personal_data", turn.text)

        return await talk.choose("demand", "utter_privacy_what", options, "human_agent", read=read)

    async def _export(self, talk: Talk) -> None:
        operations, name = self.services.dealings.privacy, talk.words.text("privacy.file")
        made = await talk.do("export", lambda key: operations.export(key, talk.customer_id, name))
        for_people, for_machines = made["files"]
        talk.document("utter_privacy_export", for_people)
        talk.document("utter_privacy_export_machine", for_machines, _button(talk, "erase"), "human_agent")

    async def _withdraw(self, talk: Talk) -> None:
        sure = await talk.confirm(
            "sure",
            "utter_privacy_withdraw_confirm",
            "human_agent",
            yes="button.privacy.withdraw_it",
            no="button.privacy.keep_it",
        )
        if not sure:
            talk.say("utter_privacy_kept")
            return
        operations = self.services.dealings.privacy
        await talk.do("withdraw", lambda key: operations.withdraw(key, talk.customer_id))
        service = self.services.company.messages.service.to(talk.words.language)
        talk.say("utter_privacy_withdrawn", _button(talk, "erase"), "human_agent", service=service)

    async def _erase(self, talk: Talk) -> None:
        rules, words = self.services.company.privacy, talk.words
        sure = await talk.confirm(
            "sure",
            "utter_privacy_erase_confirm",
            _button(talk, "export"),
            "human_agent",
            yes="button.privacy.erase_it",
            no="button.privacy.keep_it",
            kept=rules.kept.to(words.language),
            days=words.count("days", rules.erase_within_days),
            unfinished=await self._unfinished(talk),
        )
        if not sure:
            talk.say("utter_privacy_kept")
            return
        told = Told(
            words.text("case.erasure"), words.text("case.erasure.text", customer=f"id:{talk.customer_id}")
        )
        operations, conversation = self.services.dealings.privacy, talk.turn.conversation_id
        opened = await talk.do(
            "erase", lambda key: operations.request_erasure(key, talk.customer_id, conversation, told)
        )
        days = words.count("days", rules.erase_within_days)
        talk.say("utter_privacy_erasing", "human_agent", case=opened["number"], days=days)

    async def _unfinished(self, talk: Talk) -> str:
        """What has to be finished first: as long as a parcel is on its way, its address is needed."""
        profile = await self.services.dealings.profiles.read(talk.customer_id)
        parts = [one.title for one in profile.orders if OrderState(one.state) not in CLOSED]
        told = [talk.words.text("privacy.orders", numbers=", ".join(parts))] if parts else []
        if profile.refunds:
            told.append(talk.words.text("privacy.refunds"))
        if profile.points.balance:
            points = talk.words.count("points", profile.points.balance)
            told.append(talk.words.text("privacy.points", points=points))
        return "\n".join(told)


def _button(talk: Talk, demand: str) -> Button:
    title = talk.words.text(f"button.privacy.{demand}")
    return Button(title, PersonalDataRequest.name, (("value", demand),))
