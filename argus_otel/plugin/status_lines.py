"""
What `status.look` returns -> lines for people. An id, an address or a time is never broken, however narrow it is.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEP = "  "


def status_lines(told: dict[str, Any], width: int | None = None) -> list[str]:
    """Return a section for each part; an empty part is a sentence. Sentences are folded at `width`, None folds none."""
    sections = [_installed(told["installed"]), _state(told), _settings(told["settings"])]
    sections += [[line for one in told["spools"] for line in _spool(one)] or ["nothing was recorded here yet"]]
    sections += [["private sessions", *_private(told["private"])] if told["private"] else ["no private sessions"]]
    lines = [line for section in sections for line in [*section, ""]][:-1]
    return [folded for line in lines for folded in (_folded(line, width) if width else [line])]


def _installed(installed: list[dict[str, Any]]) -> list[str]:
    if not installed:
        return ["not installed: `argus-otel plugin install`"]
    return [line for one in installed for line in _installation(one)]


def _installation(one: dict[str, Any]) -> Iterator[str]:
    is_enabled = "enabled" if one["is_enabled"] else "not enabled"
    yield f"{one['plugin_id']}: {is_enabled} for scope {one['scope']}, version {one['version'] or 'not there'}"
    yield f"{_STEP}set in  {one['file']}"
    if one["folder"]:
        yield f"{_STEP}folder  {one['folder']}"


def _state(told: dict[str, Any]) -> list[str]:
    interpreter, endpoint, telemetry = told["interpreter"], told["endpoint"], told["telemetry"]
    found = f"{interpreter['version']} {interpreter['path']}"
    set_by = f" (set by {telemetry['set_by']})" if telemetry["set_by"] else ""
    return [
        f"interpreter: {found if interpreter['version'] else 'none: nothing is recorded'}",
        *(f"{_STEP}{line}" for line in interpreter["passed_over"]),
        f"endpoint: {endpoint['finding']}",
        f"Claude Code's own OpenTelemetry: {telemetry['finding']}{set_by}",
        *(f"not recorded: {line}" for line in told["not_recorded"]),
        *(f"warning: {line}" for line in told["warnings"]),
    ]


def _settings(settings: list[dict[str, Any]]) -> list[str]:
    if not settings:
        return ["no settings are in force"]
    longest = max(len(one["key"]) for one in settings)
    return ["settings", *(f"{_STEP}{one['key']:{longest}}  {_said(one['value'])}{_source(one)}" for one in settings)]


def _source(one: dict[str, Any]) -> str:
    return "" if one["source"] == "default" else f"  ({one['source']})"


def _spool(one: dict[str, Any]) -> Iterator[str]:
    oldest = f", the oldest of {one['oldest_at']}" if one["oldest_at"] else ""
    yield f"spool of {one['endpoint']}"
    yield f"{_STEP}in       {one['state']}"
    yield f"{_STEP}waiting  {one['waiting_count']} records, {one['waiting_bytes']} bytes{oldest}"
    last = f", the last at {one['last_shipped_at']}" if one["last_shipped_at"] else ""
    yield f"{_STEP}shipped  {one['shipped_count']}{last}"
    lost = [f"{one[f'{word}_count']} {word}" for word in ("rejected", "refused", "damaged") if one[f"{word}_count"]]
    lost += [f"{count} dropped by {reason}" for reason, count in one["dropped"].items()]
    if lost:
        yield f"{_STEP}lost     {', '.join(lost)}"
    if one["last_error"]:
        yield f"{_STEP}error    {one['last_error_at']} {one['last_error']}"


def _private(sessions: list[dict[str, Any]]) -> Iterator[str]:
    for one in sessions:
        not_yet = "not yet" if one["is_known_now"] else "not known now"
        yield f"{_STEP}{one['session_id']}"
        yield f"{_STEP * 2}asked       {one['asked_at'] or 'not known'}"
        yield f"{_STEP * 2}sent        {one['sent_at'] or 'not yet'}"
        if one["sent_at"]:
            yield f"{_STEP * 2}unreadable  {one['unreadable_at'] or not_yet}"
            yield f"{_STEP * 2}gone        {one['gone_at'] or not_yet}"
        if one["finding"]:
            yield f"{_STEP * 2}{one['finding']}"


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _folded(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 2 * len(_STEP))
    return textwrap.wrap(
        line,
        max(width, 2 * len(indent)),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
