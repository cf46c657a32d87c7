"""An engine that speaks the engine's protocol and knows one answer: a process to be killed.

It holds conversations in memory like the real one: what it does not know it asks for, and the same message
again gets the same answer.
"""

import argparse
import hashlib
import hmac
import json
from typing import Any

from aiohttp import web

KEY = b"engine"
ANSWERS: dict[str, dict[str, Any]] = {}  # by conversation and message


async def turn(request: web.Request) -> web.Response:
    raw = await request.read()
    signature = "sha256=" + hmac.new(KEY, raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, request.headers.get("X-Zabota-Signature", "")):
        return web.json_response({"error": {"code": "bad_signature"}}, status=401)
    asked = json.loads(raw)
    conversation, message, after = asked["conversation_id"], asked["message_id"], asked["after"]
    if answer := ANSWERS.get(f"{conversation}/{message}"):
        return web.json_response(answer | {"repeated": True})
    memory: dict[str, Any] = asked["memory"] or ANSWERS.get(f"{conversation}/{after}", {}).get("memory", {})
    if after and not memory:
        return web.json_response({"error": {"code": "unknown_conversation"}}, status=409)
    if after and memory["last"] != after:  # another turn's memory
        return web.json_response({"error": {"code": "bad_request"}}, status=400)
    answer = ANSWERS[f"{conversation}/{message}"] = {
        "message_id": message,
        "replies": [{"text": f"Ответ на {asked['text']}"}],
        "nlu": {"intent": {"name": "ask", "confidence": 0.9}, "ranking": [], "language": "ru"},
        "actions": [],
        "memory": {"last": message},
        "repeated": False,
    }
    return web.json_response(answer)


async def health(_request: web.Request) -> web.Response:
    return web.json_response({"model": "one-answer"})


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    app = web.Application()
    app.router.add_post("/webhooks/zabota/turn", turn)
    app.router.add_get("/webhooks/zabota/health", health)
    web.run_app(app, host="127.0.0.1", port=options.parse_args().port, print=None, access_log=None)
