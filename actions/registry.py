"""All actions of the assistant, put together."""

from rasa_sdk.executor import ActionExecutor

from actions.access import RecoverPassword, RegistrationProblem
from actions.addresses import ChangeDeliveryAddress
from actions.base import ZabotaAction
from actions.cancelling import CancellationFee, CancelOrder
from actions.clarifying import Clarify
from actions.delivery import DeliveryOptions, DeliveryPeriod
from actions.dialogue import Dialogue
from actions.feedback import Complaint, LeaveReview, Praise, RateService
from actions.files import SendFile
from actions.identification import (
    AfterIdentification,
    AskCode,
    AskContact,
    StrayIdentification,
    ValidateIdentification,
)
from actions.loyalty import LoyaltyPoints
from actions.messages import NotificationsOptIn, NotificationsOptOut
from actions.order_changes import ChangeOrder
from actions.ordering import PlaceOrder
from actions.orders import DeliveryDelay, ListOrders, TrackOrder
from actions.papers import GetInvoice
from actions.payments import PaymentIssue, PaymentMethods
from actions.people import HumanAgent
from actions.personal_data import PersonalDataRequest
from actions.products import ProductAdvice, ProductAvailability
from actions.profile_edits import EditProfile
from actions.promotions import PromoCode
from actions.refunds import RefundPolicy, TrackRefund
from actions.returns import ReturnItem
from actions.running import Begin, GoOn, Runner, StrayAnswer
from actions.services import Services
from actions.stores import StoreInfo
from actions.subscriptions import CancelSubscription, ManageSubscription
from actions.talk import Affirm, BotChallenge, Greet, SmallTalk
from actions.technical import TechnicalProblem
from actions.visits import BookAppointment, CancelAppointment, ConfirmAppointment, RescheduleAppointment
from actions.warranty import WarrantyRepair
from actions.wrong_items import DamagedOrWrongItem


def all_dialogues(services: Services) -> list[Dialogue]:
    """One of each; the name of a dialogue is the intent that begins it."""
    return [
        TrackOrder(services),
        DeliveryDelay(services),
        CancelOrder(services),
        CancellationFee(services),
        ChangeOrder(services),
        PlaceOrder(services),
        DeliveryOptions(services),
        DeliveryPeriod(services),
        ChangeDeliveryAddress(services),
        ReturnItem(services),
        TrackRefund(services),
        RefundPolicy(services),
        DamagedOrWrongItem(services),
        WarrantyRepair(services),
        PaymentMethods(services),
        PaymentIssue(services),
        GetInvoice(services),
        PromoCode(services),
        LoyaltyPoints(services),
        RegistrationProblem(services),
        RecoverPassword(services),
        EditProfile(services),
        PersonalDataRequest(services),
        ManageSubscription(services),
        CancelSubscription(services),
        NotificationsOptOut(services),
        NotificationsOptIn(services),
        BookAppointment(services),
        ConfirmAppointment(services),
        RescheduleAppointment(services),
        CancelAppointment(services),
        TechnicalProblem(services),
        ProductAvailability(services),
        ProductAdvice(services),
        StoreInfo(services),
        Complaint(services),
        Praise(services),
        LeaveReview(services),
        RateService(services),
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
        SendFile(services),
        AfterIdentification(services, [orders, *begins]),
        StrayIdentification(services),
        person,
        Greet(services),
        SmallTalk(services, served),
        BotChallenge(services),
        Affirm(services, {"human_agent": person} | served),
        Clarify(services, {"human_agent": person} | served),
    ]


def executor_of(services: Services) -> ActionExecutor:
    """The executor of rasa-sdk with all actions in it."""
    executor = ActionExecutor()
    for action in all_actions(services):
        executor.register_function(action.name, action.run)
    return executor
