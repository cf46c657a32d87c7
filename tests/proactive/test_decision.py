"""Whatever customers want, wherever they live and whatever the clock does, no message goes out against it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.proactive.policy import Decision, Facts, Way, below_caps, decide, holdout_position, open_until
from bot.proactive.rules import Limits, Rule
from bot.proactive.signals import Signal
from bot.proactive.tables import Verdict
from crm_bridge.consent import Said
from crm_bridge.consent import decide as consent
from crm_bridge.models import Decision as Said_
from crm_bridge.models import Purpose
from tests.proactive.rules import LIMITS, rule

ZONES = (
    "Europe/Moscow", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
    "Pacific/Apia", "America/St_Johns", "Africa/Casablanca",
)  # fmt: skip
CHANNELS = ("webchat", "telegram", "whatsapp", "sms")
NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

hours = st.integers(0, 24)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
# the nights in which clocks change, in both hemispheres
changes = st.sampled_from(
    [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC),
     datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)]
).flatmap(lambda day: st.integers(-720, 2160).map(lambda late: day + timedelta(minutes=late)))  # fmt: skip
clocks = st.one_of(moments, changes)


@st.composite
def said(draw: st.DrawFn, now: datetime) -> tuple[Said, ...]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        found.append(
            Said(
                number,
                draw(st.sampled_from(list(Purpose))),
                draw(st.sampled_from([None, *CHANNELS])),
                draw(st.sampled_from(list(Said_))),
                "v",
                "test",
                now - timedelta(hours=draw(st.integers(-48, 2000))),
            )
        )
    return tuple(found)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Facts, Rule, Signal, datetime, Limits, bool]:
    now = draw(clocks)
    limits = Limits.model_validate(
        {
            "quiet": {"from": draw(hours), "until": draw(hours)},
            "caps": {"day": draw(st.integers(0, 2)), "week": draw(st.integers(0, 4)), "month": 6},
        }
    )
    preferred = draw(st.none() | st.tuples(st.integers(0, 23), hours))
    ways = draw(st.lists(st.sampled_from(CHANNELS), unique=True))
    must = draw(st.booleans())
    purpose = Purpose.SERVICE if must else draw(st.sampled_from([Purpose.SERVICE, Purpose.MARKETING]))
    about = Facts(
        customer_id=draw(st.integers(1, 10**6)),
        time_zone=draw(st.sampled_from(ZONES)),
        language=draw(st.sampled_from(["ru", "en"])),
        undisturbed=draw(st.integers(0, 5)) == 0,
        contract=draw(st.integers(0, 3)) > 0,
        preferred=preferred,
        per_week=draw(st.none() | st.integers(0, 3)),
        ways=tuple(Way(name, 1, draw(st.booleans())) for name in ways),
        consents=draw(said(now)),
        sent=tuple(now - timedelta(hours=hour) for hour in draw(st.lists(st.integers(-3, 800), max_size=7))),
        subjects=frozenset(draw(st.lists(st.sampled_from(["order:1", "order:2"]), max_size=1))),
    )
    asked = rule(
        holdout=0 if must else draw(st.sampled_from([0, 0.1, 0.5])),
        must_send=must,
        purpose=purpose,
        quiet=draw(st.none() | st.fixed_dictionaries({"from": hours, "until": hours})),
        horizon=timedelta(hours=draw(st.integers(0, 200))),
        expires=timedelta(hours=draw(st.integers(-10, 200))),
        templates={"whatsapp": {"ru": {"name": "t"}}} if draw(st.booleans()) else {},
    )
    expected = now + timedelta(hours=draw(st.integers(-250, 250)))
    signal = Signal("late_delivery", about.customer_id, "order:1", expected, draw(st.floats(0, 1)), "overdue")
    return about, asked, signal, now, limits, draw(st.booleans())


def judged(case: tuple[Facts, Rule, Signal, datetime, Limits, bool]) -> Decision:
    about, asked, signal, now, limits, profiles = case
    return decide(about, asked, signal, now, limits, lambda channel, _: channel != "sms", profiles=profiles)


@settings(max_examples=700, deadline=None)
@given(cases())
def test_nothing_goes_out_against_anybodys_will(
    case: tuple[Facts, Rule, Signal, datetime, Limits, bool],
) -> None:
    about, asked, signal, now, limits, profiles = case
    made = judged(case)
    if made.verdict is Verdict.HOLDOUT:
        assert holdout_position(asked.name, about.customer_id) < asked.holdout
    if made.verdict is not Verdict.SEND:
        return
    hour = now.astimezone(ZoneInfo(about.time_zone)).hour
    assert hour not in limits.quiet
    assert asked.quiet is None or hour not in asked.quiet
    if about.preferred:
        begin, until = about.preferred
        assert begin <= hour < until if begin <= until else (hour >= begin or hour < until)
    assert made.channel != "sms"
    assert consent(
        about.consents, asked.purpose, str(made.channel), now,
        undisturbed=about.undisturbed, contract=about.contract,
    ).allowed  # fmt: skip
    if profiles:
        assert consent(about.consents, Purpose.PROFILING, "", now).allowed
    assert signal.subject not in about.subjects
    assert signal.probability >= asked.threshold
    assert signal.expected_at - asked.horizon <= now < signal.expected_at + asked.expires
    [way] = [way for way in about.ways if way.channel == made.channel]
    assert way.window_open or asked.template(way.channel, about.language)
    if not asked.must_send:
        for window, most in limits.caps.windows():
            assert sum(now - window < moment <= now for moment in about.sent) < most
        if about.per_week is not None:
            assert sum(now - timedelta(days=7) < moment <= now for moment in about.sent) < about.per_week
        assert holdout_position(asked.name, about.customer_id) >= asked.holdout


@settings(max_examples=400, deadline=None)
@given(cases())
def test_who_waits_is_looked_at_again_later_and_in_time(
    case: tuple[Facts, Rule, Signal, datetime, Limits, bool],
) -> None:
    about, asked, signal, now, limits, profiles = case
    made = judged(case)
    if made.verdict is not Verdict.WAIT:
        return
    assert made.until is not None
    assert made.until > now
    assert made.until < signal.expected_at + asked.expires
    again = judged((about, asked, signal, made.until, limits, profiles))
    assert again.verdict is not Verdict.WAIT or (again.until or now) > made.until or again.why != made.why


@settings(max_examples=400, deadline=None)
@given(st.lists(st.integers(0, 60 * 24 * 40), max_size=40), st.integers(1, 3), st.integers(1, 5))
def test_whoever_sends_when_told_keeps_every_rolling_cap(minutes: list[int], day: int, week: int) -> None:
    caps = [(timedelta(days=1), day), (timedelta(days=7), week)]
    sent: list[datetime] = []
    for minute in sorted(minutes):
        at = below_caps(sent, caps, max([NOON + timedelta(minutes=minute), *sent[-1:]]))
        assert at is not None
        sent.append(at)
    for window, most in caps:
        for moment in sent:
            assert sum(moment - window < other <= moment for other in sent) <= most


@settings(max_examples=400, deadline=None)
@given(cases())
def test_what_may_go_out_now_may_do_so_until_quiet_hours_begin(
    case: tuple[Facts, Rule, Signal, datetime, Limits, bool],
) -> None:
    about, asked, signal, now, limits, _ = case
    if judged(case).verdict is not Verdict.SEND:
        return
    until = open_until(about, asked, signal, now, limits)
    assert now < until <= signal.expected_at + asked.expires
    moment = now
    while moment < min(until, now + timedelta(days=1)):
        hour = moment.astimezone(ZoneInfo(about.time_zone)).hour
        assert hour not in limits.quiet
        assert asked.quiet is None or hour not in asked.quiet
        moment += timedelta(minutes=15)


def test_a_template_of_another_language_opens_no_window() -> None:
    asked = rule(templates={"whatsapp": {"ru": {"name": "t"}}})
    signal = Signal("late_delivery", 1, "order:1", NOON, 0.9, "overdue")
    about = Facts(1, "Europe/Moscow", "ru", ways=(Way("whatsapp", 1, window_open=False),))
    reads_english = replace(about, language="en")
    for who, verdict, why in (
        (about, Verdict.SEND, "send"),
        (reads_english, Verdict.SUPPRESSED, "window_closed"),
    ):
        made = decide(who, asked, signal, NOON, LIMITS, lambda *_: True, profiles=False)
        assert (made.verdict, made.why) == (verdict, why)


def test_quiet_hours_are_those_of_the_customers_own_clock_when_clocks_change() -> None:
    """In London the clocks go back on 25 October 2026: nine o'clock is an hour later than the day before."""
    about = Facts(1, "Europe/London", "en", ways=(Way("webchat", 1),))
    for night, opens in (
        (datetime(2026, 10, 24, 2, 30, tzinfo=UTC), datetime(2026, 10, 24, 8, 0, tzinfo=UTC)),
        (datetime(2026, 10, 25, 2, 30, tzinfo=UTC), datetime(2026, 10, 25, 9, 0, tzinfo=UTC)),
    ):
        signal = Signal("late_delivery", 1, "order:1", night + timedelta(days=2), 0.9, "overdue")
        made = decide(about, rule(), signal, night, LIMITS, lambda *_: True, profiles=False)
        assert (made.verdict, made.until) == (Verdict.WAIT, opens)


def test_a_recall_passes_caps_but_not_a_refusal() -> None:
    recall = rule(must_send=True)
    about = Facts(1, "Europe/Moscow", "ru", ways=(Way("webchat", 1),), sent=(NOON,) * 9)
    signal = Signal("late_delivery", 1, "order:1", NOON, 0.9, "overdue")
    assert (
        decide(about, recall, signal, NOON, LIMITS, lambda *_: True, profiles=False).verdict is Verdict.SEND
    )
    no = Said(1, Purpose.SERVICE, None, Said_.WITHDRAWN, "v", "chat", NOON - timedelta(days=1))
    made = decide(
        replace(about, consents=(no,)), recall, signal, NOON, LIMITS, lambda *_: True, profiles=False
    )
    assert (made.verdict, made.why) == (Verdict.SUPPRESSED, "no_consent")


def test_the_lot_is_stable_and_fair() -> None:
    kept = [customer for customer in range(20_000) if holdout_position("late", customer) < 0.1]
    assert 1800 < len(kept) < 2200
    assert kept == [customer for customer in range(20_000) if holdout_position("late", customer) < 0.1]
    both = [customer for customer in kept if holdout_position("restock", customer) < 0.1]
    assert 120 < len(both) < 280  # another rule draws another lot
