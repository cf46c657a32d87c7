"""A line reaches its customer once, in order, within the provider's limits, whatever goes wrong."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import aiohttp
import pytest
from sqlalchemy import event, select

from bot.channels.inbound import Receipt, ReceiptState
from bot.channels.port import Permanent, Rate, RateLimited, Reason, Transient
from bot.gateway.pacing import AccountPace
from bot.gateway.policy import Use
from bot.gateway.tables import Sending
from core.clock import ManualClock
from core.db import Database
from core.jobs.port import PROACTIVE
from crm_bridge.models import (
    Author,
    ContactKind,
    ContactPoint,
    MessageState,
    Owner,
)
from tests.gateway.pocket import Lost, Pocket
from tests.gateway.post import Post

SECOND = timedelta(seconds=1)


@pytest.fixture
async def post(db: Database, clock: ManualClock, tmp_path: object) -> AsyncIterator[Post]:
    async with aiohttp.ClientSession() as http:
        yield Post(db, clock, http, var=tmp_path)


@pytest.fixture
def telegram(post: Post, clock: ManualClock) -> Pocket:
    pocket = Pocket(clock)
    post.connect(pocket)
    return pocket


async def test_lines_arrive_in_order_and_are_noted_with_the_providers_ids(
    post: Post, telegram: Pocket
) -> None:
    chat = await post.chat("telegram", "42")
    await post.say(chat, "раз", "два", "три")
    await post.deliver()
    assert telegram.read_by("42") == ["раз", "два", "три"]
    outbox, message = await post.line("два")
    assert (message.state, message.seq) == (MessageState.SENT, 3)
    async with post.db.read() as session:
        refs = await session.scalars(select(Sending.ref).where(Sending.outbox_id == outbox.id))
    assert list(refs) == [f"telegram-{outbox.id}-0"]


async def test_a_line_that_failed_for_a_moment_keeps_its_place(post: Post, telegram: Pocket) -> None:
    chat = await post.chat("telegram", "42")
    telegram.faults = [Transient("no connection"), Transient("no connection")]
    await post.say(chat, "раз", "два")
    await post.deliver()
    assert telegram.shown == []
    for _ in range(3):
        await post.wait(5)
    assert telegram.read_by("42") == ["раз", "два"]


async def test_one_chat_that_must_wait_holds_up_no_other(post: Post, telegram: Pocket) -> None:
    slow, quick = await post.chat("telegram", "42"), await post.chat("telegram", "43")
    telegram.faults = [RateLimited("slow down", 20 * SECOND, whole_account=False)]
    await post.say(slow, "раз", "два")
    await post.deliver()
    await post.say(quick, "быстро")
    await post.wait(1)
    assert telegram.read_by("43") == ["быстро"]
    assert telegram.read_by("42") == []
    await post.wait(18)
    assert telegram.read_by("42") == []
    await post.wait(2)
    assert telegram.read_by("42") == ["раз", "два"]


async def test_an_account_that_must_wait_sends_nothing_until_then_even_after_a_restart(
    post: Post, telegram: Pocket, clock: ManualClock
) -> None:
    chat, other = await post.chat("telegram", "42"), await post.chat("telegram", "43")
    telegram.faults = [RateLimited("slow down", 20 * SECOND)]
    await post.say(chat, "раз")
    await post.deliver()
    post.connect(telegram)  # a new worker, that remembers nothing
    asked = len(telegram.asked)
    pace = AccountPace(post.db, clock, "telegram:main", Rate(30, SECOND))
    assert await pace.slot() - clock.now() >= 19 * SECOND
    await post.say(other, "тоже")
    assert len(telegram.asked) == asked


async def test_one_chat_gets_no_more_than_it_may(post: Post, telegram: Pocket) -> None:
    post.connect(telegram.able(chat_rate=Rate(1, SECOND)))
    chat = await post.chat("telegram", "42")
    await post.say(chat, "раз", "два", "три")
    for _ in range(60):
        await post.wait(0.1)
    assert telegram.read_by("42") == ["раз", "два", "три"]
    times = [each.at for each in telegram.shown]
    assert all(later - sooner >= SECOND for sooner, later in pairwise(times))


async def test_an_account_is_never_faster_than_its_limit_however_many_processes_send(
    db: Database, clock: ManualClock
) -> None:
    rate = Rate(30, SECOND)
    processes = [AccountPace(db, clock, "telegram:main", rate) for _ in range(3)]
    slots = sorted([await processes[n % 3].slot() for n in range(100)])
    for first in slots:
        assert sum(first <= slot < first + SECOND for slot in slots) <= 30
    assert slots[-1] - slots[0] < timedelta(seconds=3.7)  # and hardly slower


async def test_what_goes_out_together_is_written_down_together(post: Post, telegram: Pocket) -> None:
    chats = [await post.chat("telegram", str(n)) for n in range(40)]
    for chat in chats:
        await post.say(chat, f"привет, {chat.address}")
    commits: list[object] = []
    event.listen(post.db.engine.sync_engine, "commit", commits.append)
    await post.deliver()
    assert [telegram.read_by(chat.address) for chat in chats] == [[f"привет, {n}"] for n in range(40)]
    assert len(commits) < 20


async def test_a_long_line_goes_out_in_parts_and_goes_on_where_it_stopped(
    post: Post, telegram: Pocket
) -> None:
    post.connect(telegram.able(text=3))
    chat = await post.chat("telegram", "42")
    telegram.faults = [None, Transient("no connection")]
    await post.say(chat, "разДваТри")
    for _ in range(4):
        await post.wait(3)
    assert telegram.read_by("42") == ["раз", "Два", "Три"]


async def test_a_bot_line_of_a_past_epoch_never_goes_out_and_an_agents_does(
    post: Post, telegram: Pocket
) -> None:
    chat = await post.chat("telegram", "42")
    await post.say(chat, "от бота")
    await post.say(chat, "от сотрудника", author=Author.AGENT)
    async with post.db.write() as session:
        await post.gateway.ownership.take(session, chat.conversation_id, 0, agent_id=1)
    await post.deliver()
    assert telegram.read_by("42") == ["от сотрудника"]
    assert await post.state("от бота") is MessageState.DROPPED


async def test_what_is_too_old_is_not_said(post: Post, telegram: Pocket) -> None:
    chat = await post.chat("telegram", "42")
    telegram.faults = [Transient("away")] * 5
    await post.say(
        chat, "курьер будет через час", priority=PROACTIVE, expires_at=post.clock.now() + 60 * SECOND
    )
    for _ in range(10):
        await post.wait(20)
    assert telegram.shown == []
    assert (await post.line("курьер будет через час"))[0].failure == "expired"


# ---- in doubt ----


async def test_where_the_provider_knows_repeats_a_lost_answer_costs_nothing(
    post: Post, telegram: Pocket
) -> None:
    post.connect(telegram.able(idempotent=True))
    chat = await post.chat("telegram", "42")
    telegram.faults = [Lost(), Lost()]
    await post.say(chat, "раз", "два")
    for _ in range(3):
        await post.wait(5)
    assert telegram.read_by("42") == ["раз", "два"]
    assert await post.state("раз") is MessageState.SENT


async def test_elsewhere_an_answer_is_said_again_and_called_a_repeat(post: Post, telegram: Pocket) -> None:
    chat = await post.chat("telegram", "42")
    telegram.faults = [Lost()]
    await post.say(chat, "заказ в пути", "что ещё?")
    await post.deliver()
    await post.wait(6)
    first, again, last = telegram.read_by("42")
    assert first == "заказ в пути"
    assert "Повторяю" in again
    assert again.endswith("заказ в пути")
    assert last == "что ещё?"


async def test_what_we_began_ourselves_is_never_said_again_in_doubt(post: Post, telegram: Pocket) -> None:
    chat = await post.chat("telegram", "42")
    telegram.faults = [Lost()]
    await post.say(chat, "скоро кончится подписка", priority=PROACTIVE)
    for _ in range(4):
        await post.wait(60)
    assert len(telegram.asked) == 1
    assert await post.state("скоро кончится подписка") is MessageState.UNCERTAIN


@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_process_that_dies_while_sending_leaves_a_line_in_doubt(
    post: Post, telegram: Pocket, idempotent: bool
) -> None:
    post.connect(telegram.able(idempotent=idempotent))
    chat = await post.chat("telegram", "42")
    await post.say(chat, "раз")
    await post.say(chat, "напоминание", priority=PROACTIVE)
    await post.mark_sending("раз")
    await post.mark_sending("напоминание")
    await post.deliver()
    if idempotent:
        assert telegram.read_by("42") == ["раз", "напоминание"]
    else:
        [said] = telegram.read_by("42")
        assert "Повторяю" in said
        assert await post.state("напоминание") is MessageState.UNCERTAIN


async def test_an_answer_that_stays_in_doubt_is_left_to_people(post: Post, telegram: Pocket) -> None:
    chat = await post.chat("telegram", "42")
    telegram.faults = [Lost()] * 5
    await post.say(chat, "раз")
    for _ in range(5):
        await post.wait(10)
    assert len(telegram.asked) == 3
    assert await post.state("раз") is MessageState.UNCERTAIN
    assert (await post.conversation(chat)).owner is Owner.QUEUE


async def test_a_poisonous_line_is_given_to_people_and_blocks_nobody(post: Post, telegram: Pocket) -> None:
    chat = await post.chat("telegram", "42")
    telegram.faults = [KeyError("a defect of ours")] * 3
    await post.say(chat, "яд")
    await post.say(chat, "следующее", author=Author.AGENT)
    for _ in range(4):
        await post.wait(10)
    assert telegram.read_by("42") == ["следующее"]
    assert (await post.conversation(chat)).owner is Owner.QUEUE


# ---- another way ----


async def test_who_blocked_us_in_one_messenger_is_written_to_in_their_next_one_once(
    post: Post, telegram: Pocket, clock: ManualClock
) -> None:
    vk, viber = Pocket(clock, "vk"), Pocket(clock, "viber")
    post.connect(vk, viber)
    maria = await post.customer(preferred_channel="viber")
    await post.chat("vk", "vk-1", maria)
    clock.advance(SECOND)
    await post.chat("viber", "viber-1", maria)
    clock.advance(SECOND)
    chat = await post.chat("telegram", "42", maria)
    telegram.blocked["42"] = Permanent("bot was blocked by the user", Reason.BLOCKED)
    await post.say(chat, "заказ готов", "ждём вас")
    await post.deliver()
    assert viber.read_by("viber-1") == ["заказ готов", "ждём вас"]
    assert (telegram.shown, vk.shown) == ([], [])
    assert len(telegram.asked) == 1  # the second line did not even try
    assert (await post.identity(chat)).dead_why == "blocked"


async def test_while_our_account_is_refused_lines_wait_for_somebody_to_set_it_right(
    post: Post, telegram: Pocket
) -> None:
    chat = await post.chat("telegram", "42")
    telegram.faults = [Permanent("the token was revoked", Reason.ACCOUNT)] * 3
    await post.say(chat, "раз", "два")
    await post.deliver()
    assert telegram.shown == []
    for _ in range(4):
        await post.wait(61)
    assert telegram.read_by("42") == ["раз", "два"]


async def test_the_last_way_is_a_verified_contact(post: Post, telegram: Pocket, clock: ManualClock) -> None:
    sms = Pocket(clock, "sms")
    post.connect(sms)
    maria = await post.customer()
    now = clock.now()
    async with post.db.write() as session:
        for value, verified in (("+79160000001", None), ("+79160000002", now)):
            session.add(
                ContactPoint(
                    customer_id=maria,
                    kind=ContactKind.PHONE,
                    value=value,
                    verified_at=verified,
                    created_at=now,
                )
            )
    chat = await post.chat("telegram", "42", maria)
    telegram.blocked["42"] = Permanent("deactivated", Reason.DEAD_ADDRESS)
    await post.say(chat, "заказ готов")
    await post.deliver()
    assert sms.read_by("+79160000002") == ["заказ готов"]
    assert sms.read_by("+79160000001") == []


async def test_a_stranger_has_no_other_way(post: Post, telegram: Pocket, clock: ManualClock) -> None:
    vk = Pocket(clock, "vk")
    post.connect(vk)
    await post.chat("vk", "vk-1")
    chat = await post.chat("telegram", "42")
    telegram.blocked["42"] = Permanent("blocked", Reason.BLOCKED)
    await post.say(chat, "заказ готов")
    await post.deliver()
    assert vk.shown == []
    assert await post.state("заказ готов") is MessageState.FAILED


async def test_a_line_that_may_have_arrived_takes_no_other_way(
    post: Post, telegram: Pocket, clock: ManualClock
) -> None:
    vk = Pocket(clock, "vk")
    post.connect(vk)
    maria = await post.customer()
    await post.chat("vk", "vk-1", maria)
    clock.advance(SECOND)
    chat = await post.chat("telegram", "42", maria)
    telegram.faults = [Lost(), Permanent("blocked", Reason.BLOCKED)]
    await post.say(chat, "заказ готов")
    await post.deliver()
    await post.wait(10)
    assert vk.shown == []
    assert telegram.read_by("42") == ["заказ готов"]
    assert await post.state("заказ готов") is MessageState.UNCERTAIN


async def test_a_provider_that_stays_away_is_left_for_the_next_channel(
    post: Post, telegram: Pocket, clock: ManualClock
) -> None:
    vk = Pocket(clock, "vk")
    post.connect(vk)
    maria = await post.customer()
    await post.chat("vk", "vk-1", maria)
    clock.advance(SECOND)
    chat = await post.chat("telegram", "42", maria)
    telegram.faults = [Transient("away")] * 50
    await post.say(chat, "заказ готов")
    for _ in range(15):
        await post.wait(121)
    assert vk.read_by("vk-1") == ["заказ готов"]
    assert telegram.shown == []


async def test_a_company_that_may_not_use_a_channel_does_not(
    post: Post, telegram: Pocket, clock: ManualClock
) -> None:
    max_ = Pocket(clock, "max")
    post.connect(max_)
    post.gateway.policy.change({"max": [Use.REPLY, Use.SERVICE], "telegram": [Use.REPLY]})
    maria = await post.customer()
    await post.chat("max", "max-1", maria)
    clock.advance(SECOND)
    chat = await post.chat("telegram", "42", maria)
    await post.say(chat, "ответ")
    await post.say(chat, "реклама", use=Use.MARKETING, priority=PROACTIVE)
    await post.deliver()
    assert telegram.read_by("42") == ["ответ"]
    assert max_.shown == []
    assert (await post.line("реклама"))[0].failure == "forbidden"


async def test_outside_the_providers_window_the_next_channel_is_taken(post: Post, clock: ManualClock) -> None:
    whatsapp = Pocket(clock, "whatsapp").able(window=timedelta(hours=24))
    vk = Pocket(clock, "vk")
    post.connect(whatsapp, vk)
    maria = await post.customer(preferred_channel="whatsapp")
    await post.chat("vk", "vk-1", maria)
    clock.advance(SECOND)
    chat = await post.chat("whatsapp", "79160000001", maria)
    await post.say(chat, "сразу")
    await post.deliver()
    clock.advance(timedelta(hours=25))
    await post.say(chat, "через сутки", author=Author.AGENT)
    await post.deliver()
    assert whatsapp.read_by("79160000001") == ["сразу"]
    assert vk.read_by("vk-1") == ["через сутки"]


# ---- receipts ----


async def fold(post: Post, text: str, *states: ReceiptState, **how: object) -> MessageState:
    outbox, _ = await post.line(text)
    for state in states:
        async with post.db.write() as session:
            receipt = Receipt(f"telegram-{outbox.id}-0", state, **how)  # type: ignore[arg-type]
            assert await post.gateway.receipts.fold(session, "telegram", "main", receipt)
    return await post.state(text)


async def test_receipts_move_forward_only(post: Post, telegram: Pocket) -> None:
    chat = await post.chat("telegram", "42")
    await post.say(chat, "раз")
    await post.deliver()
    read, delivered, failed = ReceiptState.READ, ReceiptState.DELIVERED, ReceiptState.FAILED
    assert await fold(post, "раз", delivered) is MessageState.DELIVERED
    assert await fold(post, "раз", read, delivered, failed, read) is MessageState.READ


async def test_a_receipt_may_speak_of_everything_before_it(post: Post, telegram: Pocket) -> None:
    chat, other = await post.chat("telegram", "42"), await post.chat("telegram", "43")
    await post.say(other, "чужое")
    await post.say(chat, "раз", "два", "три")
    await post.deliver()
    await fold(post, "два", ReceiptState.READ, up_to=True)
    states = [await post.state(text) for text in ("чужое", "раз", "два", "три")]
    assert states == [MessageState.SENT, MessageState.READ, MessageState.READ, MessageState.SENT]


async def test_a_receipt_of_failure_opens_the_next_way(
    post: Post, telegram: Pocket, clock: ManualClock
) -> None:
    vk = Pocket(clock, "vk")
    post.connect(vk)
    maria = await post.customer()
    await post.chat("vk", "vk-1", maria)
    clock.advance(SECOND)
    chat = await post.chat("telegram", "42", maria)
    await post.say(chat, "раз")
    await post.deliver()
    await fold(post, "раз", ReceiptState.FAILED, reason="dead_address")
    await post.deliver()
    assert vk.read_by("vk-1") == ["раз"]
    assert (await post.identity(chat)).dead_why == "dead_address"


async def test_a_receipt_settles_what_was_in_doubt(post: Post, telegram: Pocket) -> None:
    chat = await post.chat("telegram", "42")
    telegram.faults = [Lost()]
    await post.say(chat, "напоминание", priority=PROACTIVE)
    await post.deliver()
    outbox, _ = await post.line("напоминание")
    async with post.db.write() as session:
        receipt = Receipt("unknown", ReceiptState.DELIVERED, key=str(outbox.id))
        assert await post.gateway.receipts.fold(session, "telegram", "main", receipt)
    assert await post.state("напоминание") is MessageState.DELIVERED
