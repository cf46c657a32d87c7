"""Money: a charge that will fail, a subscription that ends, a refund that we owe, points that burn."""

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.learning.payment import DECLINES_SINCE, PaymentModel, wrong_with
from bot.proactive.signals.base import BY_RULE, Question, Signal, day_of, only
from crm_bridge.models import (
    LoyaltyEntry,
    Order,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    SavedMethod,
    Subscription,
    SubscriptionState,
)


class PaymentFailing:
    """Subscriptions whose next charge will probably fail.

    The card is over before the charge, or there is none; the customer's last charges were declined again and
    again; or there is no charge yet that ever went through. The shares are the company's own, once they are
    learned.
    """

    kind, profiles = "payment_failing", False

    def __init__(self, model: PaymentModel | None = None) -> None:
        self._model = model or PaymentModel()

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        since = asked.of_the_day.now - DECLINES_SINCE
        paid = case((Payment.state == PaymentState.PAID, 1), else_=0)
        failed = case((and_(Payment.state == PaymentState.FAILED, Payment.created_at > since), 1), else_=0)
        query = (
            select(
                Subscription.customer_id, Subscription.id, Subscription.title, Subscription.paid_until,
                SavedMethod.id.label("method_id"), SavedMethod.expires_at, SavedMethod.last_four,
                SavedMethod.removed_at,
            )
            .outerjoin(SavedMethod, SavedMethod.id == Subscription.payment_method_id)
            .where(
                asked.customers(Subscription.customer_id),
                Subscription.state == SubscriptionState.ACTIVE,
                Subscription.renews,
                Subscription.paid_until >= asked.now,
                asked.entered(Subscription.paid_until),
            )
        )  # fmt: skip
        due = (await session.execute(only(asked, query, "subscription", Subscription.id, int))).all()
        if not due:
            return []
        history = (
            select(Order.customer_id, Payment.last_four, func.sum(paid), func.sum(failed))
            .join(Order, Order.id == Payment.order_id)
            .where(
                asked.customers(Order.customer_id),
                Order.customer_id.in_(
                    select(Subscription.customer_id).where(
                        asked.customers(Subscription.customer_id),
                        Subscription.state == SubscriptionState.ACTIVE,
                        Subscription.renews,
                        Subscription.paid_until >= asked.now,
                        asked.entered(Subscription.paid_until),
                    )
                ),
                Payment.created_at <= asked.now,
            )
            .group_by(Order.customer_id, Payment.last_four)
        )
        charges = {(row[0], row[1]): (int(row[2]), int(row[3])) for row in await session.execute(history)}
        found = []
        for row in due:
            good, declined = charges.get((row.customer_id, row.last_four), (0, 0))
            gone = row.method_id is None or row.removed_at is not None
            reason = "no_card" if gone else wrong_with(row.expires_at, row.paid_until, declined, good)
            if reason is None:
                continue
            probability = self._model.share(reason)
            if probability >= asked.least:
                words = {
                    "title": row.title,
                    "date": row.paid_until.isoformat(),
                    "card": row.last_four or "",
                    "declined": declined,
                }
                subject = f"subscription:{row.id}:{row.paid_until:%Y-%m-%d}"
                found.append(
                    Signal(
                        self.kind, row.customer_id, subject, row.paid_until, probability, reason, words,
                        self._model.version or BY_RULE,
                    )
                )  # fmt: skip
        return found


class SubscriptionEnding:
    """Subscriptions that end and are not renewed by themselves."""

    kind, profiles = "subscription_ending", False

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        ends = or_(
            and_(Subscription.state == SubscriptionState.ACTIVE, Subscription.renews.is_(False)),
            Subscription.state == SubscriptionState.CANCELLED,
        )
        query = select(Subscription).where(
            asked.customers(Subscription.customer_id),
            ends,
            asked.entered(Subscription.paid_until),
        )
        rows = await session.scalars(only(asked, query, "subscription", Subscription.id, int))
        return [
            Signal(
                self.kind,
                row.customer_id,
                f"subscription:{row.id}:end:{row.paid_until:%Y-%m-%d}",
                row.paid_until,
                1.0,
                "cancelled" if row.state is SubscriptionState.CANCELLED else "does_not_renew",
                {"title": row.title, "date": row.paid_until.isoformat()},
            )
            for row in rows
        ]


class RefundOverdue:
    """Refunds that we promised by a day that is over: we say so before we are asked."""

    kind, profiles = "refund_overdue", False

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        query = (
            select(Refund.customer_id, Refund.id, Refund.promised_at, Order.number)
            .outerjoin(Order, Order.id == Refund.order_id)
            .where(
                asked.customers(Refund.customer_id),
                Refund.state.in_([RefundState.REQUESTED, RefundState.APPROVED]),
                asked.entered(Refund.promised_at, turns=True),
            )
        )
        rows = await session.execute(only(asked, query, "refund", Refund.id, int))
        return [
            Signal(
                self.kind,
                row.customer_id,
                f"refund:{row.id}",
                row.promised_at,
                1.0 if row.promised_at <= asked.now else 0.5,
                "overdue_refund" if row.promised_at <= asked.now else "refund_due",
                {"order": row.number or "", "promised": row.promised_at.isoformat()},
            )
            for row in rows
            if asked.least <= (1.0 if row.promised_at <= asked.now else 0.5)
        ]


class PointsBurning:
    """Points whose end is near. What was spent was taken from those that end soonest."""

    kind, profiles = "points_burning", False

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        entry = LoyaltyEntry
        gained = case((and_(entry.points > 0, entry.expires_at <= asked.end), entry.points), else_=0)
        spent = case((entry.points < 0, entry.points), else_=0)
        soon = entry.expires_at.between(asked.now, asked.end)
        first = func.min(case((and_(entry.points > 0, soon), entry.expires_at)))
        moved: ColumnElement[bool] = (
            soon  # or, of those asked by time alone: entries that came near, and such as ended meanwhile
        )
        if asked.since is not None:
            moved = or_(
                entry.expires_at.between(asked.since + asked.horizon, asked.end),
                entry.expires_at.between(asked.since, asked.now),
            )
        near = (
            select(entry.customer_id)
            .where(asked.customers(entry.customer_id), moved, entry.points > 0)
            .distinct()
        )
        query = (
            select(
                entry.customer_id,
                (func.sum(gained) + func.sum(spent)).label("burning"),
                func.sum(entry.points).label("balance"),
                first.label("first"),
            )
            .where(entry.customer_id.in_(near), entry.at <= asked.now)
            .group_by(entry.customer_id)
            .having(func.sum(gained) + func.sum(spent) > 0)
        )
        rows = await session.execute(only(asked, query, "points", entry.customer_id, int))
        return [
            Signal(
                self.kind,
                row.customer_id,
                f"points:{row.customer_id}:{row.first:%Y-%m-%d}",
                day_of(row.first.timestamp()),
                1.0,
                "points_end",
                {"points": int(min(row.burning, row.balance)), "date": row.first.isoformat()},
            )
            for row in rows
            if row.first is not None and min(row.burning, row.balance) > 0
        ]
