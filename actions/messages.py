"""What the company writes by itself: switched off and on, by purpose and channel, at once."""

from collections.abc import Sequence

from actions.dialogue import Dialogue, Option, Talk
from actions.hints import hints
from actions.message_times import ANYTIME, Times, keep_times, times_in
from actions.say import Button
from actions.turn import Turn
from crm_bridge.company.messages import Channel
from crm_bridge.company.words import speaks_of
from crm_bridge.identity import Caller
from crm_bridge.models import ContactKind, Purpose
from crm_bridge.profile import Profile

EVERY = "every"  # channel
EVERYTHING = "everything"  # advertising and messages about orders
WRITES = {ContactKind.PHONE: "sms", ContactKind.EMAIL: "email"}


class NotificationsOptOut(Dialogue):
    """Stops messages. Somebody whom we know by this chat need not prove anything to be left in peace."""

    name = "notifications_opt_out"

    def needs_identification(self, caller: Caller) -> bool:
        return caller.customer_id is None

    async def tell(self, talk: Talk) -> None:
        customer_id = talk.caller.customer_id
        assert customer_id is not None  # the runner asked who it is
        if times := times_in(talk.task.text, talk.details):
            await keep_times(talk, customer_id, times)
            return
        everything = EVERYTHING in (talk.details.get("value"), hints("messages_scope", talk.task.text))
        channel = None if everything else _channel(self._channels(), talk.task.text)
        purposes = (Purpose.MARKETING, Purpose.SERVICE) if everything else (Purpose.MARKETING,)
        operations = self.services.dealings.messages
        await talk.do(
            "opt_out",
            lambda key: operations.opt_out(key, customer_id, purposes, channel.key if channel else None),
        )
        rules, words = self.services.company.messages, talk.words
        on = Button(words.text("button.messages.on_again"), "notifications_opt_in")
        if everything:
            talk.say("utter_messages_all_off", on, "human_agent")
            return
        off = Button(words.text("button.messages.all_off"), self.name, (("value", EVERYTHING),))
        where = channel.where.to(words.language) if channel else words.text("messages.anywhere")
        service = rules.service.to(words.language)
        talk.say("utter_messages_off", off, on, where=where, service=service)

    def _channels(self) -> Sequence[Channel]:
        return self.services.company.messages.channels


class NotificationsOptIn(Dialogue):
    """Starts messages: for what and where is said before it counts as a consent."""

    name = "notifications_opt_in"

    async def tell(self, talk: Talk) -> None:
        rules, words = self.services.company.messages, talk.words
        anytime = talk.details.get("value") == ANYTIME
        if anytime or (times := times_in(talk.task.text, talk.details)):
            await keep_times(talk, talk.customer_id, Times() if anytime else times, anytime=anytime)
            return
        if hints("messages_purpose", talk.task.text):
            await self._service(talk)
            return
        profile = await self.services.dealings.profiles.read(talk.customer_id)
        options = self._options(talk, profile)
        if named := _channel(rules.channels, talk.task.text):
            if named.key not in {option.key for option in options}:
                talk.say(
                    "utter_messages_no_address",
                    "edit_profile",
                    "human_agent",
                    where=named.where.to(words.language),
                )
                return
            talk.known("channel", named.key)

        def read(turn: Turn) -> str | None:
            meant = _channel(rules.channels, turn.text)
            return meant.key if meant and meant.key in {one.key for one in options} else None

        how_often = rules.how_often.to(words.language)
        key = await talk.choose("channel", "utter_messages_where", options, read=read, how_often=how_often)
        channel = rules.channel(key)
        await self._grant(talk, Purpose.MARKETING, channel)
        where = channel.where.to(words.language) if channel else words.text("messages.everywhere")
        talk.say("utter_messages_on", self._off(talk), where=where, how_often=how_often)

    async def _service(self, talk: Talk) -> None:
        channel = _channel(self.services.company.messages.channels, talk.task.text)
        await self._grant(talk, Purpose.SERVICE, channel)
        words = talk.words
        where = channel.where.to(words.language) if channel else words.text("messages.everywhere")
        service = self.services.company.messages.service.to(words.language)
        talk.say("utter_messages_service_on", self._off(talk), where=where, service=service)

    async def _grant(self, talk: Talk, purpose: Purpose, channel: Channel | None) -> None:
        operations = self.services.dealings.messages
        await talk.do(
            "opt_in",
            lambda key: operations.opt_in(
                key, talk.customer_id, (purpose,), channel.key if channel else None
            ),
        )

    def _options(self, talk: Talk, profile: Profile) -> list[Option]:
        """The channels by which this customer can be reached, and all of them together."""
        reached = {WRITES[contact.kind] for contact in profile.contacts} | set(profile.channels)
        words = talk.words
        options = [
            Option(one.key, _capital(one.where.to(words.language)))
            for one in self.services.company.messages.channels
            if one.key in reached
        ]
        return [*options, Option(EVERY, words.text("button.messages.everywhere"))]

    def _off(self, talk: Talk) -> Button:
        return Button(talk.words.text("button.messages.off"), "notifications_opt_out")


def _channel(channels: Sequence[Channel], text: str) -> Channel | None:
    """The channel that a message speaks of."""
    return next((one for one in channels if speaks_of(text, one.about)), None)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
