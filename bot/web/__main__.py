"""Runs one gateway process, pages included."""

from aiohttp import web

from bot.web.app import make_app
from core import logs
from core.clock import SystemClock
from core.db import Database
from core.process import die_with_parent, make_loop
from core.settings import Settings


def main() -> None:
    die_with_parent()
    settings = Settings()
    logs.set_up(settings.log_format, settings.log_level, settings.process_name)
    app = make_app(settings, Database(settings.db_url), SystemClock())
    web.run_app(
        app,
        host=settings.host,
        port=settings.port,
        print=None,
        access_log=None,
        handler_cancellation=True,
        loop=make_loop(),
    )


if __name__ == "__main__":
    main()
