"""A visitor of the web chat sends files: what is taken, what is refused, and who hears of it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select

from bot.channels.inbound import FileKind
from bot.gateway import uploads
from bot.gateway.tables import Attachment
from core.media import MediaStore, sweep
from crm_bridge.models import Message, Owner
from tests.gateway.conftest import Running, ScriptedEngine, Tab

PHOTO = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
PDF = b"%PDF-1.7 a receipt"

Answer = tuple[int, dict[str, Any]]


async def send(
    running: Running,
    visitor: str,
    *files: tuple[str, bytes],
    text: str = "",
    client_id: str = "f1",
    **headers: str,
) -> Answer:
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    form.add_field("text", text)
    for name, data in files:
        form.add_field("file", data, filename=name, content_type="image/png")
    address = f"{running.base}/chat/v1/files?client_id={client_id}"
    given = {"Authorization": f"Bearer {visitor}"} | headers
    async with running.http.post(address, data=form, headers=given) as response:
        return response.status, await response.json()


async def kept(running: Running) -> Sequence[Attachment]:
    async with running.gateway.db.read() as session:
        return (await session.scalars(select(Attachment).order_by(Attachment.created_at))).all()


async def test_a_photo_without_a_word_reaches_the_dialogue_and_not_as_text(
    running: Running, engine: ScriptedEngine
) -> None:
    engine.script = lambda turn: [{"text": "Получила."}]
    maria = await running.visit()
    assert await send(running, maria.visitor, ("чек.png", PHOTO)) == (
        200,
        {"type": "ack", "client_id": "f1"},
    )
    own = await maria.hear("customer")
    assert (own["client_id"], own["text"]) == ("f1", "")
    [file] = own["files"]
    assert (file["name"], file["type"], file["size"]) == ("чек.png", "image/png", len(PHOTO))
    assert (await maria.hear())["text"] == "Получила."
    [asked] = engine.asked
    assert asked["press"] == {"intent": "send_file", "entities": {}}
    assert "text" not in asked
    [attachment] = await kept(running)
    told = {"key": attachment.sha256, "name": "чек.png", "type": "image/png"}
    assert asked["metadata"]["attachments"] == [told]
    assert attachment.kind == FileKind.PHOTO


async def test_words_go_with_their_files(running: Running, engine: ScriptedEngine) -> None:
    maria = await running.visit()
    await send(running, maria.visitor, ("a.png", PHOTO), ("b.pdf", PDF), text="вот фото и чек")
    assert (await maria.hear("customer"))["text"] == "вот фото и чек"
    await maria.hear()
    [asked] = engine.asked
    assert asked["text"] == "вот фото и чек"
    assert [each["type"] for each in asked["metadata"]["attachments"]] == ["image/png", "application/pdf"]


async def test_sent_twice_it_is_there_once(running: Running, engine: ScriptedEngine) -> None:
    maria = await running.visit()
    answers = [await send(running, maria.visitor, ("a.png", PHOTO)) for _ in range(3)]
    assert [status for status, _ in answers] == [200] * 3
    await maria.hear()
    assert len(engine.asked) == len(await kept(running)) == 1


async def test_others_do_not_see_it_and_cannot_claim_it(running: Running, engine: ScriptedEngine) -> None:
    maria, pyotr = await running.visit(), await running.visit()
    await send(running, maria.visitor, ("a.png", PHOTO))
    [file] = (await maria.hear("customer"))["files"]
    headers = {"Authorization": f"Bearer {pyotr.visitor}"}
    async with running.http.get(f"{running.base}/chat/v1/files/{file['id']}", headers=headers) as response:
        assert response.status == 404
    [attachment] = await kept(running)
    claimed = {"type": "files", "client_id": "x", "files": [{"id": file["id"], "file": attachment.sha256}]}
    await pyotr.ws.send_json(claimed)
    assert (await pyotr.frame("refused"))["code"] == "bad_frame"
    assert (await send(running, "guessed-guessed-guessed-guessed-guessed-gue", ("a.png", PHOTO)))[0] == 401
    await maria.hear()
    assert len(engine.asked) == 1


@pytest.mark.parametrize(
    ("files", "code", "status"),
    [
        ([("photo.png", b"MZ\x90\x00" + b"\0" * 200)], "bad_type", 415),
        ([("archive.png", b"PK\x03\x04" + b"\0" * 200)], "bad_type", 415),
        ([("empty.png", b"")], "empty_file", 400),
        ([], "empty_file", 400),
        ([(f"{n}.png", PHOTO) for n in range(6)], "too_many", 400),
        ([("large.png", PHOTO + b"\0" * uploads.FILE_LIMIT)], "too_large", 413),
        ([(f"{n}.png", PHOTO + b"\0" * (uploads.FILE_LIMIT - 200)) for n in range(3)], "too_large", 413),
    ],
)
async def test_what_cannot_be_taken_is_refused_in_words(
    running: Running, files: list[tuple[str, bytes]], code: str, status: int
) -> None:
    maria = await running.visit()
    given, frame = await send(running, maria.visitor, *files)
    assert (given, frame["code"], frame["client_id"]) == (status, code, "f1")
    assert len(frame["text"]) > 10
    assert await kept(running) == []


async def test_what_is_no_form_is_refused(running: Running) -> None:
    maria = await running.visit()
    headers = {"Authorization": f"Bearer {maria.visitor}"}
    address = f"{running.base}/chat/v1/files"
    for query, body, kind in (
        ("?client_id=a", b"{}", "application/json"),
        ("?client_id=a", b"nothing of the kind", "multipart/form-data; boundary=x"),
        ("?client_id=a", b"--x\r\n\r\n", "multipart/form-data"),
        ("?client_id=../../x", b"", "multipart/form-data; boundary=x"),
        ("", b"", "multipart/form-data; boundary=x"),
    ):
        given = headers | {"Content-Type": kind}
        async with running.http.post(address + query, data=body, headers=given) as response:
            assert response.status == 400, (query, body)
            assert (await response.json())["type"] == "refused"


async def test_a_name_is_only_a_name(running: Running) -> None:
    maria = await running.visit()
    await send(running, maria.visitor, ("../../etc/pass\u202ewd.png", PHOTO))
    [file] = (await maria.hear("customer"))["files"]
    assert file["name"] == "passwd.png"


async def test_too_many_uploads_must_wait(running: Running) -> None:
    maria = await running.visit()
    for n in range(10):
        assert (await send(running, maria.visitor, ("a.png", PHOTO), client_id=f"f{n}"))[0] == 200
    status, frame = await send(running, maria.visitor, ("a.png", PHOTO), client_id="one-more")
    assert (status, frame["code"], frame["client_id"]) == (429, "rate_limited", "one-more")


async def test_another_site_may_not_upload(running: Running) -> None:
    maria = await running.visit()
    form = aiohttp.FormData()
    form.add_field("file", PHOTO, filename="a.png")
    headers = {"Authorization": f"Bearer {maria.visitor}", "Origin": "https://elsewhere.example"}
    async with running.http.post(
        f"{running.base}/chat/v1/files?client_id=a", data=form, headers=headers
    ) as response:
        assert response.status == 403


async def test_while_people_own_the_dialogue_the_file_waits_for_them(
    running: Running, engine: ScriptedEngine
) -> None:
    maria = await running.visit()
    await maria.write("вопрос")
    await maria.hear()
    gateway = running.gateway
    async with gateway.db.write() as session:
        await gateway.ownership.to_queue(session, maria.conversation_id, 0)
    await send(running, maria.visitor, ("a.png", PHOTO))
    [file] = await _until_shown(maria)
    assert file["name"] == "a.png"
    assert len(engine.asked) == 1
    assert len(await kept(running)) == 1


async def _until_shown(tab: Tab) -> list[dict[str, Any]]:
    while not (frame := await tab.hear("customer")).get("files"):
        pass
    files: list[dict[str, Any]] = frame["files"]
    return files


async def test_a_voice_message_goes_to_people(running: Running, engine: ScriptedEngine) -> None:
    maria = await running.visit()
    await send(running, maria.visitor, ("voice.ogg", b"OggS" + b"\0" * 100))
    assert "передаю" in (await maria.hear())["text"].lower()
    assert (await maria.frame("owner"))["owner"] == Owner.QUEUE
    assert engine.asked == []


async def test_the_media_sweep_spares_what_a_message_holds(running: Running) -> None:
    maria = await running.visit()
    await send(running, maria.visitor, ("a.png", PHOTO))
    await maria.hear("customer")
    gateway = running.gateway
    assert await sweep(gateway.db, gateway.clock, gateway.media) == 0
    [attachment] = await kept(running)
    assert (await gateway.media.read(attachment.sha256)).data == PHOTO


async def test_an_upload_that_breaks_off_leaves_nothing(
    running: Running, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = asyncio.Event()

    async def save(self: MediaStore, data: bytes) -> None:
        saved.set()

    monkeypatch.setattr(MediaStore, "save", save)
    maria = await running.visit()
    host, port = running.base.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /chat/v1/files?client_id=a HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n"
        b"Authorization: Bearer " + maria.visitor.encode() + b"\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n\x89PNG'
    )
    await writer.drain()
    writer.close()
    await maria.write("привет")
    await maria.hear()
    assert not saved.is_set()
    assert len(engine.asked) == 1
    async with running.gateway.db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Message)) == 2
