"""Files that people sent: kept once, typed by what they hold, on disk and in an S3-compatible store alike."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.media import MediaStore, NotThere, TooLarge, gather, sniff

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64


class Bucket:
    """What an S3-compatible store answers: objects by key, and only to signed requests."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def delete(self, request: web.Request) -> web.Response:
        """Several objects at once; their keys stand in an XML body."""
        keys = re.findall(r"<Key>([^<]+)</Key>", await request.text())
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{deleted}</DeleteResult>", content_type="application/xml")

    async def serve(self, request: web.Request) -> web.Response:
        if not request.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=key/"):
            return web.Response(status=403)
        key = request.match_info["key"]
        if request.method == "PUT":
            self.objects[key] = await request.read()
            return web.Response(headers={"ETag": '"1"'})
        if key not in self.objects:
            return web.Response(status=404)
        stamp = "Fri, 20 Nov 2026 09:00:00 GMT"
        return web.Response(body=self.objects[key], headers={"ETag": '"1"', "Last-Modified": stamp})


@pytest.fixture(params=["disk", "s3"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MediaStore]:
    if request.param == "disk":
        yield MediaStore("", tmp_path / "media")
        return
    bucket, app = Bucket(), web.Application(client_max_size=2**24)
    app.router.add_post("/files", bucket.delete)
    app.router.add_route("*", "/files/{key:.+}", bucket.serve)
    async with TestServer(app) as server:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "ru-1",
            "AWS_ENDPOINT": str(server.make_url("")).rstrip("/"),
            "AWS_ALLOW_HTTP": "true",
        }.items():
            monkeypatch.setenv(name, value)
        yield MediaStore("s3://files/zabota", tmp_path)
        assert all(key.startswith("zabota/") for key in bucket.objects)


async def test_a_file_comes_back_as_it_was_and_a_second_one_like_it_is_the_same(store: MediaStore) -> None:
    kept, again = await store.save(PNG), await store.save(PNG)
    assert kept.sha256 == again.sha256
    found = await store.read(kept.sha256)
    assert (found.data, found.type, found.size) == (PNG, "image/png", len(PNG))


async def test_what_was_deleted_is_gone(store: MediaStore) -> None:
    kept = await store.save(PNG)
    await store.delete(kept.sha256)
    await store.delete(kept.sha256)
    with pytest.raises(NotThere):
        await store.read(kept.sha256)


async def test_no_path_gets_in_through_a_hash(store: MediaStore) -> None:
    for hostile in ("../../etc/passwd", "a" * 63, "A" * 64, "." * 64):
        with pytest.raises(NotThere):
            await store.read(hostile)


@pytest.mark.parametrize(
    ("data", "type_"),
    [
        (PNG, "image/png"),
        (b"%PDF-1.7\n", "application/pdf"),
        ("Накладная".encode(), "text/plain"),
        (b"<html><script>alert(1)</script>", "text/plain"),
        (b"<svg onload=alert(1)>", "text/plain"),
        (b"\x00\x01\x02\xff", "application/octet-stream"),
    ],
)
def test_the_type_is_what_the_content_shows(data: bytes, type_: str) -> None:
    assert sniff(data) == type_


async def test_a_file_without_end_is_refused_on_the_way() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    with pytest.raises(TooLarge):
        await gather(endless(), 10_000)
