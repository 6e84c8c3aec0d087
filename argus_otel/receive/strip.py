"""
An envelope -> the same without the words of some sessions: what is set aside on disk holds content too.

It leaves what the views leave (schema/sql/private.jinja): names and numbers, and of a log record also what facts read out of
its words. A stripped record loads to the same figures.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from argus_otel.envelope import Signal
from argus_otel.privacy.redaction import is_content
from argus_otel.receive.signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from argus_otel.envelope import Envelope

_NAME = re.compile(r"[A-Za-z0-9_.:@/-]{1,128}")
_KNOWN_NAME = re.compile(
    r"(claude_code|argus)[.][a-z_.]+|user_prompt|api_request|assistant_response|api_error|tool_decision|tool_result"
    r"|subagent_completed|skill_activated|compaction"
)


def without_words(envelope: Envelope, is_private: Container[tuple[str, str]]) -> Envelope:
    """
    Return the envelope without the words of private sessions; the same object if it has none.

    Args:
        is_private: holds (workspace, session id).
    """
    if envelope.signal not in (Signal.LOGS, Signal.TRACES):
        return envelope
    spec = next(spec for spec in SIGNALS if spec.signal is envelope.signal)
    request = spec.request()
    request.ParseFromString(envelope.request)
    before = request.SerializeToString(deterministic=True)
    for resource in spec.resources(request):
        of_resource = _text(resource.resource, "session.id")
        for scope in spec.scopes(resource):
            records = scope.log_records if envelope.signal is Signal.LOGS else scope.spans
            private = [
                record
                for record in records
                if (envelope.workspace, _text(record, "session.id") or of_resource) in is_private
            ]
            if private:
                _keep(resource.resource, lambda key: not key.startswith("process."))
                _keep(scope.scope, _is_name_or_number)
            for record in private:
                (_strip_log if envelope.signal is Signal.LOGS else _strip_span)(record)
    after = request.SerializeToString(deterministic=True)
    return envelope if after == before else dataclasses.replace(envelope, request=after)


def _strip_log(record: Any) -> None:
    derived = _derived(record)
    _keep(record, _is_name_or_number)
    for key, value in derived.items():
        if value:
            record.attributes.add(key=key).value.string_value = value
    if not _KNOWN_NAME.fullmatch(record.event_name):
        record.event_name = ""
    if not _KNOWN_NAME.fullmatch(record.body.string_value):
        record.ClearField("body")


def _derived(record: Any) -> dict[str, str]:
    prompt, tool = _text(record, "prompt"), _text(record, "tool_name")
    try:
        parameters = json.loads(_text(record, "tool_parameters"))
    except ValueError:
        parameters = None
    said = parameters if isinstance(parameters, dict) else {}
    is_mcp = tool.startswith("mcp_")
    is_human = "" if prompt in ("", "<REDACTED>") else str(not prompt.startswith("<task-notification>")).lower()
    return {
        "argus.prompt.is_human": is_human,
        "argus.mcp.server": _name(said.get("mcp_server_name")) if is_mcp else "",
        "argus.mcp.tool": _name(said.get("mcp_tool_name")) if is_mcp else "",
        "argus.skill.name": _name(said.get("skill_name")) if tool == "Skill" else "",
    }


def _name(value: object) -> str:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def _strip_span(record: Any) -> None:
    _keep(record, _is_name_or_number)
    record.status.message = ""
    if not _KNOWN_NAME.fullmatch(record.name):
        record.name = ""
    for event in record.events:
        event.name = ""
        _keep(event, _is_name_or_number)
    for link in record.links:
        _keep(link, _is_name_or_number)


def _is_name_or_number(key: str) -> bool:
    return not is_content(key) and key != "argus.content.sha256"


def _keep(message: Any, is_kept: Callable[[str], bool]) -> None:
    kept = [item for item in message.attributes if is_kept(item.key)]
    if len(kept) < len(message.attributes):
        del message.attributes[:]
        message.attributes.extend(kept)


def _text(message: Any, key: str) -> str:
    return next((item.value.string_value for item in message.attributes if item.key == key), "")
