"""Things that customers own, and the visits for them."""

from sqlalchemy import Float, and_, case, cast, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.proactive.signals.background import Background
from bot.proactive.signals.base import DAY, Question, Signal, day_of, epoch, only
from crm_bridge.models import Appointment, AppointmentState, Asset

NEVER = 10**11  # seconds: later than anything


class MaintenanceDue:
    """Things that are to be looked after, by time or by usage, whichever comes first.

    The usage goes on as it went since the thing was bought. Every reading of it moves the day; all the same
    it is told once, from one maintenance to the next.
    """

    kind, profiles = "maintenance_due", False

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        last = epoch(func.coalesce(Asset.maintained_at, Asset.bought_at))
        by_time = case(
            (Asset.maintenance_days.is_not(None), last + Asset.maintenance_days * DAY),
            else_=NEVER,
        )
        used = epoch(Asset.usage_at) - epoch(Asset.bought_at)
        left = func.coalesce(Asset.maintained_usage, 0) + Asset.maintenance_usage - Asset.usage
        read = and_(Asset.maintenance_usage.is_not(None), Asset.usage > 0, used > 0)
        by_usage = case((read, epoch(Asset.usage_at) + cast(left, Float) * used / Asset.usage), else_=NEVER)
        due = case((by_usage < by_time, by_usage), else_=by_time)
        visit = exists().where(
            Appointment.asset_id == Asset.id,
            Appointment.state == AppointmentState.BOOKED,
            Appointment.starts_at > asked.now,
        )
        query = select(
            Asset.customer_id,
            Asset.id,
            Asset.title,
            due.label("due"),
            (by_usage < by_time).label("usage"),
            last.label("last"),
        ).where(
            asked.customers(Asset.customer_id),
            or_(Asset.maintenance_days.is_not(None), Asset.maintenance_usage.is_not(None)),
            due.between(int(asked.start.timestamp()), int(asked.end.timestamp())),
            ~visit,
        )
        if asked.since is not None:
            over = exists().where(  # the visit that kept us silent
                Appointment.asset_id == Asset.id, Appointment.starts_at.between(asked.since, asked.now)
            )
            query = query.where(or_(due > int((asked.since + asked.horizon).timestamp()), over))
        rows = await session.execute(only(asked, query, "asset", Asset.id, int))
        return [
            Signal(
                self.kind,
                row.customer_id,
                f"asset:{row.id}:{day_of(row.last):%Y-%m-%d}",
                day_of(row.due),
                0.9,
                "used_much" if row.usage else "time_passed",
                {"title": row.title, "date": day_of(row.due).isoformat()},
            )
            for row in rows
            if asked.least <= 0.9
        ]


class WarrantyEnding:
    """Warranties that end: the last days to have something repaired for nothing."""

    kind, profiles = "warranty_ending", False

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        query = select(Asset.customer_id, Asset.id, Asset.title, Asset.warranty_until).where(
            asked.customers(Asset.customer_id), asked.entered(Asset.warranty_until)
        )
        rows = await session.execute(only(asked, query, "warranty", Asset.id, int))
        return [
            Signal(
                self.kind,
                row.customer_id,
                f"warranty:{row.id}",
                row.warranty_until,
                1.0,
                "warranty_end",
                {"title": row.title, "date": row.warranty_until.isoformat()},
            )
            for row in rows
        ]


class AppointmentSoon:
    """Visits that were agreed. How likely one is missed is the share of those missed before."""

    kind, profiles = "appointment_soon", False

    def __init__(self, known: Background) -> None:
        self._known = known

    async def signals(self, session: AsyncSession, asked: Question) -> list[Signal]:
        if self._known.missed < asked.least:
            return []
        query = select(Appointment).where(
            asked.customers(Appointment.customer_id),
            Appointment.state == AppointmentState.BOOKED,
            Appointment.starts_at >= asked.now,
            asked.entered(Appointment.starts_at),
        )
        rows = await session.scalars(only(asked, query, "appointment", Appointment.id, int))
        return [
            Signal(
                self.kind,
                row.customer_id,
                f"appointment:{row.id}:{row.starts_at:%Y-%m-%dT%H}",  # moved: reminded again
                row.starts_at,
                self._known.missed,
                "visit_agreed",
                {"service": row.service, "place": row.place, "moment": row.starts_at.isoformat()},
            )
            for row in rows
        ]
