"""Every predictor, ready to be asked."""

from pathlib import Path

from bot.proactive.learning import churn, delivery
from bot.proactive.learning.logistic import Logistic
from bot.proactive.learning.payment import PaymentModel
from bot.proactive.signals.background import Background
from bot.proactive.signals.base import Predictor
from bot.proactive.signals.belongings import AppointmentSoon, MaintenanceDue, WarrantyEnding
from bot.proactive.signals.habits import ChurnRisk, RestockDue
from bot.proactive.signals.money import PaymentFailing, PointsBurning, RefundOverdue, SubscriptionEnding
from bot.proactive.signals.parcels import LateDelivery, WatchedParcel
from bot.proactive.signals.troubles import IncidentTouches, UnresolvedComplaint


def predictors(known: Background, models: Path) -> dict[str, Predictor]:
    """By kind.

    Args:
        models: the folder of trained models; what is not there is predicted by a stated rule.
    """
    every: tuple[Predictor, ...] = (
        LateDelivery(known, Logistic.load(models / "late_delivery.json", delivery.NAMES)),
        WatchedParcel(),
        PaymentFailing(PaymentModel.load(models / "payment_failing.json")),
        SubscriptionEnding(),
        MaintenanceDue(),
        RestockDue(known),
        WarrantyEnding(),
        PointsBurning(),
        AppointmentSoon(known),
        RefundOverdue(),
        IncidentTouches(),
        UnresolvedComplaint(),
        ChurnRisk(known, Logistic.load(models / "churn_risk.json", churn.NAMES)),
    )
    return {one.kind: one for one in every}
