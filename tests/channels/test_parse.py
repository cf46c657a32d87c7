"""What providers push, and what happened by it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels import max, sms, telegram, viber, vk, whatsapp
from bot.channels.inbound import (
    Attachment,
    Blocked,
    ButtonPress,
    Content,
    Edited,
    FileKind,
    Files,
    Inbound,
    Location,
    Origin,
    Receipt,
    ReceiptState,
    SharedContact,
    Start,
    Stop,
    Text,
    Unblocked,
    content_of,
)
from tests.fakes.messengers import Heard, Messengers

fakes = Messengers()
PHOTO = [{"file_id": "s", "width": 90}, {"file_id": "L", "width": 1280, "file_size": 9}]


def parsed(name: str, event: Any) -> list[Inbound]:
    body = fakes.all[name].body(event)
    match name:
        case "telegram":
            return telegram.parse(body, "shop")
        case "max":
            return max.parse(body, "shop")
        case "vk":
            return vk.parse(body, "shop")
        case "whatsapp":
            return whatsapp.parse(body, "shop", "1122334455667")
        case "viber":
            return viber.parse(body, "shop")
    return sms.parse(body, "shop")


def content(name: str, event: Any) -> Content | None:
    events = parsed(name, event)
    assert len(events) <= 1
    for each in events:
        assert each.channel == name
        assert each.account == "shop"
        assert each.sender == PEOPLE[name].id
        assert 0 < len(each.event_id) <= 160
        assert content_of(json.loads(json.dumps(each.as_json()))) == each.content
        assert Origin.of(each.as_json().get("origin")) == each.origin
    return events[0].content if events else None


PEOPLE = {
    "telegram": fakes.telegram.person("42"),
    "max": fakes.max.person("42"),
    "vk": fakes.vk.person("2042"),
    "whatsapp": fakes.whatsapp.person("79161234567"),
    "viber": fakes.viber.person("01234567890A="),
    "sms": fakes.sms.person("+79161234567"),
}


def tg(**message: Any) -> Any:
    return fakes.telegram.update(message=fakes.telegram.message(PEOPLE["telegram"], **message))


def mx(*attachments: Any, text: str | None = None) -> Any:
    return fakes.max.message_event(PEOPLE["max"], text=text, attachments=list(attachments))


def wa(kind: str, what: Any) -> Any:
    return fakes.whatsapp.message_event(PEOPLE["whatsapp"], kind, what)


def vb(**message: Any) -> Any:
    return fakes.viber.message_event(PEOPLE["viber"], **message)


def v(**message: Any) -> Any:
    return fakes.vk.message_event(PEOPLE["vk"], **message)


VCARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Мария\r\nTEL;TYPE=cell:+79161234567\r\nEND:VCARD"

EVENTS: list[tuple[str, Any, Content | None]] = [
    ("telegram", tg(text=" Где мой заказ?\u202e "), Text("Где мой заказ?")),
    ("telegram", tg(text="/start b3JkZXItMTAwMQ"), Start("b3JkZXItMTAwMQ")),
    ("telegram", tg(text="/start"), Start()),
    ("telegram", tg(text="/help"), Text("/help")),
    ("telegram", tg(text="СТОП"), Stop("СТОП")),
    ("telegram", tg(text="стоп, не надо"), Text("стоп, не надо")),
    ("telegram", tg(photo=PHOTO, caption="вот"), Files((Attachment(FileKind.PHOTO, "L", size=9),), "вот")),
    ("telegram", tg(voice={"file_id": "v", "mime_type": "audio/ogg"}),
     Files((Attachment(FileKind.VOICE, "v", type="audio/ogg"),))),
    ("telegram", tg(document={"file_id": "d", "file_name": "чек.pdf"}),
     Files((Attachment(FileKind.DOCUMENT, "d", "чек.pdf"),))),
    ("telegram", tg(sticker={"file_id": "s", "emoji": "👍"}), Text("👍")),
    ("telegram", tg(location={"latitude": 55.75, "longitude": 37.61}), Location(55.75, 37.61)),
    ("telegram", tg(location={"latitude": 1e9, "longitude": 37.61}), None),
    ("telegram", tg(contact={"phone_number": "7916", "user_id": 42}), SharedContact("7916", own=True)),
    ("telegram", tg(contact={"phone_number": "7916", "user_id": 43}), SharedContact("7916", own=False)),
    ("telegram", tg(contact={"phone_number": "7916"}), SharedContact("7916", own=False)),
    ("telegram", tg(dice={"value": 3}), None),
    ("telegram", tg(text="в группе", chat={"id": 42, "type": "group"}), None),
    ("telegram", fakes.telegram.member_event(PEOPLE["telegram"], "kicked"), Blocked()),
    ("telegram", fakes.telegram.member_event(PEOPLE["telegram"], "member"), Unblocked()),
    ("telegram", fakes.telegram.update(poll={"id": "1"}), None),
    ("max", mx(text="Где заказ?"), Text("Где заказ?")),
    ("max", mx({"type": "image", "payload": {"url": "https://i.oneme.ru/x", "token": "t"}}, text="вот"),
     Files((Attachment(FileKind.PHOTO, "https://i.oneme.ru/x"),), "вот")),
    ("max", mx({"type": "file", "payload": {"url": "https://f/x"}, "filename": "a.pdf", "size": 5}),
     Files((Attachment(FileKind.DOCUMENT, "https://f/x", "a.pdf", size=5),))),
    ("max", mx({"type": "location", "latitude": 55.75, "longitude": 37.61}), Location(55.75, 37.61)),
    ("max", mx({"type": "contact", "payload": {"vcf_info": VCARD, "max_info": {"user_id": 42}}}),
     SharedContact("+79161234567", own=False)),
    ("max", mx({"type": "sticker", "payload": {"code": "x"}}), None),
    ("max", fakes.max.dialog_event(PEOPLE["max"], "bot_started", "key"), Start("key")),
    ("max", fakes.max.dialog_event(PEOPLE["max"], "bot_started"), Start()),
    ("max", fakes.max.dialog_event(PEOPLE["max"], "bot_stopped"), Blocked()),
    ("max", fakes.max.dialog_event(PEOPLE["max"], "bot_added"), None),
    ("vk", v(text="Где мой заказ?"), Text("Где мой заказ?")),
    ("vk", v(text="Начать", payload='{"command":"start"}', ref="promo1"), Start("promo1")),
    ("vk", v(text="Да", payload='{"press":"abc"}'), ButtonPress("abc")),
    ("vk", v(text="Да", payload="[1"), Text("Да")),
    ("vk", v(text="извне", out=1), None),
    ("vk", v(text="в беседе", peer_id=2000000001), None),
    ("vk", v(geo={"type": "point", "coordinates": {"latitude": 55.75, "longitude": 37.61}}),
     Location(55.75, 37.61)),
    ("vk", v(attachments=[{"type": "photo", "photo": {"sizes": [{"url": "https://u/s", "width": 1},
                                                               {"url": "https://u/L", "width": 9}]}}]),
     Files((Attachment(FileKind.PHOTO, "https://u/L"),))),
    ("vk", v(attachments=[{"type": "audio_message", "audio_message": {"link_ogg": "https://u/v"}}]),
     Files((Attachment(FileKind.VOICE, "https://u/v", type="audio/ogg"),))),
    ("vk", v(attachments=[{"type": "wall", "wall": {}}], text="смотрите"), Text("смотрите")),
    ("vk", fakes.vk.event("message_deny", {"user_id": 2042}), Blocked()),
    ("vk", fakes.vk.event("message_allow", {"user_id": 2042, "key": "site"}), Unblocked()),
    ("vk", fakes.vk.event("message_edit", {"id": 7, "from_id": 2042, "peer_id": 2042, "text": "нет, 1002"}),
     Edited("7", "нет, 1002")),
    ("vk", fakes.vk.event("message_read", {"from_id": 2042, "peer_id": 2042, "read_message_id": 8}),
     Receipt("8", ReceiptState.READ, up_to=True)),
    ("vk", fakes.vk.event("message_typing_state", {"from_id": 2042}), None),
    ("whatsapp", wa("text", {"body": "Где заказ?"}), Text("Где заказ?")),
    ("whatsapp", wa("image", {"id": "1", "mime_type": "image/jpeg", "caption": "вот"}),
     Files((Attachment(FileKind.PHOTO, "1", type="image/jpeg"),), "вот")),
    ("whatsapp", wa("location", {"latitude": 55.75, "longitude": 37.61, "name": "Дом"}),
     Location(55.75, 37.61, "Дом")),
    ("whatsapp", wa("contacts", [{"phones": [{"phone": "+7 916"}]}]), SharedContact("+7 916", own=False)),
    ("whatsapp", wa("button", {"payload": "abc", "text": "Да"}), ButtonPress("abc")),
    ("whatsapp", wa("reaction", {"emoji": "👍"}), None),
    ("whatsapp", fakes.whatsapp.status_event(PEOPLE["whatsapp"], "wamid.O", "delivered",
                                             biz_opaque_callback_data="5512"),
     Receipt("wamid.O", ReceiptState.DELIVERED, key="5512")),
    ("whatsapp", fakes.whatsapp.status_event(PEOPLE["whatsapp"], "wamid.O", "failed",
                                             errors=[{"code": 131047}]),
     Receipt("wamid.O", ReceiptState.FAILED, "too_old")),
    ("whatsapp", fakes.whatsapp.status_event(PEOPLE["whatsapp"], "wamid.O", "deleted"), None),
    ("viber", vb(type="text", text="Привет"), Text("Привет")),
    ("viber", vb(type="text", text="press:0123456789abcdefgh"), ButtonPress("0123456789abcdefgh")),
    ("viber", vb(type="text", text="press: ничего"), Text("press: ничего")),
    ("viber", vb(type="picture", media="https://v/p", text="вот"),
     Files((Attachment(FileKind.PHOTO, "https://v/p"),), "вот")),
    ("viber", vb(type="location", location={"lat": 55.75, "lon": 37.61}), Location(55.75, 37.61)),
    ("viber", vb(type="contact", contact={"phone_number": "+7916"}), SharedContact("+7916", own=False)),
    ("viber", vb(type="sticker", sticker_id=1), None),
    ("viber", fakes.viber.event("subscribed", user={"id": "01234567890A="}), Unblocked()),
    ("viber", fakes.viber.event("unsubscribed", user_id="01234567890A="), Blocked()),
    ("viber", fakes.viber.event("conversation_started", user={"id": "01234567890A="}, context="k"),
     Start("k", greeted=True)),
    ("viber", fakes.viber.event("conversation_started", user={"id": "01234567890A="}, subscribed=True),
     Start()),
    ("viber", {"event": "seen", "message_token": 57, "user_id": "01234567890A="},
     Receipt("57", ReceiptState.READ)),
    ("viber", {"event": "failed", "message_token": 57, "user_id": "01234567890A=", "desc": "…"},
     Receipt("57", ReceiptState.FAILED)),
    ("viber", fakes.viber.event("webhook"), None),
    ("sms", {"id": "5512", "phone": "+79161234567", "status": "1"}, Receipt("5512", ReceiptState.DELIVERED)),
    ("sms", {"id": "5512", "phone": "+79161234567", "status": "20"},
     Receipt("5512", ReceiptState.FAILED, "dead_address")),
    ("sms", {"id": "5512", "phone": "+79161234567", "status": "-1"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "event", "expected"), EVENTS)
def test_every_kind_of_event(name: str, event: Any, expected: Content | None) -> None:
    assert content(name, event) == expected


def test_a_press_carries_what_its_provider_wants_acknowledged() -> None:
    fake, person = fakes.telegram, PEOPLE["telegram"]
    message = Heard(ref="11")
    pressed = content("telegram", fake.press_event(person, message, "Да", "abc"))
    assert isinstance(pressed, ButtonPress)
    assert pressed.press_id == "abc"
    assert pressed.callback
    again = content("max", fakes.max.press_event(PEOPLE["max"], message, "Да", "abc"))
    assert isinstance(again, ButtonPress)
    assert again.callback


def test_an_edit_names_the_message_it_changes() -> None:
    first = fakes.telegram.message(PEOPLE["telegram"], text="заказ 1010")
    (said,) = parsed("telegram", fakes.telegram.update(message=first))
    (edited,) = parsed("telegram", fakes.telegram.update(edited_message=first | {"text": "заказ 1001"}))
    assert said.origin
    assert edited.content == Edited(said.origin.ref, "заказ 1001")
    assert edited.event_id != said.event_id


def test_a_reply_names_what_it_answers() -> None:
    (said,) = parsed("telegram", tg(text="этот", reply_to_message={"message_id": 7}))
    assert said.origin
    assert said.origin.quotes == "7"


def test_max_has_no_event_ids_so_a_repeat_is_known_by_what_it_is_about() -> None:
    event = mx(text="Где заказ?")
    assert parsed("max", event) == parsed("max", event)
    assert parsed("max", event)[0].event_id != parsed("max", mx(text="Где заказ?"))[0].event_id


def test_many_whatsapp_events_in_one_request_and_those_of_another_number_are_left() -> None:
    mine, other = wa("text", {"body": "раз"}), wa("text", {"body": "два"})
    other["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "999"
    both = {"object": "whatsapp_business_account", "entry": mine["entry"] + other["entry"]}
    assert [each.content for each in parsed("whatsapp", both)] == [Text("раз")]


def test_a_whatsapp_user_without_a_number_is_known_by_the_user_id() -> None:
    event = wa("text", {"body": "раз"})
    message = event["entry"][0]["changes"][0]["value"]["messages"][0]
    del message["from"]
    message["from_user_id"] = "RU.1349"
    assert parsed("whatsapp", event)[0].sender == "RU.1349"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Any]:
    """A real event in which something was replaced by anything."""
    name, event, _ = draw(st.sampled_from([each for each in EVENTS if each[0] != "sms"]))
    event = json.loads(json.dumps(event))
    place = event
    for _ in range(draw(st.integers(0, 8))):
        inner = [k for k, v in place.items() if isinstance(v, dict)] if isinstance(place, dict) else []
        if not inner:
            break
        place = place[draw(st.sampled_from(inner))]
    if isinstance(place, dict) and place:
        place[draw(st.sampled_from(sorted(place)))] = draw(JSON)
    return name, event


@settings(max_examples=400)
@given(damaged())
def test_whatever_is_pushed_breaks_nothing(pushed: tuple[str, Any]) -> None:
    name, event = pushed
    for each in parsed(name, event):
        assert len(each.event_id) <= 160
        assert len(each.sender) <= 160
        assert content_of(json.loads(json.dumps(each.as_json()))) == each.content


@pytest.mark.parametrize("name", ["telegram", "max", "vk", "whatsapp", "viber"])
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"\xff\xfe", b"{", b"[" * 100_000, b'"text"', b"1e999"]
)
def test_bytes_that_are_no_event(name: str, body: bytes) -> None:
    parsers = {
        "telegram": lambda: telegram.parse(body, "shop"),
        "max": lambda: max.parse(body, "shop"),
        "vk": lambda: vk.parse(body, "shop"),
        "whatsapp": lambda: whatsapp.parse(body, "shop", "1"),
        "viber": lambda: viber.parse(body, "shop"),
    }
    assert parsers[name]() == []
