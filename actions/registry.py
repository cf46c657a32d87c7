"""All actions of the assistant, put together."""

from rasa_sdk.executor import ActionExecutor

from actions.base import ZabotaAction
from actions.cancelling import CancelOrder
from actions.dialogue import Dialogue
from actions.identification import (
    AfterIdentification,
    AskCode,
    AskContact,
    StrayIdentification,
    ValidateIdentification,
)
from actions.orders import DeliveryDelay, ListOrders, TrackOrder
from actions.people import Complaint, HumanAgent, Topic
from actions.running import Begin, GoOn, Runner, StrayAnswer
from actions.services import Services
from actions.talk import ABOUT_ORDERS, Affirm, BotChallenge, Clarify, Greet

from actions.visits import BookAppointment, CancelAppointment, RescheduleAppointment


def all_dialogues(services: Services) -> list[Dialogue]:
    """One of each; the name of a dialogue is the intent that begins it."""
    return [
        TrackOrder(services),
        DeliveryDelay(services),
        CancelOrder(services),
        BookAppointment(services),
        RescheduleAppointment(services),
        CancelAppointment(services),
    ]


def all_actions(services: Services) -> list[ZabotaAction]:
    """One of each."""
    orders, person = ListOrders(services), HumanAgent(services)
    dialogues = all_dialogues(services)
    runner = Runner(services, dialogues)
    begins = [Begin(services, runner, dialogue) for dialogue in dialogues]
    served: dict[str, ZabotaAction] = {
        dialogue.name: begin for dialogue, begin in zip(dialogues, begins, strict=True)
    }
    return [
        orders,
        ValidateIdentification(services),
        AskContact(services),
        AskCode(services),
        *begins,
        GoOn(services, runner),
        StrayAnswer(services),
        AfterIdentification(services, [orders, *begins]),
        StrayIdentification(services),
        person,
        Complaint(services),
        Topic(services),
        Greet(services),
        BotChallenge(services),
        Affirm(services, {"human_agent": person} | served),
        Clarify(services, {intent: served[intent] for intent in ABOUT_ORDERS}),
    ]


def executor_of(services: Services) -> ActionExecutor:
    """The executor of rasa-sdk with all actions in it."""
    executor = ActionExecutor()
    for action in all_actions(services):
        executor.register_function(action.name, action.run)
    return executor
