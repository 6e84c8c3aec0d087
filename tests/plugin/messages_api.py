"""A Messages API on loopback: one call of a tool, then one sentence, whatever is asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

ANSWER = "All is well."
COMMAND = "echo out of the shell"
_USAGE = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}


class MessagesApi:
    """`requests` counts what was asked of the model."""

    def __init__(self) -> None:
        self.requests = 0
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def blocks(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        self.requests += 1
        is_answered = '"tool_result"' in json.dumps(request["messages"])
        if is_answered or not request.get("tools"):
            return [{"type": "text", "text": ANSWER}]
        call = {"command": COMMAND, "description": "Say something"}
        return [{"type": "tool_use", "id": "toolu_scripted", "name": "Bash", "input": call}]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: MessagesApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_HEAD(self) -> None:
        self._reply(b"", "application/json")

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        if "count_tokens" in self.path:
            self._reply(b'{"input_tokens": 10}', "application/json")
            return
        blocks = self.server.api.blocks(request)
        stop = "tool_use" if blocks[0]["type"] == "tool_use" else "end_turn"
        message = {
            "id": f"msg_{self.server.api.requests}", "type": "message", "role": "assistant", "model": request["model"],
            "content": blocks, "stop_reason": stop, "stop_sequence": None, "usage": _USAGE,
        }  # fmt: skip
        if not request.get("stream"):
            self._reply(json.dumps(message).encode(), "application/json")
            return
        events = [{"type": "message_start", "message": message | {"content": [], "stop_reason": None}}]
        for index, block in enumerate(blocks):
            is_text = block["type"] == "text"
            start = block | ({"text": ""} if is_text else {"input": {}})
            delta = (
                {"type": "text_delta", "text": block["text"]}
                if is_text
                else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            )
            events += [
                {"type": "content_block_start", "index": index, "content_block": start},
                {"type": "content_block_delta", "index": index, "delta": delta},
                {"type": "content_block_stop", "index": index},
            ]
        ends = {"stop_reason": stop, "stop_sequence": None}
        events += [{"type": "message_delta", "delta": ends, "usage": _USAGE}, {"type": "message_stop"}]
        stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        self._reply(stream.encode(), "text/event-stream")

    def _reply(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
