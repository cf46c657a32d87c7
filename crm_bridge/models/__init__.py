"""The tables of the customer relation, one noun a file."""

from crm_bridge.models.contact_point import ContactKind, ContactPoint
from crm_bridge.models.conversation import Conversation, ConversationStatus, Owner
from crm_bridge.models.customer import Customer
from crm_bridge.models.identity import Identity, Proof
from crm_bridge.models.message import Author, Message, MessageState
from crm_bridge.models.notice import Notice, NoticeChannel
from crm_bridge.models.operation import Operation
from crm_bridge.models.order import CLOSED, DeliveryMethod, Order, OrderItem, OrderState
from crm_bridge.models.payment import Payment, PaymentMethod, PaymentState
from crm_bridge.models.shipment import DELAYS, Checkpoint, CheckpointKind, Shipment
from crm_bridge.models.verification_code import Throttle, VerificationCode

__all__ = [
    "CLOSED",
    "DELAYS",
    "Author",
    "Checkpoint",
    "CheckpointKind",
    "ContactKind",
    "ContactPoint",
    "Conversation",
    "ConversationStatus",
    "Customer",
    "DeliveryMethod",
    "Identity",
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
    "Proof",
    "Shipment",
    "Throttle",
    "VerificationCode",
]
