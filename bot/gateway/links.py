"""One-time keys for links into a messenger, asked for by the company's own site: `POST /links/v1/start-key`.

The site's server names its signed-in user and proves it as it does for the web chat, with `user_hash`.
"""

import json
from typing import Any

from aiohttp import web
from sqlalchemy import func, select

from core.db import Database
from crm_bridge.identity import check_user_hash
from crm_bridge.models import Customer
from crm_bridge.start_keys import KEY_LIVES, StartKeys


class StartLinks:
    """The route."""

    def __init__(self, db: Database, keys: StartKeys, site_key: bytes) -> None:
        self._db = db
        self._keys = keys
        self._site_key = site_key

    def add_to(self, app: web.Application) -> None:
        app.router.add_post("/links/v1/start-key", self.issue)

    async def issue(self, request: web.Request) -> web.Response:
        """`{"user_id", "user_hash"}` → `{"key", "seconds"}`"""
        asked = _read(await request.read())
        user_id, user_hash = asked.get("user_id"), asked.get("user_hash")
        if not isinstance(user_id, str) or not isinstance(user_hash, str):
            raise web.HTTPBadRequest
        if not check_user_hash(self._site_key, user_id, user_hash):
            raise web.HTTPForbidden
        meant = select(func.coalesce(Customer.merged_into_id, Customer.id))
        async with self._db.write() as session:
            customer_id = await session.scalar(meant.where(Customer.external_ref == user_id))
            if customer_id is None:
                raise web.HTTPNotFound
            key = await self._keys.issue(session, customer_id)
        return web.json_response({"key": key, "seconds": int(KEY_LIVES.total_seconds())})


def _read(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
