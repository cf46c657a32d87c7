"""The processes of one installation, under the supervisor: `python -m bot.run`, after `zabota up`."""

import asyncio
import os
import sys

from bot.registry import Registry
from core.settings import ROOT, Settings
from core.supervisor import Program, Supervisor

CUSTOMERS_TO_TRY = "ZABOTA_CUSTOMERS_TO_TRY"  # what `zabota up` found out for the greeting
ENGINE_PYTHON = ROOT / ".venv-engine/bin/python"


def programs(settings: Settings) -> list[Program]:
    """Engine, actions, gateway. Secrets travel in the environment, never on a command line."""
    model = Registry(settings.models).live()
    if model is None:
        raise SystemExit("There is no trained model: run `make train`.")
    workdir = settings.var / "engine"
    workdir.mkdir(parents=True, exist_ok=True)
    actions = f"http://127.0.0.1:{settings.actions_port}"
    engine = {
        "ZABOTA_ENGINE_PORT": str(settings.engine_port),
        "ZABOTA_ENGINE_MODEL": str(model),
        "ZABOTA_ENGINE_SECRET": settings.engine_key.decode(),
        "ZABOTA_ENGINE_WORKDIR": str(workdir),
        "ZABOTA_ACTIONS_URL": f"{actions}/webhook",
        "ZABOTA_ACTIONS_SECRET": settings.actions_key.decode(),
    }
    engine_health = f"http://127.0.0.1:{settings.engine_port}/webhooks/zabota/health"
    return [
        Program("actions", [sys.executable, "-m", "actions.server"], health=f"{actions}/health"),
        Program("engine", [str(ENGINE_PYTHON), "-m", "bot.engine.launcher"], engine, engine_health),
        Program(
            "gateway",
            [sys.executable, "-m", "bot.web"],
            health=f"http://127.0.0.1:{settings.port}/health",
        ),
    ]


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
    asyncio.run(Supervisor(programs(settings)).run(greeting(settings)))


if __name__ == "__main__":
    main()
