"""
What one run of a hook says -> its records: one function per hook, in the order of a session.

A hook that repeats what others say (PostToolBatch; UserPromptExpansion, after the UserPromptSubmit of the same prompt) or
that no record is defined for says nothing here.

Source: argus_otel/demo/recordings/*/hooks.jsonl, and Claude Code's hooks reference where no recording has the hook.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture.content import EMPTY, Content, as_text, measure
from argus_otel.capture.hook import is_private_prompt
from argus_otel.capture.skills import files_hash, find_skill, list_nothing
from argus_otel.capture.versions import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from argus_otel.capture.otlp import AttributeValue
    from argus_otel.capture.redact import Rule
    from argus_otel.capture.settings import CaptureSettings
    from argus_otel.capture.skills import ListFiles, ReadFile

    Attributes = dict[str, AttributeValue | Content | None]
    """Of content its text is sent; None and the empty string are not."""

_COMMAND = re.compile(r"/(\S+)")
_MACHINE_PROMPT = "<task-notification>"
_LABEL = re.compile(r"[a-z0-9_.-]{1,64}", re.ASCII)
_WHOLE_MAX = 2**53  # the largest whole number that JavaScript counts to


class Hook(NamedTuple):
    """One run of a hook: what it was told, when, and what it may look at. The repr leaves all of it out."""

    input: Mapping[str, Any]
    at_ns: int
    env: Mapping[str, str]
    settings: CaptureSettings
    read_file: ReadFile
    list_files: ListFiles = list_nothing
    rules: Sequence[Rule] = ()

    def __repr__(self) -> str:
        return f"Hook({self.text('hook_event_name')})"

    def text(self, name: str) -> str:
        """Return a field that is a string, else the empty string."""
        value = self.input.get(name)
        return value if isinstance(value, str) else ""

    def measured(self, name: str) -> Content:
        """Return a field of any type as content."""
        value = self.input.get(name)
        return EMPTY if value is None else measure(value, self.settings, self.rules)

    @property
    def project(self) -> str:
        """Return the folder of the project; empty if it is not known."""
        return self.env.get("CLAUDE_PROJECT_DIR") or self.text("cwd")


class Record(NamedTuple):
    """One thing said. `key` is what makes the record itself; None if nothing but the moment does."""

    kind: str
    key: tuple[str, ...] | None
    attributes: Attributes
    content: Content = EMPTY
    duration_ms: int = 0

    def __repr__(self) -> str:
        return f"Record({self.kind})"


def records_of(hook: Hook) -> list[Record]:
    """Return what the hook says: nothing, one record, or two where a subagent stops with last words."""
    say = _SAYS.get(hook.text("hook_event_name"))
    return say(hook) if say else []


def _session_start(hook: Hook) -> list[Record]:
    about: Attributes = {"argus.start.source": hook.text("source"), "argus.cwd": hook.measured("cwd")}
    found = versions(hook.project, hook.read_file, hook.list_files)
    about.update({f"argus.version.{name}": version for name, version in found.hashes.items()})
    about["argus.versions.left_out"] = found.left_out or None
    return [Record("session_start", None, about)]


def _user_prompt(hook: Hook) -> list[Record]:
    prompt = hook.text("prompt")
    key = _key(hook.text("prompt_id"))
    if is_private_prompt(prompt):
        return [Record("private", key, {})]
    content = hook.measured("prompt")
    about: Attributes = {
        "argus.prompt.is_human": not prompt.startswith(_MACHINE_PROMPT),
        "gen_ai.input.messages": _message("user", content),
    }
    command = _COMMAND.match(prompt)
    if command:
        # A skill that its user typed fires no tool hook; a command that is built in has no file.
        skill = _skill(hook, command.group(1))
        about.update(skill if "argus.skill.hash" in skill else {})
    return [Record("user_prompt", key, about, content)]


def _tool_call(hook: Hook) -> list[Record]:
    content = hook.measured("tool_input")
    about = {**_tool(hook), "gen_ai.tool.call.arguments": content}
    return [Record("tool_call", _key(hook.text("tool_use_id")), about, content)]


def _tool_result(hook: Hook) -> list[Record]:
    # The input stays on the tool call: it is often the larger half, and a lost PreToolUse is rarer than a large Write.
    is_success = hook.text("hook_event_name") == "PostToolUse"
    content = hook.measured("tool_response" if is_success else "error")
    duration_ms = _whole(hook.input.get("duration_ms"))
    is_interrupt = hook.input.get("is_interrupt")
    about: Attributes = {
        **_tool(hook),
        "argus.tool.success": is_success,
        "argus.tool.duration_ms": duration_ms,
        "argus.tool.is_interrupt": is_interrupt if isinstance(is_interrupt, bool) else None,
        "gen_ai.tool.call.result" if is_success else "argus.tool.error": content,
    }
    return [Record("tool_result", _key(hook.text("tool_use_id")), about, content, duration_ms or 0)]


def _permission(hook: Hook) -> list[Record]:
    # A request has no tool_use_id, and the same call may be asked for twice.
    content = hook.measured("tool_input")
    about = {
        **_tool(hook),
        "argus.permission.input": content,
        "argus.permission.reason": hook.measured("reason"),
    }
    key = _key(hook.text("hook_event_name"), hook.text("tool_use_id"))
    return [Record("permission", key, about, content)]


def _message_display(hook: Hook) -> list[Record]:
    # A message that is streamed comes as pieces, numbered from 0; only one that is whole in one piece is a message
    # here. What was streamed last is told by Stop.
    if hook.input.get("final") is not True or hook.input.get("index"):
        return []
    about: Attributes = {
        "argus.message.id": hook.text("message_id"),
        "argus.message.index": _whole(hook.input.get("index")),
    }
    key = _key("display", hook.text("message_id"))
    return _assistant_message(hook.measured("delta"), key, about)


def _stop(hook: Hook) -> list[Record]:
    # No hook numbers the last words; a transcript knows them by the same prompt, agent and text.
    content = hook.measured("last_assistant_message")
    prompt_id = hook.text("prompt_id")
    key = ("stop", prompt_id, hook.text("agent_id"), content.fingerprint) if prompt_id else None
    return _assistant_message(content, key, {})


def _assistant_message(content: Content, key: tuple[str, ...] | None, about: Attributes) -> list[Record]:
    if not content.bytes:
        return []
    said = {**about, "gen_ai.output.messages": _message("assistant", content, finish_reason="stop")}
    return [Record("assistant_message", key, said, content)]


def _subagent_start(hook: Hook) -> list[Record]:
    return [Record("subagent_start", _agent_key(hook), {})]


def _subagent_stop(hook: Hook) -> list[Record]:
    return [Record("subagent_stop", _agent_key(hook), {}), *_stop(hook)]


def _agent_key(hook: Hook) -> tuple[str, ...] | None:
    # A subagent may be woken again by a later prompt.
    agent_id = hook.text("agent_id")
    return (agent_id, hook.text("prompt_id")) if agent_id else None


def _compaction(hook: Hook) -> list[Record]:
    is_done = hook.text("hook_event_name") == "PostCompact"
    content = hook.measured("compact_summary" if is_done else "custom_instructions")
    key = "argus.compaction.summary" if is_done else "argus.compaction.instructions"
    return [Record("compaction", None, {"trigger": hook.text("trigger"), key: content}, content)]


def _notification(hook: Hook) -> list[Record]:
    content = hook.measured("message")
    about: Attributes = {
        "argus.notification.type": hook.text("notification_type"),
        "argus.notification.title": hook.measured("title"),
        "argus.notification.message": content,
    }
    return [Record("notification", None, about, content)]


def _stop_failure(hook: Hook) -> list[Record]:
    # The words of an API error are the client's, not the assistant's.
    content = hook.measured("last_assistant_message" if hook.text("last_assistant_message") else "error_details")
    error = hook.text("error")
    about: Attributes = {
        "argus.notification.type": "stop_failure",
        "argus.notification.message": content,
        "error.type": error if _LABEL.fullmatch(error) else "unknown",
    }
    return [Record("notification", None, about, content)]


def _session_end(hook: Hook) -> list[Record]:
    return [Record("session_end", None, {"argus.end.reason": hook.text("reason")})]


def _key(*parts: str) -> tuple[str, ...] | None:
    return parts if all(parts) else None


def _tool(hook: Hook) -> Attributes:
    server, tool_input = hook.input.get("mcp_server"), hook.input.get("tool_input")
    about: Attributes = {
        "gen_ai.tool.name": hook.text("tool_name"),
        "gen_ai.tool.call.id": hook.text("tool_use_id"),
        "argus.mcp.server": as_text(server.get("name", "")) if isinstance(server, dict) else "",
    }
    if hook.text("tool_name") == "Skill" and isinstance(tool_input, dict):
        about.update(_skill(hook, as_text(tool_input.get("skill", ""))))
    return about


def _skill(hook: Hook, name: str) -> Attributes:
    found = find_skill(name, hook.project, hook.read_file)
    if not found:
        return {"argus.skill.name": name}
    files = files_hash(found.folder, hook.read_file, hook.list_files) if found.folder else ""
    return {"argus.skill.name": name, "argus.skill.hash": found.hash, "argus.skill.files.hash": files}


def _message(role: str, content: Content, **more: str) -> str:
    """Return one message as the GenAI conventions write it; empty if its text is not to be sent."""
    if not content.text:
        return ""
    return as_text([{"role": role, "parts": [{"type": "text", "content": content.text}], **more}])


def _whole(number: object) -> int | None:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    return round(number) if 0 <= number <= _WHOLE_MAX else None


_SAYS: Mapping[str, Callable[[Hook], list[Record]]] = {
    "SessionStart": _session_start,
    "UserPromptSubmit": _user_prompt,
    "PreToolUse": _tool_call,
    "PostToolUse": _tool_result,
    "PostToolUseFailure": _tool_result,
    "PermissionRequest": _permission,
    "PermissionDenied": _permission,
    "MessageDisplay": _message_display,
    "Stop": _stop,
    "StopFailure": _stop_failure,
    "SubagentStart": _subagent_start,
    "SubagentStop": _subagent_stop,
    "PreCompact": _compaction,
    "PostCompact": _compaction,
    "Notification": _notification,
    "SessionEnd": _session_end,
}
