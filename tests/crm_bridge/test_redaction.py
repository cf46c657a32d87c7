"""Nothing that tells who wrote a message is kept in the training inbox."""

import pytest

from crm_bridge.privacy.redaction import LIMIT, is_inn, is_snils, luhn, redact

PHONE, MAIL, CARD = "+7 900 000-00-00", "name@example.com", "0000 0000 0000 0000"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("позвоните мне 8 (916) 123-45-67 пожалуйста", f"позвоните мне {PHONE} пожалуйста"),
        ("мой номер +79161234567", f"мой номер {PHONE}"),
        ("номер 916 123 45 67, жду", f"номер {PHONE}, жду"),
        ("call me at +44 20 7946 0958", f"call me at {PHONE}"),
        ("call (415) 555-2671", f"call {PHONE}"),
        ("пишите на ivan.petrov+shop@mail.ru", f"пишите на {MAIL}"),
        ("почта ivan @ yandex.ru", f"почта {MAIL}"),
        ("телеграм @ivan_petrov", "телеграм @name"),
        ("списали с карты 4111 1111 1111 1111 дважды", f"списали с карты {CARD} дважды"),
        ("ИНН 7707083893", "ИНН 0000000000"),
        ("мой инн 500100732259", "мой инн 0000000000"),
        ("СНИЛС 112-233-445 95", "СНИЛС 000-000-000 00"),
        ("паспорт 4509 123456 выдан", "паспорт 0000 000000 выдан"),
        ("паспорт серии 45 09 № 123456", "паспорт серии 0000 000000"),
        ("45 09 123456 мои данные", "0000 000000 мои данные"),
        ("меня зовут Иван Петров, где заказ", "меня зовут Имя, где заказ"),
        ("меня зовут иван", "меня зовут Имя"),
        ("Это Мария Сидорова, перезвоните", "Это Имя, перезвоните"),
        ("для Иванова Петра Сергеевича заказ", "для Имя заказ"),
        ("смотрите https://ok.example/u/ivan?t=1 тут", "смотрите тут"),
    ],
)  # fmt: skip
def test_what_identifies_a_person_is_taken_out(written: str, kept: str) -> None:
    assert redact(written) == kept
    assert redact(kept) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("My name is John Smith and I need help", "My name is Name and I need help"),
        ("this is Anna Brown", "this is Name"),
        ("regards, Peter", "regards, Name"),
    ],
)
def test_english_names(written: str, kept: str) -> None:
    assert redact(written, language="en") == kept


@pytest.mark.parametrize(
    "written",
    [
        "где мой заказ 1001",
        "заказ 48213 от 12.10.2026 на 15 000 рублей",
        "трек RB123456785RU не находится",
        "хочу два кресла и 3 стула",
        "сменить имя в профиле",
        "I want to return 2 chairs for 1500",
        "Сбербанк списал деньги два раза",
        "заказ 1234567890 не пришёл",  # ten digits without an INN's control digit
    ],
)
def test_what_identifies_nobody_stays(written: str) -> None:
    assert redact(written) == written


def test_names_on_the_profile_go_in_every_case_of_the_word() -> None:
    assert redact("посылку для Марины получит Марина", ["Марина"]) == "посылку для Имя получит Имя"
    assert redact("пусть иван заберёт", ["Иван"]) == "пусть Имя заберёт"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<script>alert(1)</script>где заказ", "где заказ"),
        ("<b>где</b> <img src=x onerror=alert(1)>заказ", "где заказ"),
        ("где<!-- --> заказ\u200b\u202e\x00", "где заказ"),
        ("<script>alert(1)", ""),
        ("/restart", "restart"),
        ("цена < 1000 и > 500", "цена < 1000 и > 500"),
    ],
)
def test_markup_and_what_cannot_be_seen_is_taken_out(written: str, kept: str) -> None:
    assert redact(written) == kept


def test_an_endless_message_is_cut_at_a_word() -> None:
    cut = redact("слово " * 1000)
    assert len(cut) <= LIMIT
    assert cut.endswith("слово")


def test_control_digits() -> None:
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")
    assert is_inn("7707083893")
    assert not is_inn("7707083894")
    assert is_inn("500100732259")
    assert is_snils("112-233-445 95")
    assert not is_snils("112-233-445 96")
