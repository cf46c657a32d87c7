"""An engine that speaks the engine's protocol and knows one answer: a process to be killed."""

import argparse
import hashlib
import hmac
import json

from aiohttp import web

KEY = b"engine"


async def turn(request: web.Request) -> web.Response:
    raw = await request.read()
    signature = "sha256=" + hmac.new(KEY, raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, request.headers.get("X-Zabota-Signature", "")):
        return web.json_response({"error": {"code": "bad_signature"}}, status=401)
    asked = json.loads(raw)
    return web.json_response(
        {
            "message_id": asked["message_id"],
            "replies": [{"text": f"Ответ на {asked['text']}"}],
            "nlu": {"intent": {"name": "ask", "confidence": 0.9}, "ranking": [], "language": "ru"},
            "actions": [],
            "memory": {"last": asked["message_id"]},
            "repeated": False,
        }
    )


async def health(_request: web.Request) -> web.Response:
    return web.json_response({"model": "one-answer"})


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    app = web.Application()
    app.router.add_post("/webhooks/zabota/turn", turn)
    app.router.add_get("/webhooks/zabota/health", health)
    web.run_app(app, host="127.0.0.1", port=options.parse_args().port, print=None, access_log=None)
