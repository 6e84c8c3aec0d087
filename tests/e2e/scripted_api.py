"""
A Messages API on loopback that answers by a scenario, and remembers what it answered: the truth about the session.

What comes next is read from the request alone: the last thing in it that this API knows (the result of a call that it
asked for, a prompt of the script, a background agent's report) says where in the script the conversation stands. So a
request that is repeated gets the same place, and a resumed session goes on where it was.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenario import Call, Scenario, Script

TURN_IS_OVER = "/scripted/turn-is-over"
"""Where the session's process POSTs the prompt of a turn that has its result."""

_REPORT = "<task-notification>"
_HELD_S_MAX = 20
_AUXILIARY = "Scripted."  # to whatever the client asks beside the conversation, as a title


class Usage(NamedTuple):
    """Tokens of one answer."""

    input: int
    output: int
    cache_read: int
    cache_creation: int


@dataclass(frozen=True)
class Answer:
    """One request that was answered with 200."""

    request_id: str
    model: str
    usage: Usage
    text: str
    calls: tuple[tuple[str, Call], ...]
    """With their tool use ids."""
    script: Script | None
    """None: to an agent's report, or beside the conversation."""


class _Place(NamedTuple):
    """A conversation stands before the n-th batch of calls of a script, or before its answer."""

    script: Script
    batch_index: int


class ScriptedApi:
    """Serves one scenario to one session; `answers` and `errors_count` tell what was served."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.answers: list[Answer] = []
        self.errors_count = 0
        self.unknown: list[str] = []
        """Conversations that the script has no answer to: the end of each."""
        self._lock = threading.Lock()
        self._called: dict[str, _Place] = {}
        self._outages: dict[tuple[int, int], int] = {}  # scripts by identity: they hold what cannot be hashed
        self._over = {script.prompt: threading.Event() for script in scenario.scripts}
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="scripted-api", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def tool_uses(self) -> dict[str, Call]:
        """Return every call that was asked for, by its id."""
        return {tool_use_id: call for answer in self.answers for tool_use_id, call in answer.calls}

    def answer(self, body: bytes) -> Answer | int:
        """Return the next answer of the conversation, or the status of the error that is due."""
        request = json.loads(body)
        place = self._place(request["messages"]) if request.get("tools") else _AUXILIARY
        if place is None:
            self.unknown.append(json.dumps(request["messages"])[-2000:])
            return 400
        if isinstance(place, _Place):
            self._hold_agent(place.script)
        with self._lock:
            if isinstance(place, _Place) and (status := self._outage(place)):
                self.errors_count += 1
                return status
            answer = self._say(request["model"], place)
            self.answers.append(answer)
        return answer

    def turn_is_over(self, prompt: str) -> None:
        """The SDK has the result of a turn: an agent that it left in the background may go on."""
        if prompt in self._over:
            self._over[prompt].set()

    def _place(self, messages: list[dict[str, Any]]) -> _Place | str | None:
        """Return where the conversation stands; `_REPORT` if an agent reported back last, None if nothing is known."""
        for kind, value in _known_last_first(messages):
            if kind == "result" and value in self._called:
                script, batch_index = self._called[value]
                return _Place(script, batch_index + 1)
            if kind == "text" and (found := self._prompt_in(value)):
                return found
        return None

    def _prompt_in(self, text: str) -> _Place | str | None:
        prompts: list[tuple[int, _Place | str]] = [(text.rfind(_REPORT), _REPORT)]
        scripts = [*self.scenario.scripts, *self.scenario.agents]
        prompts += [(text.rfind(script.prompt), _Place(script, 0)) for script in scripts]
        at, place = max(prompts, key=lambda found: found[0])
        return place if at >= 0 else None

    def _hold_agent(self, agent: Script) -> None:
        # An agent in the background that is done before its turn is may report inside that turn; this one is slower.
        for script in self.scenario.scripts:
            if any(call.agent is agent for batch in script.batches for call in batch):
                assert self._over[script.prompt].wait(_HELD_S_MAX), "the turn that started the agent has no end"

    def _outage(self, place: _Place) -> int:
        outage = place.script.outage_before(place.batch_index)
        happened = self._outages.get(key := (id(place.script), place.batch_index), 0)
        if not outage or happened >= outage.times:
            return 0
        self._outages[key] = happened + 1
        return outage.status

    def _say(self, model: str, place: _Place | str) -> Answer:
        # No two answers cost the same, so no sum is right by chance.
        n = len(self.answers)
        usage = Usage(1000 + 13 * n, 40 + n, 5000 + 101 * n, 300 + 7 * n)
        request_id = f"req_{uuid.uuid4().hex[:24]}"
        if not isinstance(place, _Place):
            text = self.scenario.report_answer if place == _REPORT else _AUXILIARY
            return Answer(request_id, model, usage, text, (), None)
        script, batch_index = place
        if batch_index == len(script.batches):
            return Answer(request_id, model, usage, script.answer, (), script)
        calls = tuple((f"toolu_{uuid.uuid4().hex[:24]}", call) for call in script.batches[batch_index])
        self._called.update((tool_use_id, place) for tool_use_id, _ in calls)
        tools = " and ".join(call.tool for _, call in calls)
        return Answer(request_id, model, usage, f"Step {n}: {tools}.", calls, script)


def _known_last_first(messages: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield what the user's side said, the last first: `result` with a tool use id, or `text`."""
    for message in reversed(messages):
        if message["role"] != "user":
            continue
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in reversed(blocks):
            if block["type"] == "tool_result":
                yield "result", block["tool_use_id"]
            elif block["type"] == "text":
                yield "text", block["text"]


def _message(answer: Answer) -> dict[str, Any]:
    usage = {
        "input_tokens": answer.usage.input,
        "output_tokens": answer.usage.output,
        "cache_read_input_tokens": answer.usage.cache_read,
        "cache_creation_input_tokens": answer.usage.cache_creation,
    }
    content: list[dict[str, Any]] = [{"type": "text", "text": answer.text}]
    content += [{"type": "tool_use", "id": uid, "name": call.tool, "input": call.input} for uid, call in answer.calls]
    return {
        "id": f"msg_{answer.request_id[4:]}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": "tool_use" if answer.calls else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    usage = message["usage"]
    yield {
        "type": "message_start",
        "message": {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}},
    }
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            start, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": usage["output_tokens"]},
    }
    yield {"type": "message_stop"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: ScriptedApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_HEAD(self) -> None:
        self._reply(200, b"")

    def do_GET(self) -> None:
        self._reply(404, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if "count_tokens" in self.path:
            self._reply(200, b'{"input_tokens":100}')
            return
        api = self.server.api
        if self.path == TURN_IS_OVER:
            api.turn_is_over(body.decode())
            self._reply(200, b"{}")
            return
        answer = api.answer(body)
        if isinstance(answer, int):
            error = {"type": "error", "error": {"type": "overloaded_error", "message": "scripted"}}
            self._reply(answer, json.dumps(error).encode(), {"retry-after": "0"})
            return
        self._reply_with(answer, is_stream=bool(json.loads(body).get("stream")))

    def _reply_with(self, answer: Answer, *, is_stream: bool) -> None:
        message, headers = _message(answer), {"request-id": answer.request_id}
        if is_stream:
            events = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _events(message)]
            self._reply(200, "".join(events).encode(), {"content-type": "text/event-stream", **headers})
        else:
            self._reply(200, json.dumps(message).encode(), headers)

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
