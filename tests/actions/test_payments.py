"""Customers pay, and something goes wrong; they want papers. Told in both languages."""

import re
from datetime import timedelta

from sqlalchemy import select, text, update

from core.clock import ManualClock
from core.db import Database
from core.media import MediaStore
from core.settings import Settings
from crm_bridge.models import (
    Document,
    DocumentKind,
    Notice,
    Order,
    Payment,
    PaymentMethod,
    PaymentState,
    Ticket,
    TicketPriority,
)
from tests.actions.chat import read
from tests.actions.conftest import Open


async def payments(shop: Database, number: str, *states: PaymentState, apart: int = 5) -> None:
    """Give an order these payments by card, minutes apart, instead of those it had."""
    async with shop.write() as session:
        order = (await session.scalars(select(Order).where(Order.number == number))).one()
        for old in await session.scalars(select(Payment).where(Payment.order_id == order.id)):
            await session.delete(old)
        for at, state in enumerate(states):
            session.add(
                Payment(
                    order_id=order.id,
                    method=PaymentMethod.CARD,
                    last_four="4417",
                    state=state,
                    amount_minor=order.total_minor,
                    currency=order.currency,
                    created_at=order.placed_at + timedelta(minutes=at * apart),
                )
            )


async def last_case(shop: Database) -> Ticket:
    async with shop.read() as session:
        return (await session.scalars(select(Ticket).order_by(Ticket.id.desc()).limit(1))).one()


async def count_cases(shop: Database) -> int:
    async with shop.read() as session:
        return len((await session.scalars(select(Ticket.id))).all())


async def test_a_stranger_hears_how_to_pay(chats: Open) -> None:
    stranger = await chats()
    heard = await stranger.says("как можно оплатить", "payment_methods")
    assert "• банковская карта" in heard
    assert "крипто" not in heard
    assert "Криптовалюту мы не принимаем" in await stranger.says("криптой берете?)", "payment_methods")
    assert "четыре равных платежа" in await stranger.says("есть рассрочка?", "payment_methods")
    english = await chats(language="en")
    assert "in cash or by card" in await english.says("can I pay cash?", "payment_methods")


async def test_a_declined_payment_is_seen_and_can_be_made_again(chats: Open, shop: Database) -> None:
    await payments(shop, "1008", PaymentState.FAILED)
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("не проходит оплата заказа 1008", "payment_issue", order_id="1008")
    assert "отклонил банк" in heard
    assert "orders/1008/pay" in heard
    assert "•••• 4417" in heard
    assert dmitry.form is None


async def test_charged_twice_is_seen_and_becomes_a_case(chats: Open, shop: Database) -> None:
    await payments(shop, "1008", PaymentState.PAID, PaymentState.PAID)
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("деньги списали дважды", "payment_issue")
    assert "О каком заказе" in heard
    heard = await dmitry.presses("1008")
    assert "больше денег, чем он стоит" in heard
    case = await last_case(shop)
    assert case.number in heard
    assert case.priority is TicketPriority.HIGH
    assert "4417" in case.text


async def test_one_charge_is_told_truthfully_and_checked_if_wanted(chats: Open, shop: Database) -> None:
    await payments(shop, "1003", PaymentState.PAID)
    before = await count_cases(shop)
    james = await chats("demo-1003", "en")
    heard = await james.says("I was charged twice for order 1003", "payment_issue", order_id="1003")
    assert "I do not see a second charge" in heard
    assert "in a few days" in await james.says("no", "deny")
    assert await count_cases(shop) == before
    await james.says("I was charged twice for order 1003", "payment_issue", order_id="1003")
    heard = await james.presses("please check")
    assert (await last_case(shop)).number in heard
    assert await count_cases(shop) == before + 1


async def test_paid_but_not_credited(chats: Open, shop: Database) -> None:
    await payments(shop, "1008", PaymentState.PENDING)
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("оплатил, а заказ висит неоплаченным", "payment_issue", order_id="1008")
    assert "ещё не подтвердил" in heard
    assert "сумму, день списания" in heard
    heard = await dmitry.says("вчера, 3 490 рублей картой", "out_of_scope")
    case = await last_case(shop)
    assert case.number in heard
    assert "вчера, 3 490 рублей картой" in case.text


async def test_what_is_credited_is_said_to_be(chats: Open, shop: Database) -> None:
    await payments(shop, "1008", PaymentState.FAILED, PaymentState.PAID)
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("деньги ушли, а заказ не оплачен", "payment_issue", order_id="1008")
    assert "оплачен, платить ещё раз не нужно" in heard
    assert dmitry.form is None


async def test_an_unknown_charge_is_looked_for_by_people(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("неизвестное списание от вашего магазина", "payment_issue")
    await dmitry.says("500 рублей позавчера", "out_of_scope")
    assert (await last_case(shop)).order_id is None


async def test_the_same_answer_twice_opens_one_case(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("неизвестное списание", "payment_issue")
    before, slots, form = await count_cases(shop), dict(dmitry.slots), dmitry.form
    first = await dmitry.says("500 рублей позавчера", "out_of_scope", message_id="same")
    dmitry.slots, dmitry.form = slots, form
    assert await dmitry.says("500 рублей позавчера", "out_of_scope", message_id="same") == first
    assert await count_cases(shop) == before + 1


async def test_a_stranger_proves_who_they_are_and_need_not_repeat_it(chats: Open, shop: Database) -> None:
    stranger = await chats()
    await stranger.ask("action_payment_issue", "деньги списали дважды", "payment_issue")
    await stranger.answer("petr.volkov@example.com", "out_of_scope")
    async with shop.read() as session:
        sent = (await session.scalars(select(Notice.text).order_by(Notice.id.desc()).limit(1))).one()
    code = re.search(r"\d{6}", sent)
    assert code is not None
    heard = read(await stranger.answer(code[0], "out_of_scope"))
    assert "заказу 1002 больше денег" in heard
    assert (await last_case(shop)).number in heard


async def test_another_question_in_between(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    await dmitry.says("неизвестное списание", "payment_issue")
    heard = await dmitry.says("а как можно оплатить?", "payment_methods")
    assert "• банковская карта" in heard
    assert "сумму, день списания" in heard
    await dmitry.says("вчера 500 рублей", "out_of_scope")
    assert "вчера 500 рублей" in (await last_case(shop)).text


async def test_no_another_order(chats: Open, shop: Database) -> None:
    await payments(shop, "1008", PaymentState.PENDING)
    await payments(shop, "1006", PaymentState.PENDING)
    dmitry = await chats("demo-1006")
    await dmitry.says("оплатил 1008, а заказ не оплачен", "payment_issue", order_id="1008")
    assert "О каком заказе" in await dmitry.says("нет, другой заказ", "deny")
    assert "заказу 1006" in await dmitry.says("1006", "out_of_scope", order_id="1006")
    assert "оставим это" in await dmitry.says("не надо, разобрался", "out_of_scope")


async def test_when_something_cannot_be_read_the_customer_hears_the_truth(
    chats: Open, shop: Database
) -> None:
    dmitry = await chats("demo-1006")
    before = await count_cases(shop)
    async with shop.write() as session:
        await session.execute(text("ALTER TABLE loyalty_account RENAME TO gone"))
    heard = await dmitry.says("сколько у меня баллов", "loyalty_points")
    assert "неполадка на нашей стороне" in heard
    assert await count_cases(shop) == before


async def test_a_receipt_is_a_pdf_in_the_media_store(chats: Open, shop: Database, settings: Settings) -> None:
    await payments(shop, "1008", PaymentState.PAID)
    dmitry = await chats("demo-1006")
    await dmitry.says("пришлите чек за заказ 1008", "get_invoice", order_id="1008")
    attachment = dmitry.said[-1].custom["attachment"]
    assert attachment["name"] == "Чек Ч-1008.pdf"
    store = MediaStore("", settings.var / "media")
    assert (await store.read(attachment["key"])).data.startswith(b"%PDF")
    heard = await dmitry.says("дубликат чека 1008", "get_invoice", order_id="1008")
    assert "товарный чек" in heard
    async with shop.read() as session:
        order_id = await session.scalar(select(Order.id).where(Order.number == "1008"))
        stored = (await session.scalars(select(Document).where(Document.order_id == order_id))).all()
    assert [(one.kind, one.storage_key) for one in stored] == [(DocumentKind.RECEIPT, attachment["key"])]


async def test_without_a_payment_there_is_an_invoice_instead(chats: Open, shop: Database) -> None:
    await payments(shop, "1003", PaymentState.FAILED)
    james = await chats("demo-1003", "en")
    heard = await james.says("send me the receipt for order 1003", "get_invoice", order_id="1003")
    assert "there is no receipt" in heard
    heard = await james.presses("Invoice")
    assert "Here is the invoice for order 1003" in heard
    assert james.said[-1].custom["attachment"]["name"] == "Invoice I-1003.pdf"


async def test_papers_for_accountants_are_made_by_people(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    assert "ИНН организации" in await dmitry.says("вышлите закрывающие документы", "get_invoice")
    heard = await dmitry.says("УПД за октябрь, ООО «Ромашка», ИНН 7701234567", "get_invoice")
    assert "ООО «Ромашка»" in (await last_case(shop)).text
    assert (await last_case(shop)).number in heard


async def test_nobody_gets_the_receipt_of_somebody_else(chats: Open, shop: Database) -> None:
    dmitry = await chats("demo-1006")
    heard = await dmitry.says("чек за заказ 1001", "get_invoice", order_id="1001")
    assert "такого номера нет" in heard
    assert all("attachment" not in said.custom for said in dmitry.said)


async def test_promo_codes_say_what_they_give_or_why_they_fail(
    chats: Open, shop: Database, clock: ManualClock
) -> None:
    stranger = await chats()
    works = await stranger.says("промокод осень15", "promo_code", promo_code="ОСЕНЬ15")
    assert "действует: скидка 15 %" in works
    assert "от 5 000 ₽" in works.replace("\xa0", " ")
    assert "до 10 ноября" in await stranger.says("SALE20", "promo_code", promo_code="SALE20")
    assert "15 декабря" in await stranger.says("NEWYEAR2027?", "promo_code", promo_code="NEWYEAR2027")
    small = await stranger.says("ОСЕНЬ15 на 3000", "promo_code", promo_code="ОСЕНЬ15", amount="300000 RUB")
    assert "от 5 000 ₽" in small.replace("\xa0", " ")
    assert "Может быть, это WELCOME10" in await stranger.says("WELCOM10", "promo_code", promo_code="WELCOM10")
    assert "нет" in await stranger.says("FREE100", "promo_code", promo_code="FREE100")
    assert "WELCOME10" in await stranger.says("какие сейчас промокоды", "promo_code")
    assert "в корзине" in await stranger.says("куда вводить промокод", "promo_code")
    await stranger.says("промокод не работает", "promo_code")
    assert "действует: бесплатная доставка" in await stranger.says("dostavka", "out_of_scope")


async def test_a_promo_code_after_a_stumble(chats: Open) -> None:
    stranger = await chats()
    await stranger.says("не работает промокод", "promo_code")
    assert "скидка 10 %" in await stranger.says("ой, WELCOME10", "chitchat")
    assert "FREE100" in await stranger.says("ой, то есть FREE100", "out_of_scope")
    assert "скидка 10 %" in await (await chats()).says("Ой, welcome10!", "chitchat")
    english = await chats(language="en")
    await english.says("my promo code doesn't work", "promo_code")
    assert "10% off" in await english.says("oops, WELCOME10", "deny")
    said = await (await chats()).says("ой, AB12CD", "chitchat")  # nobody spoke of codes
    assert "AB12CD" not in said


async def test_promo_codes_look_at_what_a_known_customer_bought(chats: Open, shop: Database) -> None:
    async with shop.write() as session:
        await session.execute(update(Order).where(Order.number == "1009").values(promo_code="осень-15"))
    dmitry = await chats("demo-1006")
    assert "только для первого заказа" in await dmitry.says("WELCOME10", "promo_code", promo_code="WELCOME10")
    assert "уже воспользовались" in await dmitry.says("ОСЕНЬ15", "promo_code", promo_code="ОСЕНЬ15")
    james = await chats("demo-1003", "en")
    assert "first order" in await james.says("WELCOME10", "promo_code", promo_code="WELCOME10")


async def test_points_and_what_burns(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    heard = await maria.says("сколько у меня бонусов", "loyalty_points")
    assert "450 баллов" in heard
    assert "29 ноября сгорят 450 баллов" in heard
    assert "Уровень бронзовый: 3 %" in heard
    english = await chats("demo-1001", "en")
    assert "450 points" in await english.says("my points", "loyalty_points")


async def test_missing_points_are_looked_into(chats: Open, shop: Database) -> None:
    maria = await chats("demo-1001")
    heard = await maria.says("баллы не начислились за прошлую покупку", "loyalty_points")
    assert "Последние движения" in heard
    heard = await maria.presses("проверьте")
    assert (await last_case(shop)).number in heard
    before = await count_cases(shop)
    await maria.says("баллы не начислились", "loyalty_points")
    assert "не сойдётся" in await maria.says("нет", "deny")
    assert await count_cases(shop) == before
