"""`zabota chat`: talk to the assistant in the terminal, through the running gateway."""

import asyncio
import contextlib
import json
import secrets
import sys
from typing import Annotated, Any

import aiohttp
import typer
from rich.console import Console

from core.settings import Settings

console = Console(highlight=False)
LAST_LINES = 0.3  # seconds after the first line of an answer: an answer may have several
NAMES = {"assistant": "Zabota", "agent": "Agent", "system": "—"}


def chat(
    language: Annotated[str, typer.Option(help="Language of the first greeting: ru or en.")] = "ru",
    as_json: Annotated[bool, typer.Option("--json", help="Print every frame as a line of JSON.")] = False,
) -> None:
    """Talk to the assistant. A number presses the button of that number; Ctrl-D ends."""
    try:
        asyncio.run(_Talk(Settings().base_url, language, as_json).run())
    except aiohttp.ClientConnectionError:
        console.print("The gateway does not answer. Start it with `make run`.", style="red")
        raise typer.Exit(1) from None


class _Talk:
    def __init__(self, base: str, language: str, as_json: bool) -> None:
        self._base = base
        self._language = language
        self._as_json = as_json
        self._buttons: list[dict[str, str]] = []
        self._answered = asyncio.Event()

    async def run(self) -> None:
        async with aiohttp.ClientSession(self._base) as http:
            async with http.post("/chat/v1/session", json={"language": self._language}) as response:
                response.raise_for_status()
                session = await response.json()
            async with http.ws_connect("/chat/v1/ws") as ws:
                await ws.send_json({"type": "hello", "visitor": session["visitor"], "after": 0})
                reading = asyncio.create_task(self._show(ws))
                await self._type(ws)
                await asyncio.sleep(LAST_LINES)
                reading.cancel()

    async def _type(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        while line := await asyncio.to_thread(self._prompt):
            if not line.strip():
                continue
            self._answered.clear()
            await ws.send_json(self._frame(line.strip()))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._answered.wait(), 60)
                await asyncio.sleep(LAST_LINES)

    def _prompt(self) -> str:
        if sys.stdin.isatty():
            print("> ", end="", flush=True)
        return sys.stdin.readline()

    def _frame(self, line: str) -> dict[str, Any]:
        client_id = secrets.token_hex(8)
        if line.isdigit() and 0 < int(line) <= len(self._buttons):
            button = self._buttons[int(line) - 1]
            return {"type": "press", "client_id": client_id, "press_id": button["id"]}
        return {"type": "text", "client_id": client_id, "text": line}

    async def _show(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        async for raw in ws:
            frame = json.loads(raw.data)
            if self._as_json:
                print(json.dumps(frame, ensure_ascii=False), flush=True)
            elif frame["type"] == "message" and frame["author"] != "customer":
                self._print(frame)
            elif frame["type"] == "refused":
                console.print(frame["text"], style="yellow")
            if frame["type"] == "refused" or (frame.get("author") in NAMES and frame["type"] == "message"):
                self._answered.set()

    def _print(self, frame: dict[str, Any]) -> None:
        console.print(f"[bold]{NAMES[frame['author']]}[/]  {frame['text']}")
        self._buttons = frame["buttons"] or self._buttons
        for number, button in enumerate(frame["buttons"], 1):
            console.print(f"   [cyan]{number}[/] {button['title']}")
