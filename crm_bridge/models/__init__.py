"""The tables of the customer relation, one noun a file."""

from crm_bridge.models.appointment import Appointment, AppointmentState, Slot
from crm_bridge.models.asset import Asset
from crm_bridge.models.consent_record import ConsentRecord, Decision, Purpose
from crm_bridge.models.contact_frequency import ContactFrequency
from crm_bridge.models.contact_point import ContactKind, ContactPoint
from crm_bridge.models.conversation import Conversation, ConversationStatus, Owner
from crm_bridge.models.customer import Customer
from crm_bridge.models.document import Document, DocumentKind
from crm_bridge.models.erasure import ErasureReceipt
from crm_bridge.models.identity import Identity, Proof
from crm_bridge.models.import_run import ImportRun, ImportState
from crm_bridge.models.interaction import Direction, Interaction, InteractionKind
from crm_bridge.models.loyalty import LoyaltyAccount, LoyaltyEntry, LoyaltyReason
from crm_bridge.models.merge import FoundBy, Merge, MergeProposal, ProposalState
from crm_bridge.models.message import Author, Message, MessageState
from crm_bridge.models.notice import Notice, NoticeChannel
from crm_bridge.models.operation import Operation
from crm_bridge.models.order import CLOSED, DeliveryMethod, Order, OrderItem, OrderState
from crm_bridge.models.payment import Payment, PaymentMethod, PaymentState
from crm_bridge.models.rating import Rating
from crm_bridge.models.refund import Refund, RefundState
from crm_bridge.models.returned_item import ReturnedItem, ReturnWish
from crm_bridge.models.review import Review
from crm_bridge.models.saved_method import SavedMethod
from crm_bridge.models.shipment import DELAYS, Checkpoint, CheckpointKind, Shipment
from crm_bridge.models.start_key import StartKey
from crm_bridge.models.subscription import Period, Subscription, SubscriptionState
from crm_bridge.models.ticket import UNSOLVED, Ticket, TicketFile, TicketKind, TicketPriority, TicketState
from crm_bridge.models.verification_code import CodePurpose, Throttle, VerificationCode
from crm_bridge.models.watch import Watch, WatchReason

__all__ = [
    "CLOSED",
    "DELAYS",
    "UNSOLVED",
    "Appointment",
    "AppointmentState",
    "Asset",
    "Author",
    "Checkpoint",
    "CheckpointKind",
    "CodePurpose",
    "ConsentRecord",
    "ContactFrequency",
    "ContactKind",
    "ContactPoint",
    "Conversation",
    "ConversationStatus",
    "Customer",
    "Decision",
    "DeliveryMethod",
    "Direction",
    "Document",
    "DocumentKind",
    "ErasureReceipt",
    "FoundBy",
    "Identity",
    "ImportRun",
    "ImportState",
    "Interaction",
    "InteractionKind",
    "LoyaltyAccount",
    "LoyaltyEntry",
    "LoyaltyReason",
    "Merge",
    "MergeProposal",
    "Message",
    "MessageState",
    "Notice",
    "NoticeChannel",
    "Operation",
    "Order",
    "OrderItem",
    "OrderState",
    "Owner",
    "Payment",
    "PaymentMethod",
    "PaymentState",
    "Period",
    "Proof",
    "ProposalState",
    "Purpose",
    "Rating",
    "Refund",
    "RefundState",
    "ReturnWish",
    "ReturnedItem",
    "Review",
    "SavedMethod",
    "Shipment",
    "Slot",
    "StartKey",
    "Subscription",
    "SubscriptionState",
    "Throttle",
    "Ticket",
    "TicketFile",
    "TicketKind",
    "TicketPriority",
    "TicketState",
    "VerificationCode",
    "Watch",
    "WatchReason",
]
