"""A customer writes a phone number or an e-mail address in their own way."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_bridge.contacts import Contact, read_contact
from crm_bridge.models import ContactKind, NoticeChannel


@pytest.mark.parametrize(
    "written",
    [
        "+79000001001",
        "89000001001",
        "9000001001",
        "8 (900) 000-10-01",
        "+7 900 000 10 01",
        "+7-900-000-10-01",
        "7 900 000 10 01",
        "мой телефон 8 900 000 10 01, спасибо!",
        "٨٩٠٠٠٠٠١٠٠١",
        "+7\u00a0900\u00a0000\u00a010\u00a001",
        "+7 (900) 000–10–01",
        "+7 900 000-10-01 или 8 900 000 10 01",
    ],
)
def test_a_russian_phone(written: str) -> None:
    assert read_contact(written) == Contact(ContactKind.PHONE, "+79000001001")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("+44 7700 900123", "+447700900123"),
        ("+1 (212) 555-0142", "+12125550142"),
        ("+49 1512 3456789", "+4915123456789"),
    ],
)
def test_a_foreign_phone(written: str, stored: str) -> None:
    assert read_contact(written) == Contact(ContactKind.PHONE, stored)


def test_a_phone_without_country_code_is_of_the_companys_country() -> None:
    assert read_contact("(212) 555-0142", region="US") == Contact(ContactKind.PHONE, "+12125550142")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Maria.Sokolova@Example.COM", "maria.sokolova@example.com"),
        ("почта <maria+shop@example.com>.", "maria+shop@example.com"),
        ("мария@почта.рф", "мария@почта.рф"),
        ("пишите на m@a-b.co.uk, жду", "m@a-b.co.uk"),
        ("maria@example.com.", "maria@example.com"),
        ("a@xn--80a1acny.xn--p1ai", "a@xn--80a1acny.xn--p1ai"),
        ("mailto:maria@example.com", "maria@example.com"),
    ],
)
def test_an_email(written: str, stored: str) -> None:
    assert read_contact(written) == Contact(ContactKind.EMAIL, stored)


@pytest.mark.parametrize(
    "written",
    ["", "1001", "заказ 1001", "не скажу", "maria@", "@example.com", "maria@localhost", "a@b.c1", "a@b.co1",
     ".@example.com", "..@a.ru", "123456", "+7 900", "a@example.com b@example.com", "\x00", "/restart",
     "89000001001 и 89000001002", "😀" * 300],
)  # fmt: skip
def test_what_is_no_contact_or_more_than_one(written: str) -> None:
    assert read_contact(written) is None


def test_masks_hide_the_middle_and_name_the_way() -> None:
    phone, email = read_contact("89000001001"), read_contact("maria.sokolova@example.com")
    assert phone is not None
    assert (phone.masked, phone.channel) == ("+7•••01", NoticeChannel.SMS)
    assert email is not None
    assert (email.masked, email.channel) == ("m•••@example.com", NoticeChannel.EMAIL)


@settings(deadline=None)
@given(
    st.integers(min_value=9_000_000_000, max_value=9_999_999_999),
    st.sampled_from(["+7", "8", "7", "+7 ", "8 ", "8-"]),
    st.sampled_from(["", " ", "-", "\u00a0"]),
)
def test_every_grouping_of_one_number_is_the_same_contact(number: int, prefix: str, gap: str) -> None:
    digits = str(number)
    written = prefix + gap.join((digits[:3], digits[3:6], digits[6:8], digits[8:]))
    assert read_contact(written) == Contact(ContactKind.PHONE, f"+7{digits}")


@settings(deadline=None)
@given(st.text(max_size=600))
def test_no_text_breaks_the_reader_and_what_it_reads_is_stable(text: str) -> None:
    contact = read_contact(text)
    if contact is not None:
        assert read_contact(contact.value) == contact


@pytest.mark.parametrize("hostile", ["a" * 10**6, "a@" + "a." * 10**5, "1 " * 10**6, "a@a-" + "-a" * 10**5])
def test_a_huge_text_costs_nothing(hostile: str) -> None:
    started = time.process_time()  # not the clock on the wall: others work on this machine, too
    read_contact(hostile)
    assert time.process_time() - started < 2
