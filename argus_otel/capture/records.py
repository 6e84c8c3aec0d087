"""
One run of a hook -> the content spans that say it: pure, and the same spans for the same input.

Of the environment it looks at the variables of `_ENVIRONMENT`, at CLAUDE_PROJECT_DIR (to find skills) and TRACEPARENT,
and at no other: a hook sees secrets in them.

Source: docs/semantic-conventions.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_otel.capture.content import EMPTY
from argus_otel.capture.errors import HookInputError
from argus_otel.capture.hooks import Hook, records_of
from argus_otel.capture.identity import identity, place, span_id
from argus_otel.capture.otlp import Span
from argus_otel.capture.skills import read_nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_otel.capture.content import Content
    from argus_otel.capture.hooks import Attributes, Record
    from argus_otel.capture.settings import CaptureSettings
    from argus_otel.capture.skills import ReadFile

_ENVIRONMENT = {
    "CLAUDE_CODE_ENTRYPOINT": "argus.entrypoint",
    "CLAUDE_AGENT_SDK_VERSION": "argus.sdk.version",
    "CLAUDE_CODE_REMOTE": "argus.remote",
}
_OPERATIONS = {
    "user_prompt": "chat",
    "assistant_message": "chat",
    "tool_call": "execute_tool",
    "tool_result": "execute_tool",
    "subagent_start": "invoke_agent",
    "subagent_stop": "invoke_agent",
}


def content_records(
    hook: object,
    at_ns: int,
    env: Mapping[str, str],
    settings: CaptureSettings,
    read_file: ReadFile = read_nothing,
) -> list[Span]:
    """
    Return what one run of a hook says, as content spans: none, one, or two where a subagent stops with last words.

    Args:
        hook: the JSON object that the hook got on stdin.
        at_ns: when it ran, ns since the epoch. To be kept with the input if it is sent later: a record without any
            other key is told from the next one by it.
        env: the hook's environment; the few variables named in this module are read.
        read_file: reads a skill's SKILL.md, to hash it.

    Raises:
        HookInputError: permanent; not an object, or one without a session_id, by which all is joined.
    """
    if not isinstance(hook, dict):
        raise HookInputError("a hook is told a JSON object, and this is none: pipe in what the hook got on stdin")
    run = Hook(hook, at_ns, env, settings, read_file)
    if not run.text("session_id"):
        raise HookInputError("the input has no session_id, by which all is joined: pipe in what the hook got on stdin")
    return [] if settings.level == "off" else [_span(run, record) for record in records_of(run)]


def _span(hook: Hook, record: Record) -> Span:
    session_id, prompt_id = hook.text("session_id"), hook.text("prompt_id")
    record_identity = identity(session_id, record.kind, *(record.key or _moment(hook, record)))
    own_id = span_id(record_identity)
    trace_id, parent_span_id = place(session_id, prompt_id, hook.env.get("TRACEPARENT", ""))
    attributes: Attributes = {
        "session.id": session_id,
        "prompt.id": prompt_id,
        "argus.record": record.kind,
        "argus.hook": hook.text("hook_event_name"),
        "argus.identity": record_identity,
        "agent_id": hook.text("agent_id"),
        "agent_type": hook.text("agent_type"),
        "permission_mode": hook.text("permission_mode"),
        "gen_ai.operation.name": _OPERATIONS.get(record.kind),
        **{attribute: hook.env.get(name) for name, attribute in _ENVIRONMENT.items()},
        **record.attributes,
        **_measures(record.content),
    }
    return Span(
        trace_id,
        own_id,
        "" if parent_span_id == own_id else parent_span_id,
        f"argus.{record.kind}",
        max(0, hook.at_ns - record.duration_ms * 1_000_000),
        hook.at_ns,
        {key: value for key, value in attributes.items() if value is not None and value != ""},
    )


def _moment(hook: Hook, record: Record) -> tuple[str, ...]:
    # The content as well: where clocks are coarse, two hooks run at once.
    named = tuple(hook.text(name) for name in ("hook_event_name", "prompt_id", "agent_id", "tool_name"))
    return (*named, str(hook.at_ns), record.content.fingerprint)


def _measures(content: Content) -> Attributes:
    if content is EMPTY:
        return {}
    return {
        "argus.content.bytes": content.bytes,
        "argus.content.length": content.length,
        "argus.content.sha256": content.sha256,
        "argus.content.truncated": content.is_truncated or None,
    }
