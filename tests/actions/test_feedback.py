"""Complaints, praise, reviews and ratings: what is said and what is stored."""

from datetime import datetime

from sqlalchemy import select

from core.clock import ManualClock
from core.db import Database
from crm_bridge.models import Customer, Rating, Review, TicketKind, TicketPriority
from tests.actions.conftest import Open
from tests.actions.test_technical import count, newest_case


async def reviews(shop: Database, ref: str) -> list[Review]:
    query = select(Review).join(Customer).where(Customer.external_ref == ref, Review.source == "chat")
    async with shop.read() as session:
        return list(await session.scalars(query))


async def ratings(shop: Database) -> list[Rating]:
    async with shop.read() as session:
        return list(await session.scalars(select(Rating)))


async def test_a_calm_complaint_becomes_a_case_with_an_honest_deadline(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    maria = await chats("demo-1001")
    assert "что случилось" in await maria.says("хочу пожаловаться", "complaint")
    said = await maria.says("курьер не позвонил и оставил посылку у соседей", "complaint")
    case = await newest_case(shop, "demo-1001")
    assert f"обращение {case.number}" in said
    assert (case.kind, case.priority) == (TicketKind.COMPLAINT, TicketPriority.NORMAL)
    assert case.text == "курьер не позвонил и оставил посылку у соседей"
    assert case.due_at == datetime.fromisoformat("2026-11-21T10:00:00+00:00")  # twelve working hours
    assert "завтра" in said
    assert not any(reply.custom for reply in maria.said)


async def test_an_upset_complaint_goes_to_a_person_at_once(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    maria.tone = -0.88
    said = await maria.says("ужасный сервис, вы все мошенники!", "complaint")
    case = await newest_case(shop, "demo-1001")
    assert case.priority is TicketPriority.HIGH
    assert case.number in said
    assert maria.said[-1].custom == {"handoff": {"reason": "complaint", "urgent": True}}
    assert maria.form is None


async def test_becoming_upset_while_telling_counts_too(chats: Open, shop: Database) -> None:
    james = await chats("demo-1003", "en")
    await james.says("a complaint", "complaint")
    james.tone = -0.9
    await james.says("your courier was disgusting and threw my box", "complaint")
    assert james.said[-1].custom == {"handoff": {"reason": "complaint", "urgent": True}}
    assert (await newest_case(shop, "demo-1003")).priority is TicketPriority.HIGH


async def test_a_strangers_complaint_is_for_a_person(chats: Open) -> None:
    stranger = await chats()
    assert "жаль" in await stranger.says("плохо работаете", "complaint")
    assert stranger.said[-1].custom == {"handoff": {"reason": "complaint"}}


async def test_a_complaint_can_be_taken_back(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    before = await count(shop)
    await maria.says("жалоба", "complaint")
    assert "оставим это" in await maria.says("не надо, забудьте", "deny")
    assert await count(shop) == before


async def test_kind_words_lead_to_a_review_that_is_published_only_with_consent(
    chats: Open, shop: Database
) -> None:
    dmitry = await chats("demo-1006")
    assert "оставить отзыв" in await dmitry.says("вы лучшие", "praise")
    assert "О чём будет отзыв" in await dmitry.says("да", "affirm")
    assert "Сколько звёзд" in await dmitry.presses("О магазине")
    assert "пару слов" in await dmitry.says("пять", "out_of_scope", rating="5")
    assert "опубликовать" in await dmitry.says("быстро и вежливо", "praise")
    assert "только наша команда" in await dmitry.presses("Нет, только для вас")
    [review] = await reviews(shop, "demo-1006")
    assert (review.stars, review.text, review.may_publish) == (5, "быстро и вежливо", False)
    assert review.subject == "Домовой"


async def test_a_bad_review_offers_a_case(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("хочу оставить отзыв", "leave_review", rating="1")
    await dmitry.presses("Увлажнитель")
    await dmitry.says("шумит и не парит", "complaint")
    assert "заведу обращение" in await dmitry.says("да", "affirm")
    [review] = await reviews(shop, "demo-1006")
    assert (review.stars, review.may_publish, review.order_id is not None) == (1, True, True)
    assert "что случилось" in await dmitry.says("да", "affirm")


async def test_a_review_needs_to_know_who_writes(chats: Open) -> None:
    stranger = await chats()
    said = await stranger.ask("action_leave_review", "отзыв", "leave_review")
    assert said[-1].response == "utter_ask_contact"


async def test_help_is_rated_once_with_or_without_words(chats: Open, shop: Database) -> None:
    maria, stranger = await chats("demo-1001"), await chats(language="en")
    assert "от 1 до 5" in await maria.says("", "rate_service")
    assert "добавить" in await maria.presses("★★★★★")
    before, form = dict(maria.slots), maria.form
    await maria.says("всё быстро", "praise", message_id="same")
    maria.slots, maria.form = before, form
    await maria.says("всё быстро", "praise", message_id="same")
    await stranger.says("", "rate_service", rating="2")
    assert "shall I call a person" in await stranger.presses("No comment")
    good, bad = await ratings(shop)
    assert (good.score, good.comment, good.conversation_id) == (5, "всё быстро", maria.id)
    assert good.customer_id is not None
    assert (bad.score, bad.comment, bad.customer_id) == (2, "", None)
    assert "called one of our staff" in await stranger.says("yes", "affirm")
