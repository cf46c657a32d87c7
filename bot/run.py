"""The processes of one installation, under the supervisor: `python -m bot.run`, after `zabota up`.

`python -m bot.run NAME` is one of them alone, for another supervisor: see docs/scaling.md.
"""

import asyncio
import os
import sys

from bot.registry import Registry
from core.settings import ROOT, Settings
from core.supervisor import Program, Supervisor

CUSTOMERS_TO_TRY = "ZABOTA_CUSTOMERS_TO_TRY"  # what `zabota up` found out for the greeting
ENGINE_PYTHON = ROOT / ".venv-engine/bin/python"


def programs(settings: Settings) -> list[Program]:
    """Actions, engines, gateways, delivery. Secrets travel in the environment, never on a command line."""
    if settings.db_url.startswith("sqlite") and (settings.gateways > 1 or settings.deliveries):
        raise SystemExit("Several gateways or delivery processes need PostgreSQL: set ZABOTA_DATABASE_URL.")
    if Registry(settings.models, settings.models_key).live() is None:
        raise SystemExit("There is no trained model: run `make train`.")
    actions = f"http://127.0.0.1:{settings.actions_port}"
    engine = {
        "ZABOTA_ENGINE_MODEL": str(settings.models.resolve()),  # the live one of the registry
        "ZABOTA_MODELS_SECRET": settings.models_key.decode(),
        "ZABOTA_ENGINE_SECRET": settings.engine_key.decode(),
        "ZABOTA_ACTIONS_URL": f"{actions}/webhook",
        "ZABOTA_ACTIONS_SECRET": settings.actions_key.decode(),
    }
    return [
        Program("actions", [sys.executable, "-m", "actions.server"], health=f"{actions}/health"),
        *(_engine(settings, name, n, engine) for n, name in _named("engine", settings.engines)),
        *(_gateway(settings, name, n) for n, name in _named("gateway", settings.gateways)),
        *(_delivery(name) for _, name in _named("delivery", settings.deliveries)),
    ]


def _named(kind: str, count: int) -> list[tuple[int, str]]:
    return [(n, f"{kind}-{n + 1}" if count > 1 else kind) for n in range(count)]


def _engine(settings: Settings, name: str, number: int, env: dict[str, str]) -> Program:
    port, workdir = settings.engine_port + number, settings.var / name
    workdir.mkdir(parents=True, exist_ok=True)
    own = {"ZABOTA_ENGINE_PORT": str(port), "ZABOTA_ENGINE_WORKDIR": str(workdir)}
    health = f"http://127.0.0.1:{port}/webhooks/zabota/health"
    return Program(name, [str(ENGINE_PYTHON), "-m", "bot.engine.launcher"], env | own, health)


def _gateway(settings: Settings, name: str, number: int) -> Program:
    port = settings.port + number
    own = {"ZABOTA_PORT": str(port), "ZABOTA_PROCESS_NAME": name}
    own |= {"ZABOTA_PUBLIC_URL": settings.public_url} if settings.public_url else {}
    if settings.deliveries:
        own["ZABOTA_ROLES"] = '["turns"]'
    return Program(name, [sys.executable, "-m", "bot.web"], own, f"http://127.0.0.1:{port}/health")


def _delivery(name: str) -> Program:
    own = {"ZABOTA_ROLES": '["delivery"]', "ZABOTA_PROCESS_NAME": name}
    return Program(name, [sys.executable, "-m", "bot.gateway"], own)


def greeting(settings: Settings) -> str:
    """What `make run` prints when everything answers."""
    lines = ["", f"Zabota is running:  {settings.base_url}"]
    if settings.demo:
        lines += [
            f"  demo shop with the chat      {settings.base_url}/",
            f"  where one-time codes arrive  {settings.base_url}/demo/outbox",
            os.environ.get(CUSTOMERS_TO_TRY, ""),
        ]
    return "\n".join([*lines, "Ctrl-C ends it.", ""])


def main() -> None:
    settings = Settings()
    every = programs(settings)
    if len(sys.argv) == 1:
        asyncio.run(Supervisor(every).run(greeting(settings)))
        return
    known = {program.name: program for program in every}
    program = known.get(sys.argv[1])
    if program is None:
        raise SystemExit(f"There is no {sys.argv[1]} here. Known: {', '.join(known)}.")
    os.execve(program.command[0], list(program.command), {**os.environ, **program.env})  # noqa: S606


if __name__ == "__main__":
    main()
