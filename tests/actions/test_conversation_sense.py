"""She greets with what matters, keeps several matters apart, and never leaves anybody at a dead end."""

from core.clock import ManualClock
from core.db import Database
from tests.actions.chat import ACTION_OF
from tests.actions.conftest import Open


async def test_a_known_customer_is_greeted_with_the_late_order_and_a_yes_tells_about_it(chats: Open) -> None:
    peter = await chats("demo-1002")
    said = await peter.says("привет", "greet")
    assert said.startswith("Здравствуйте, Пётр! Вижу, что заказ 1002 задерживается")
    assert "1002" in await peter.says("да", "affirm")


async def test_without_a_late_order_a_near_visit_is_worth_a_word(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    maria = await chats("demo-1001")
    await maria.says("на ремонт завтра в 10", "book_appointment", date="2026-11-21", time="10:00")
    await maria.presses("завтра, 10:00")
    said = await maria.says("здравствуйте", "greet")
    assert "Напоминаю о визите: завтра в 10:00, Казань, ул. Баумана, 44" in said
    assert "свободное время" in await maria.says("да", "affirm")


async def test_an_open_case_is_named_when_nothing_is_more_urgent(chats: Open) -> None:
    maria = await chats("demo-1001")
    await maria.says("курьер не позвонил перед приездом", "complaint")
    said = await maria.says("привет", "greet")
    assert "Ваше обращение «курьер не позвонил перед приездом» сейчас в работе" in said


async def test_a_stranger_is_greeted_with_what_can_be_done(chats: Open) -> None:
    stranger = await chats(language="en")
    assert (await stranger.says("hi", "greet")).startswith("Hello! I am Zabota")
    assert stranger.said[-1].buttons


async def test_the_second_inquiry_of_a_message_is_served_after_the_first(chats: Open) -> None:
    maria = await chats("demo-1001")
    maria.inquiries = [("запишите на ремонт", "book_appointment"), ("и где магазин", "store_info")]
    assert "свободное время" in await maria.says("запишите на ремонт и где магазин", "book_appointment")
    maria.inquiries = []
    said = await maria.presses("завтра, 10:00")
    assert "Записала вас" in said
    assert "Теперь другой ваш вопрос: «Адреса и часы работы»." in said
    assert "Казань, ул. Баумана, 44" in said


async def test_thanks_in_a_matter_goes_on_and_goodbye_ends_it(chats: Open) -> None:
    maria = await chats("demo-1001")
    await maria.says("запишите на ремонт", "book_appointment")
    said = await maria.says("спасибо", "thanks")
    assert said.startswith("Пожалуйста!")
    assert "свободное время" in said
    said = await maria.says("до свидания", "goodbye")
    assert "Мы не закончили: «Записаться на визит»" in said
    assert maria.form is None


async def test_a_thumb_is_a_yes_and_a_thumb_down_a_no(chats: Open) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("отменить заказ 1008", "cancel_order", order_id="1008")
    assert "остаётся в силе" in await dmitry.says("👎", "out_of_scope")
    await dmitry.says("отменить заказ 1008", "cancel_order", order_id="1008")
    assert "отменён" in await dmitry.says("👍", "out_of_scope")


async def test_messages_without_words_are_met_and_cost_no_patience(chats: Open) -> None:
    chat = await chats()
    assert "Рада помочь" in await chat.says("❤️", "out_of_scope")
    assert "что-то не так" in await chat.says("😡", "out_of_scope")
    assert "/human_agent" in chat.said[-1].buttons.values()
    assert "Я здесь" in await chat.says("???", "out_of_scope")
    assert not chat.slots.get("misunderstood")


async def test_a_question_outside_the_intents_is_answered_with_its_source(chats: Open) -> None:
    chat = await chats(language="en")
    said = await chat.says("do you offer gift wrapping", "out_of_scope")
    assert "heavy paper with a ribbon" in said
    assert 'Source: "Gift wrapping"' in said
    assert chat.slots["misunderstood"] == 0
    await chat.says("who won the game last night", "out_of_scope", ranking=[("out_of_scope", 0.9)])
    assert chat.said[-1].response == "utter_out_of_scope"


async def test_a_known_fault_that_was_not_recognised_still_gets_its_steps(chats: Open) -> None:
    chat = await chats()
    assert "Шаг 1 из 3" in await chat.says("утюг чего-то капает", "out_of_scope")


async def test_the_help_pages_answer_in_the_middle_of_a_matter(chats: Open) -> None:
    maria = await chats("demo-1001")
    await maria.says("запишите на ремонт", "book_appointment")
    said = await maria.says("а есть подарочная упаковка?", "out_of_scope")
    assert "Источник: «Подарочная упаковка»" in said
    assert "свободное время" in said


async def test_what_she_says_she_can_do_is_what_she_does(chats: Open) -> None:
    """Every intent that is a matter has a dialogue of its own."""
    chat = await chats()
    assert "возврат, обмен" in await chat.says("что ты умеешь", "capabilities")
    talk = {"action_small_talk", "action_greet", "action_affirm", "action_bot_challenge", "action_clarify"}
    for intent, action in ACTION_OF.items():
        assert action == f"action_{intent}" or action in talk or "answer" in action or intent in BUTTONS, (
            intent
        )


BUTTONS = {"resend_code", "change_contact"}


async def test_a_doubtful_intent_gives_way_to_the_help_pages_and_a_sure_one_does_not(chats: Open) -> None:
    chat = await chats()
    text = "при курьере коробку открыть разрешат?"
    doubtful = await chat.says(text, "refund_policy", ranking=[("refund_policy", 0.4)])
    assert "Источник: «Как принять заказ у двери»" in doubtful
    sure = await chat.says(text, "refund_policy", ranking=[("refund_policy", 0.9)])
    assert "Источник" not in sure


async def test_question_marks_alone_begin_no_matter(chats: Open) -> None:
    chat = await chats()
    assert "Я здесь" in await chat.says("???", "payment_methods", ranking=[("payment_methods", 0.3)])


async def test_a_question_about_a_manual_is_no_fault(chats: Open) -> None:
    chat = await chats(language="en")
    said = await chat.says("where can I download the blender manual", "technical_problem")
    assert "domovoy.example/manuals" in said
    assert chat.form is None
