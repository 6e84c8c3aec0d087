"""
One run of a hook -> the content spans that say it: pure, and the same spans for the same input.

Of the environment it looks at the variables of `_ENVIRONMENT`, at CLAUDE_PROJECT_DIR (to find skills) and TRACEPARENT,
and at no other: a hook sees secrets in them.

Source: docs/semantic-conventions.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_otel.capture.content import EMPTY, Content
from argus_otel.capture.errors import HookInputError
from argus_otel.capture.exclude import ALL, EXCLUDE_NOTHING, NOTHING, is_excluded
from argus_otel.capture.hooks import Hook, records_of
from argus_otel.capture.identity import identity, place, span_id
from argus_otel.capture.otlp import Span
from argus_otel.capture.redact import note
from argus_otel.capture.skills import list_nothing, read_nothing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argus_otel.capture.exclude import Exclusions
    from argus_otel.capture.hooks import Attributes, Record
    from argus_otel.capture.redact import Rule
    from argus_otel.capture.settings import CaptureSettings
    from argus_otel.capture.skills import ListFiles, ReadFile

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


# What belongs to no turn: it may lie outside of one, and TRACEPARENT is not told to a session's first and last hook.
_ROOTS = ("session_start", "session_end", "private")


def content_records(
    hook: object,
    at_ns: int,
    env: Mapping[str, str],
    settings: CaptureSettings,
    read_file: ReadFile = read_nothing,
    list_files: ListFiles = list_nothing,
    rules: Sequence[Rule] = (),
    exclusions: Exclusions = EXCLUDE_NOTHING,
) -> list[Span]:
    """
    Return what one run of a hook says, as content spans: none, one, or two where a subagent stops with last words.

    Args:
        hook: the JSON object that the hook got on stdin.
        at_ns: when it ran, ns since the epoch. To be kept with the input if it is sent later: a record without any
            other key is told from the next one by it.
        env: the hook's environment; the few variables named in this module are read.
        read_file: reads what shapes the session (a SKILL.md, CLAUDE.md), to hash it.
        list_files: lists the folders of such files.
        rules: what is redacted; none redact nothing.
        exclusions: tools, files and projects whose content is not sent.

    Raises:
        HookInputError: permanent; not an object, or one without a session_id, by which all is joined.
    """
    if not isinstance(hook, dict):
        raise HookInputError("a hook is told a JSON object, and this is none: pipe in what the hook got on stdin")
    run = Hook(hook, at_ns, env, settings, read_file, list_files, rules)
    if not run.text("session_id"):
        raise HookInputError("the input has no session_id, by which all is joined: pipe in what the hook got on stdin")
    if settings.level == "off":
        return []
    excluded = is_excluded(hook, run.project, exclusions)
    if excluded == NOTHING:
        return [_span(run, record) for record in records_of(run)]
    counted = run._replace(settings=settings._replace(level="metadata"))
    if excluded == ALL:
        # Whoever opts a session out wants the native leg of it gone, too: that says nothing of the project.
        return [_span(counted, record) for record in records_of(counted) if record.kind == "private"]
    return [_span(counted, record, is_content_excluded=True) for record in records_of(counted)]


def _span(hook: Hook, record: Record, *, is_content_excluded: bool = False) -> Span:
    session_id, prompt_id = hook.text("session_id"), hook.text("prompt_id")
    record_identity = identity(session_id, record.kind, *(record.key or _moment(hook, record)))
    trace_id, parent_span_id = place(
        session_id,
        "" if record.kind in _ROOTS else prompt_id,
        hook.env.get("TRACEPARENT", ""),
        _above(hook, record),
        record_identity,
    )
    said = [record.content, *(value for value in record.attributes.values() if isinstance(value, Content))]
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
        "argus.redactions": note(_redactions(said)),
        "argus.excluded": is_content_excluded or None,
    }
    texts = {key: value.text if isinstance(value, Content) else value for key, value in attributes.items()}
    return Span(
        trace_id,
        span_id(record_identity),
        parent_span_id,
        f"argus.{record.kind}",
        max(0, hook.at_ns - record.duration_ms * 1_000_000),
        hook.at_ns,
        {key: value for key, value in texts.items() if value is not None and value != ""},
    )


def _above(hook: Hook, record: Record) -> list[str]:
    """Return the identities of the records between the prompt and this one, the outermost first."""
    session_id, prompt_id = hook.text("session_id"), hook.text("prompt_id")
    agent_id, tool_use_id = hook.text("agent_id"), hook.text("tool_use_id")
    if record.kind in _ROOTS or record.kind in ("user_prompt", "subagent_start", "subagent_stop"):
        return []  # a subagent stops beside its start: hidden ones have none
    if agent_id and hook.text("hook_event_name") == "SubagentStop":
        return [identity(session_id, "subagent_stop", agent_id, prompt_id)]
    above = [identity(session_id, "subagent_start", agent_id, prompt_id)] if agent_id else []
    if tool_use_id and record.kind in ("tool_result", "permission"):
        above.append(identity(session_id, "tool_call", tool_use_id))
    return above


def _redactions(contents: Iterable[Content]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for content in {
        id(content): content for content in contents
    }.values():  # a record's main value is an attribute, too
        for rule, count in content.redactions:
            counts[rule] = counts.get(rule, 0) + count
    return counts


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
