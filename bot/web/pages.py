"""What all pages share: templates, static files, and headers that keep strangers' code out."""

from collections.abc import Awaitable, Callable

import aiohttp_jinja2
import jinja2
from aiohttp import hdrs, web
from jinja2.runtime import Context

from core import logs
from core.figures import figure
from core.settings import ROOT

log = logs.get("web")

WEB = ROOT / "bot/web"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SAFE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self'; "
        "script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def set_up(app: web.Application) -> None:
    """Give an application templates, `/static`, and safe headers."""
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        filters={"number": number},
    )
    app.router.add_get("/static/{path:.+}", _static)
    app.middlewares.append(_safe)


@jinja2.pass_context
def number(context: Context, value: float, pattern: str = "0.0") -> str:
    """A figure as people of the page's language write it: `{{ -0.2 | number("+0.0;-0.0") }}` is «−0,2»."""
    return figure(value, context["lang"], pattern)


@web.middleware
async def _safe(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    if not response.prepared:
        for name, value in SAFE_HEADERS.items():
            response.headers.setdefault(name, value)
    return response


async def _static(request: web.Request) -> web.StreamResponse:
    """A static file. The chat is embedded by other sites, so scripts may be read from anywhere."""
    folder = WEB / "static"
    path = (folder / request.match_info["path"]).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(
        path,
        headers={
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )
