"""How customers sound, as the assistant heard it when they wrote."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select

from crm_bridge.models import Author, Identity, Message

SINCE = timedelta(days=60)


def moods_before(moment: datetime) -> Select[Any]:
    """Customer and the mean sentiment of what they wrote in the last days, −1 upset to 1 delighted."""
    sounds = Message.details["nlu"]["sentiment"].as_float()
    return (
        select(Identity.customer_id, func.avg(sounds))
        .join(Message, Message.identity_id == Identity.id)
        .where(
            Identity.customer_id.is_not(None),
            Message.author == Author.CUSTOMER,
            Message.created_at.between(moment - SINCE, moment),
            sounds.is_not(None),
        )
        .group_by(Identity.customer_id)
    )
