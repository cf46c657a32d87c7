"""A customer sends photos and documents through the widget."""

import struct
import zlib
from typing import Any

from playwright.async_api import Locator, Page, expect

from .conftest import Visit, accessible
from .widget import field, lines, online
from .widget_server import Frame, WidgetServer


def picture(side: int = 40) -> bytes:
    """A blue square, as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x30\x60\xc0" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def photo(name: str = "чек.png") -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": picture()}


def uploads(server: WidgetServer) -> list[Frame]:
    """Messages with files that arrived, repeats included."""
    return [frame for frame in server.received if frame["type"] == "files"]


def clip(page: Page) -> Locator:
    return page.get_by_role("button", name="Приложить файл или фото")


def chosen(page: Page) -> Locator:
    return page.get_by_role("list", name="Приложенные файлы").get_by_role("listitem")


async def choose(page: Page, *files: dict[str, Any]) -> None:
    """Press the paper clip and choose files."""
    async with page.expect_file_chooser() as choosing:
        await clip(page).click()
    await (await choosing.value).set_files(list(files))


async def give(page: Page, event: str, *names: str) -> None:
    """Drop or paste files, as the browser would."""
    script = """([selector, event, names, bytes]) => {
        const data = new DataTransfer();
        const content = new Uint8Array(bytes);
        for (const name of names) data.items.add(new File([content], name, { type: "image/png" }));
        const target = document.querySelector("zabota-chat").shadowRoot.querySelector(selector);
        const all = { bubbles: true, cancelable: true, composed: true };
        all.clipboardData = all.dataTransfer = data;
        if (event === "paste") target.dispatchEvent(new ClipboardEvent("paste", all));
        else for (const kind of ["dragenter", "dragover", "drop"])
            target.dispatchEvent(new DragEvent(kind, all));
    }"""
    selector = "textarea" if event == "paste" else ".scroller"
    await page.evaluate(script, [selector, event, list(names), list(picture())])


async def test_a_photo_goes_out_with_words_and_is_seen_small(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await online(page)
    await choose(page, photo(), {"name": "счёт.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"})
    await expect(chosen(page)).to_contain_text(["чек.png", "счёт.pdf"])
    await field(page).fill("Вот чек")
    await field(page).press("Enter")
    await expect(chosen(page)).to_have_count(0)
    await expect(lines(page, "assistant")).to_have_text(["Получила"])
    await expect(lines(page, "customer")).to_have_count(1)
    await expect(lines(page, "customer").get_by_role("img", name="чек.png")).to_be_visible()
    await expect(lines(page, "customer").get_by_role("button", name="счёт.pdf")).to_be_visible()
    assert [(one["text"], one["names"]) for one in uploads(server)] == [("Вот чек", ["чек.png", "счёт.pdf"])]
    assert [data for _, data in server.files.values()] == [picture(), b"%PDF-1.7"]


async def test_another_visit_shows_the_photo_again(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await online(page)
    await choose(page, photo())
    await page.get_by_role("button", name="Отправить", exact=True).click()
    await expect(lines(page, "assistant")).to_have_text(["Получила"])
    await page.close()
    page = await visit(open="")
    await expect(lines(page, "customer").get_by_role("img", name="чек.png")).to_be_visible()


async def test_files_are_dropped_and_pasted_too(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await online(page)
    await give(page, "drop", "a.png", "b.png")
    await give(page, "paste", "c.png")
    await expect(chosen(page)).to_contain_text(["a.png", "b.png", "c.png"])
    await field(page).press("Enter")
    await server.until(lambda: [one["names"] for one in uploads(server)] == [["a.png", "b.png", "c.png"]])


async def test_what_was_chosen_can_be_taken_back_by_keyboard(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await online(page)
    await choose(page, photo("a.png"), photo("b.png"))
    await expect(clip(page)).to_be_focused()
    await page.get_by_role("button", name="Убрать файл a.png").press("Enter")
    await expect(chosen(page)).to_have_count(1)
    await expect(page.get_by_role("button", name="Убрать файл b.png")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(chosen(page)).to_have_count(0)
    await expect(clip(page)).to_be_focused()
    await expect(page.get_by_role("button", name="Отправить", exact=True)).to_be_disabled()


async def test_what_cannot_be_sent_is_said_at_once(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await online(page)
    large = {"name": "видео.mp4", "mimeType": "video/mp4", "buffer": b"0" * (10 * 2**20 + 1)}
    await choose(page, large)
    told = page.locator("zabota-chat").get_by_role("alert")
    await expect(told).to_contain_text("больше 10 МБ")
    await choose(page, *(photo(f"{n}.png") for n in range(6)))
    await expect(told).to_contain_text("не больше 5 файлов")
    await expect(chosen(page)).to_have_count(0)
    await choose(page, photo())
    await expect(told).to_have_count(0)


async def test_the_server_has_the_last_word(visit: Visit, server: WidgetServer) -> None:
    server.refusal = {"code": "bad_type", "text": "Такой файл принять не получится."}
    page = await visit(open="")
    await online(page)
    await choose(page, photo())
    await field(page).press("Enter")
    failed = page.locator("zabota-chat .customer .meta")
    await expect(failed).to_contain_text("Такой файл принять не получится.")
    await expect(failed.get_by_role("button", name="Отправить ещё раз")).to_have_count(0)
    await failed.get_by_role("button", name="Удалить").click()
    await expect(lines(page)).to_have_count(0)


async def test_an_upload_that_broke_off_is_sent_again_and_shown_once(
    visit: Visit, server: WidgetServer
) -> None:
    server.break_uploads = 1
    page = await visit(open="")
    await online(page)
    await choose(page, photo())
    await field(page).press("Enter")
    await server.until(lambda: len(uploads(server)) == 2)
    await expect(lines(page, "assistant")).to_have_text(["Получила"])
    await expect(lines(page, "customer")).to_have_count(1)
    await expect(page.locator("zabota-chat .customer .meta")).to_contain_text("Отправлено")
    assert len(server.files) == 1


async def test_how_far_it_is_can_be_seen_and_everything_reached(visit: Visit, server: WidgetServer) -> None:
    server.uploads.clear()
    page = await visit(open="")
    await online(page)
    await choose(page, photo(), photo("второй.png"))
    await accessible(page, "zabota-chat")
    await field(page).press("Enter")
    await expect(page.locator("zabota-chat progress")).to_be_visible()
    await accessible(page, "zabota-chat")
    server.uploads.set()
    await expect(page.locator("zabota-chat progress")).to_have_count(0)
    await expect(lines(page, "customer").get_by_role("img")).to_have_count(2)
    await accessible(page, "zabota-chat")


async def test_a_chosen_file_is_there_after_a_reload(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="")
    await online(page)
    await choose(page, photo(), photo("второй.png"))
    await page.get_by_role("button", name="Убрать файл второй.png").click()
    await field(page).fill("Вот чек")
    await page.reload()
    await online(page)
    await expect(chosen(page)).to_contain_text(["чек.png"])
    await expect(field(page)).to_have_value("Вот чек")
    await field(page).press("Enter")
    await expect(lines(page, "assistant")).to_have_text(["Получила"])
    assert [(one["text"], one["names"]) for one in uploads(server)] == [("Вот чек", ["чек.png"])]
    assert [data for _, data in server.files.values()] == [picture()]
    await page.reload()
    await online(page)
    await expect(chosen(page)).to_have_count(0)


async def test_a_file_on_its_way_is_sent_by_the_next_page(visit: Visit, server: WidgetServer) -> None:
    server.uploads.clear()  # it hangs on the way
    page = await visit(open="")
    await online(page)
    await choose(page, photo())
    await field(page).fill("Вот чек")
    await field(page).press("Enter")
    await expect(lines(page, "customer")).to_have_count(1)
    await page.wait_for_function(
        "Object.keys(localStorage).some((key) => key.includes('unacknowledged'))"
    )  # it is safe now
    await page.reload()
    server.uploads.set()
    await online(page)
    await expect(lines(page, "assistant")).to_have_text(["Получила"])
    await expect(lines(page, "customer")).to_have_count(1)
    await expect(lines(page, "customer").get_by_role("img", name="чек.png")).to_be_visible()
    assert len(server.files) == 1


async def test_somebody_else_does_not_see_what_was_chosen(visit: Visit, server: WidgetServer) -> None:
    page = await visit(open="", user_id="anna", user_hash="a")
    await online(page)
    await choose(page, photo())
    await expect(chosen(page)).to_have_count(1)
    await page.evaluate("document.querySelector('zabota-chat').setAttribute('user-id', 'boris')")
    await expect(chosen(page)).to_have_count(0)
