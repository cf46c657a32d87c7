"""A customer's files are seen by those they concern, and are gone when the person is erased."""

import pytest

from bot.channels.inbound import FileKind
from bot.cli.privacy import stores
from core.media import NotThere, record, sweep
from crm_bridge import privacy
from crm_bridge.models import Customer, Proof
from tests.gateway.conftest import Running, ScriptedEngine, Tab

PHOTO = b"\xff\xd8\xff\xe0" + b"\x00" * 100


async def sends_photo(running: Running, tab: Tab, data: bytes = PHOTO, name: str = "чек.jpg") -> str:
    """A photo on the visitor's last message; its id."""
    gateway = running.gateway
    await tab.write("вот чек")
    own = await tab.hear("customer")
    content = await gateway.media.save(data)
    async with gateway.db.write() as session:
        return await gateway.attachments.attach(session, own["id"], content, FileKind.PHOTO, name)


async def fetch(running: Running, visitor: str, file: str) -> tuple[int, dict[str, str], bytes]:
    headers = {"Authorization": f"Bearer {visitor}"}
    async with running.http.get(f"{running.base}/chat/v1/files/{file}", headers=headers) as response:
        return response.status, dict(response.headers), await response.read()


async def test_a_visitor_sees_their_own_file_and_nobody_elses(running: Running) -> None:
    maria, pyotr = await running.visit(), await running.visit()
    photo = await sends_photo(running, maria)
    status, headers, data = await fetch(running, maria.visitor, photo)
    assert (status, data) == (200, PHOTO)
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert (await fetch(running, pyotr.visitor, photo))[0] == 404
    assert (await fetch(running, "guessed-guessed-guessed-guessed-guessed-gue", photo))[0] == 401


async def test_a_page_that_calls_itself_a_photo_does_not_run_as_ours(running: Running) -> None:
    maria = await running.visit()
    page = await sends_photo(running, maria, b"<html><script>alert(1)</script>", "photo.jpg")
    _, headers, _ = await fetch(running, maria.visitor, page)
    assert headers["Content-Type"] == "text/plain"
    assert headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in headers["Content-Security-Policy"]


async def test_erasure_reaches_the_files_and_spares_what_others_sent_too(running: Running) -> None:
    gateway = running.gateway
    maria, pyotr = await running.visit(), await running.visit()
    only_hers = await gateway.media.save(PHOTO + b"1")
    await sends_photo(running, maria, PHOTO + b"1")
    await sends_photo(running, maria)
    shared = await sends_photo(running, pyotr)
    visitor = await gateway.visitors.find(maria.visitor)
    assert visitor is not None
    now = gateway.clock.now()
    async with gateway.db.write() as session:
        customer = Customer(given_name="Мария", family_name="С.", language="ru", time_zone="UTC")
        customer.created_at = customer.updated_at = now
        session.add(customer)
        await session.flush()
        await gateway.identities.link(session, visitor.identity_id, customer.id, Proof.SIGNED_USER)
    await privacy.erase(gateway.db, gateway.clock, stores(), customer.id, by="test")
    assert await sweep(gateway.db, gateway.clock, gateway.media) == 1
    with pytest.raises(NotThere):
        await gateway.media.read(only_hers.sha256)
    assert (await fetch(running, pyotr.visitor, shared))[0] == 200


async def test_a_document_of_ours_comes_with_the_line_that_speaks_of_it(
    running: Running, engine: ScriptedEngine
) -> None:
    gateway = running.gateway
    content = await gateway.media.save(b"%PDF-1.7 a receipt")
    async with gateway.db.write() as session:
        await record(session, content, gateway.clock.now())
    given = {"key": content.sha256, "name": "Чек 1001.pdf", "type": content.type}
    engine.script = lambda turn: [{"text": "Вот чек.", "custom": {"attachment": given}}]
    tab = await running.visit()
    await tab.write("пришлите чек")
    [file] = (await tab.hear())["files"]
    assert (file["name"], file["type"], file["size"]) == ("Чек 1001.pdf", "application/pdf", content.size)

    async def fetch(visitor: str) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {visitor}"}
        async with running.http.get(f"{running.base}/chat/v1/files/{file['id']}", headers=headers) as answer:
            return answer.status, await answer.read()

    assert await fetch(tab.visitor) == (200, b"%PDF-1.7 a receipt")
    assert (await fetch((await running.visit()).visitor))[0] == 404


async def test_a_line_whose_file_is_not_there_is_said_without_it(
    running: Running, engine: ScriptedEngine
) -> None:
    missing = {"key": "0" * 64, "name": "x.pdf", "type": "application/pdf"}
    engine.script = lambda turn: [{"text": "Вот чек.", "custom": {"attachment": missing}}]
    tab = await running.visit()
    await tab.write("пришлите чек")
    assert "files" not in await tab.hear()
