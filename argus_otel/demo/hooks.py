"""
A session of the made-up team -> the hooks that would have run in it -> its content spans, by the capture itself.

Source: recordings/*/hooks.jsonl: which hooks run, in which order, and what each is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_otel.capture.otlp import encode
from argus_otel.capture.records import content_records
from argus_otel.capture.settings import CaptureSettings
from argus_otel.demo.otlp import from_json
from argus_otel.demo.spans import traceparent
from argus_otel.demo.work import MS_NS, S_NS
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.demo.otlp import Request
    from argus_otel.demo.work import ApiCall, Session, ToolCall, Turn

    Run = tuple[int, dict[str, str], dict[str, Any]]
    """When a hook ran (ns since the epoch), its environment, and what it was told."""

_FULL = CaptureSettings()
_WEEK_NS = 7 * 86_400 * S_NS


def request(session: Session) -> Request:
    """Return the content spans of a session as one request."""
    files = _files(f"/home/dev/{session.member.repository}", session.started_at_ns)
    spans = [
        span
        for at_ns, env, told in _runs(session)
        for span in content_records(told, at_ns, env, _FULL, files.get, lambda folder: _below(files, folder))
    ]
    return from_json(Signal.TRACES, encode(spans))


def _files(project: str, at_ns: int) -> dict[str, bytes]:
    """Return what shapes the session; somebody changes it every week, the skill in the middle of one."""
    week, mid_week = at_ns // _WEEK_NS, (at_ns + _WEEK_NS // 2) // _WEEK_NS
    return {
        f"{project}/CLAUDE.md": f"Run the tests before you say done. Revision {week}.\n".encode(),
        f"{project}/.claude/skills/release-notes/SKILL.md": f"Newest first, one line each. Revision {mid_week}.\n".encode(),
    }


def _below(files: dict[str, bytes], folder: str) -> list[str]:
    return [path.removeprefix(f"{folder}/") for path in files if path.startswith(f"{folder}/")]


def _runs(session: Session) -> Iterator[Run]:
    project = f"/home/dev/{session.member.repository}"
    env = {
        "CLAUDE_CODE_ENTRYPOINT": "sdk-py" if session.surface == "agent-sdk" else "cli",
        "CLAUDE_PROJECT_DIR": project,
    }
    if session.surface == "agent-sdk":
        env["CLAUDE_AGENT_SDK_VERSION"] = "0.2.187"
    common = {"session_id": session.session_id, "cwd": project}
    yield session.started_at_ns, env, {**common, "hook_event_name": "SessionStart", "source": "startup"}
    for turn in session.turns:
        traced = {**env, "TRACEPARENT": traceparent(turn)} if session.surface == "agent-sdk" else env
        for at_ns, told in _runs_of_turn(turn):
            yield at_ns, traced, {**common, "prompt_id": turn.prompt_id, "permission_mode": "default", **told}
    yield session.ended_at_ns, env, {**common, "hook_event_name": "SessionEnd", "reason": "other"}


def _runs_of_turn(turn: Turn) -> Iterator[tuple[int, dict[str, Any]]]:
    yield turn.at_ns + 15 * MS_NS, {"hook_event_name": "UserPromptSubmit", "prompt": turn.prompt}
    for call in turn.calls:
        shown = {"message_id": call.message_id, "index": 0, "final": True, "delta": call.text}
        yield call.ended_at_ns - 20 * MS_NS, {"hook_event_name": "MessageDisplay", **shown}
        if call.tool:
            yield from _runs_of_tool(call, call.tool)
    stopped = {"stop_hook_active": False, "last_assistant_message": turn.calls[-1].text}
    yield turn.ended_at_ns + 10 * MS_NS, {"hook_event_name": "Stop", **stopped}


def _runs_of_tool(call: ApiCall, tool: ToolCall) -> Iterator[tuple[int, dict[str, Any]]]:
    told: dict[str, Any] = {"tool_name": tool.name, "tool_input": tool.input, "tool_use_id": tool.tool_use_id}
    if tool.name.startswith("mcp__"):
        told["mcp_server"] = {"name": tool.name.split("__")[1], "source": "project"}
    yield call.ended_at_ns + 20 * MS_NS, {"hook_event_name": "PreToolUse", **told}
    if tool.outcome == "rejected":
        return
    if tool.outcome == "success":
        result = {"hook_event_name": "PostToolUse", "tool_response": tool.response}
    else:
        result = {"hook_event_name": "PostToolUseFailure", "error": tool.output, "is_interrupt": False}
    yield call.returned_at_ns + 15 * MS_NS, {**result, **told, "duration_ms": tool.duration_ms}
