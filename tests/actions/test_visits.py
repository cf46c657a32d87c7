"""Customers book, move and cancel visits on the real calendar."""

import asyncio
from datetime import timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import delete, func, select, update

from core.clock import ManualClock
from core.db import Database
from core.media import MediaStore
from core.settings import Settings
from crm_bridge.models import Appointment, AppointmentState, Asset, Customer, Slot
from tests.actions.chat import Chat
from tests.actions.conftest import Open


async def visits(shop: Database, ref: str) -> list[Appointment]:
    query = (
        select(Appointment)
        .join(Customer)
        .where(Customer.external_ref == ref, Appointment.state == AppointmentState.BOOKED)
        .order_by(Appointment.starts_at)
    )
    async with shop.read() as session:
        return list(await session.scalars(query))


async def test_saturday_morning_is_understood_offered_booked_and_sent_as_a_calendar_file(
    chats: Open, shop: Database, settings: Settings
) -> None:
    maria = await chats("demo-1001")  # Kazan
    heard = await maria.says(
        "запишите кофемашину на чистку в субботу утром",
        "book_appointment",
        date="2026-11-21",
        time="06:00/12:00",
    )
    assert heard == "Есть место: завтра, 10:00 (Казань, ул. Баумана, 44). Записать?"
    assert "завтра, 13:00" in maria.said[-1].buttons
    booked = await maria.says("да, давайте", "affirm")
    assert booked.startswith("Записала вас. Обслуживание техники: завтра, 10:00, Казань, ул. Баумана, 44.")
    [visit] = await visits(shop, "demo-1001")
    assert visit.starts_at.isoformat() == "2026-11-21T07:00:00+00:00"
    assert visit.note == "запишите кофемашину на чистку в субботу утром"
    file = maria.said[-1].custom["attachment"]
    assert (file["name"], file["type"]) == ("visit.ics", "text/calendar")
    kept = await MediaStore("", settings.var / "media").read(file["key"])
    [event] = Calendar.from_ical(kept.data).events
    assert event.decoded("dtstart") == visit.starts_at
    assert event["uid"] == f"visit-{visit.id}@zabota"


async def test_what_is_not_said_is_asked_and_other_times_can_be_wished_for(
    chats: Open, shop: Database
) -> None:
    maria = await chats("demo-1001")
    assert "Что нужно сделать" in await maria.says("запишите меня", "book_appointment")
    assert "свободное время" in await maria.presses("ремонт")
    first = list(maria.said[-1].buttons)
    await maria.presses("Другое время")
    assert not set(first[:5]) & set(list(maria.said[-1].buttons)[:5])
    assert "На это время мест нет" in await maria.says(
        "а в понедельник в семь вечера?", "out_of_scope", date="2026-11-23", time="19:00"
    )
    assert "понедельник, 23 ноября, 16:00" in maria.said[-1].buttons
    assert "Записала вас" in await maria.says("тогда в 16:00", "out_of_scope", time="16:00")
    [visit] = await visits(shop, "demo-1001")
    assert visit.starts_at.isoformat() == "2026-11-23T13:00:00+00:00"
    assert visit.service == "ремонт"


async def test_two_take_the_last_place_at_once_and_the_second_gets_alternatives(
    chats: Open, shop: Database
) -> None:
    maria, other = await chats("demo-1001"), await chats("demo-1006")
    wish = {"date": "2026-11-21", "time": "10:00", "city": "Казань"}
    for chat in (maria, other):
        await chat.says("запись на ремонт в Казани", "book_appointment", **wish)
    async with shop.write() as session:
        await session.execute(update(Slot).where(Slot.place.startswith("Казань")).values(capacity=1))
        await session.execute(delete(Appointment).where(Appointment.slot_id.is_not(None)))
    await asyncio.gather(maria.presses("завтра, 10:00"), other.presses("завтра, 10:00"))
    won, lost = sorted((maria, other), key=lambda chat: chat.form is not None)
    assert "Записала вас" in won.said[-1].text
    assert "только что заняли" in lost.said[-1].text
    assert "завтра, 10:00" not in lost.said[-1].buttons
    assert "Записала вас" in await lost.presses("завтра, 13:00")
    async with shop.read() as session:
        held = select(func.count(Appointment.id)).where(Appointment.slot_id.is_not(None))
        assert list(await session.scalars(held.group_by(Appointment.slot_id))) == [1, 1]


async def test_the_same_booking_message_twice_books_once(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("на ремонт завтра", "book_appointment", date="2026-11-21")
    before, form = dict(maria.slots), maria.form
    first = await maria.says(
        "завтра в 10", "out_of_scope", date="2026-11-21", time="10:00", message_id="same"
    )
    maria.slots, maria.form = before, form
    again = await maria.says(
        "завтра в 10", "out_of_scope", date="2026-11-21", time="10:00", message_id="same"
    )
    assert "Записала вас" in first
    assert again == first
    assert len(await visits(shop, "demo-1001")) == 1


async def test_a_visit_is_moved_and_the_old_time_is_free_again(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    old, _ = await visits(shop, "demo-1006")
    assert "О каком визите" in await dmitry.says("перенесите визит", "reschedule_appointment")
    assert "свободное время" in await dmitry.says("первый", "out_of_scope")
    title = next(iter(dmitry.said[-1].buttons))
    heard = await dmitry.presses(title)
    assert heard.startswith(f"Перенесла. Ждём вас: {title}")
    [moved] = [one for one in await visits(shop, "demo-1006") if one.id == old.id]
    assert moved.slot_id != old.slot_id
    assert dmitry.said[-1].custom["attachment"]["type"] == "text/calendar"


async def test_i_will_be_there_confirms_the_visit_of_the_reminder_and_no_other(
    chats: Open, shop: Database
) -> None:
    dmitry = await chats("demo-1006")
    first, second = await visits(shop, "demo-1006")
    assert "вы придёте" in await dmitry.says("Буду", "confirm_appointment", value=str(second.id))
    assert [one.confirmed_at is not None for one in await visits(shop, "demo-1006")] == [False, True]
    async with shop.write() as session:
        cancelled = update(Appointment).where(Appointment.id == first.id)
        await session.execute(cancelled.values(state=AppointmentState.CANCELLED))
    assert "уже нет в календаре" in await dmitry.says("Буду", "confirm_appointment", value=str(first.id))
    await dmitry.says("перенесите визит", "reschedule_appointment")
    await dmitry.presses(next(iter(dmitry.said[-1].buttons)))
    [moved] = await visits(shop, "demo-1006")
    assert moved.id == second.id
    assert moved.confirmed_at is None  # she said so of another day


async def test_the_reminder_of_a_thing_books_a_visit_for_this_thing(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    async with shop.read() as session:
        his = select(Asset).join(Customer).where(Customer.external_ref == "demo-1006").limit(1)
        thing = (await session.scalars(his)).one()
    before = {one.id for one in await visits(shop, "demo-1006")}
    await dmitry.says("Записаться", "book_appointment", value=f"asset:{thing.id}")
    await dmitry.presses("Обслуживание")
    await dmitry.presses(next(iter(dmitry.said[-1].buttons)))
    [booked] = [one for one in await visits(shop, "demo-1006") if one.id not in before]
    assert booked.asset_id == thing.id
    assert booked.note == f"{thing.title}: Записаться"


async def test_a_visit_is_cancelled_only_after_a_yes(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отмените запись", "cancel_appointment")
    assert "Отменить визит?" in await dmitry.says("2", "out_of_scope")
    assert "ждём вас" in await dmitry.says("нет", "deny")
    assert len(await visits(shop, "demo-1006")) == 2
    await dmitry.says("всё-таки отмените запись", "cancel_appointment")
    await dmitry.says("2", "out_of_scope")
    await dmitry.presses("Да, отменить визит")
    await dmitry.says("и другую отмените", "cancel_appointment")
    assert "Отменила визит" in await dmitry.presses("Да, отменить визит")
    assert await visits(shop, "demo-1006") == []
    assert "нет предстоящих визитов" in await dmitry.says("отмените запись", "cancel_appointment")


async def test_shortly_before_the_visit_people_help(chats: Open, shop: Database, clock: ManualClock) -> None:
    dmitry = await chats("demo-1006")
    visit, other = await visits(shop, "demo-1006")
    async with shop.write() as session:
        await session.execute(delete(Appointment).where(Appointment.id == other.id))
        soon = {"starts_at": clock.now() + timedelta(hours=1), "ends_at": clock.now() + timedelta(hours=2)}
        await session.execute(update(Appointment).where(Appointment.id == visit.id).values(**soon))
    for text, intent in (("перенести", "reschedule_appointment"), ("отменить", "cancel_appointment")):
        assert "совсем мало времени" in await dmitry.says(text, intent)
        assert "/human_agent" in dmitry.said[-1].buttons.values()
    assert len(await visits(shop, "demo-1006")) == 1


async def test_an_interruption_a_correction_and_a_change_of_mind(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    await maria.says("запишите на ремонт", "book_appointment")
    heard = await maria.says("а где мой заказ?", "track_order")
    assert "Заказ 1001" in heard
    assert "свободное время" in heard
    assert "Екатеринбург" in await maria.says("нет, в Екатеринбурге", "out_of_scope", city="Екатеринбург")
    assert "оставим это" in await maria.says("не надо, передумала", "out_of_scope")
    assert await visits(shop, "demo-1001") == []


async def test_a_stranger_is_asked_who_they_are_first(chats: Open) -> None:
    stranger: Chat = await chats()
    said = await stranger.ask("action_book_appointment", "запишите на ремонт", "book_appointment")
    assert said[-1].response == "utter_ask_contact"


async def test_when_the_calendar_cannot_be_read_she_says_so_and_the_question_stays_open(
    chats: Open, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    maria = await chats("demo-1001")
    await maria.says("запишите на ремонт", "book_appointment")

    async def break_down(*_: object, **__: object) -> None:
        raise OSError("disk")

    with monkeypatch.context() as broken:
        broken.setattr("crm_bridge.operations.visits.VisitOperations.book", break_down)
        assert "неполадка на нашей стороне" in await maria.presses("завтра, 10:00")
    assert await visits(shop, "demo-1001") == []
    assert "Записала вас" in await maria.says("завтра в 10", date="2026-11-21", time="10:00")
    assert len(await visits(shop, "demo-1001")) == 1


async def test_without_the_file_store_the_visit_still_stands(
    chats: Open, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(MediaStore, "save", full)
    maria = await chats("demo-1001")
    await maria.says("запишите на ремонт", "book_appointment")
    assert "Записала вас" in await maria.presses("завтра, 10:00")
    assert "attachment" not in maria.said[-1].custom
    assert len(await visits(shop, "demo-1001")) == 1
