"""Zabota beside a real BottleCRM: `make crm-real`. Ends with 1 when the two do not end equal."""

import argparse
import asyncio
import json
import random
import socket
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

import yaml
from sqlalchemy.engine import make_url

from core.migrations import upgrade_async
from core.settings import ROOT
from tests.real.bottlecrm.ours import Ours
from tests.real.bottlecrm.product import ROLE, BottleCrm, postgresql, run_sql
from tests.real.bottlecrm.story import Story


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(folder: Path, crm: BottleCrm) -> Path:
    account = {
        "crm": {
            "kind": "bottlecrm",
            "address": crm.address,
            "token": crm.token,
            "webhook_secret": "hook",
            "currency": "RUB",
        },
        "sync": {"every_seconds": 5},
    }
    path = folder / "crm.yml"
    path.write_text(yaml.safe_dump({"accounts": {"shop": account}}))
    return path


async def run(arguments: argparse.Namespace) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="zabota-crm-") as name:
        folder = Path(name)
        async with postgresql(folder / "pg") as url:
            await run_sql(
                url, f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER", f"CREATE DATABASE {ROLE} OWNER {ROLE}"
            )
            crm = BottleCrm(unquote(str(make_url(url).query["host"])), folder, free_port())
            try:
                began = time.monotonic()
                await crm.set_up()
                await crm.start()
                print(f"BottleCRM is ready after {time.monotonic() - began:.0f} s", flush=True)
                return await tell(arguments, url, folder, crm)
            finally:
                await crm.close()


async def tell(arguments: argparse.Namespace, server: str, folder: Path, crm: BottleCrm) -> dict[str, str]:
    url = f"sqlite+aiosqlite:///{folder / 'zabota.db'}"
    if arguments.ours == "postgresql":
        await run_sql(server, "CREATE DATABASE zabota")
        url = make_url(server).set(database="zabota").render_as_string(hide_password=False)
    await upgrade_async(url)
    ours = Ours(url, write_config(folder, crm))
    story = Story(crm, ours, random.Random(arguments.seed))
    try:
        await ours.start()
        await story.everybody_meets(arguments.people, arguments.people, arguments.people // 4)
        await story.deals_are_copied()
        await story.edits_cross(arguments.rounds, arguments.edits, arguments.letters)
        await story.ends_equal()
        await story.cases_end_equal()
        await story.cases_come_back()
        await story.notes_come_back()
        await story.letters_came_once()
        await story.webhooks_are_told_apart()
        await story.deletions_are_found()
        await story.ends_equal()
        await story.cases_end_equal()
    finally:
        await ours.close()
    return story.figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", choices=("sqlite", "postgresql"), default="postgresql", help="our database")
    parser.add_argument("--people", type=int, default=100, help="on either side")
    parser.add_argument("--rounds", type=int, default=4, help="each side is killed once a round")
    parser.add_argument("--edits", type=int, default=40, help="on either side, in a round")
    parser.add_argument("--letters", type=int, default=8, help="tickets, and as many notes, in a round")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments))
    for name, value in figures.items():
        print(f"{name}: {value}")
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    told = {"arguments": vars(arguments), "figures": figures}
    (results / "crm-real.json").write_text(json.dumps(told, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
