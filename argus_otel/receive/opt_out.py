"""
A request -> the sessions that it asks to be forgotten: whose user typed /private, as either leg tells it.

Looked at only where the request's bytes hold the word as a whole value or command, so the rest of the traffic pays one
search of its bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from argus_otel.envelope import Envelope, Signal
from argus_otel.privacy.erasure import ErasureRequest
from argus_otel.receive.signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.privacy.erasure import Source

_WORD = b"private"
_ASKED = re.compile(rb"[/:\x07]private")
"""The command, bare or with its plugin; or the word alone, after its length."""

_COMMAND = re.compile(r"/?(?:\S+:)?private")
_CAPTURE_SCOPE = "argus_otel.capture"


def erasures_asked(envelope: Envelope) -> list[ErasureRequest]:
    """
    Return what an accepted request asks for, each session once, as of its receipt.

    Seen: a content span with `argus.record` = private; a native `user_prompt` whose text or command name is the
    command; the `user_prompt` of a native span. Source: facts, native telemetry, sections 0 and 4.
    """
    if envelope.signal is Signal.METRICS or _WORD not in envelope.request or not _ASKED.search(envelope.request):
        return []
    asked: dict[str, ErasureRequest] = {}
    for source, attributes in _asking(envelope):
        session_id = attributes.get("session.id", "")
        if session_id and session_id not in asked:
            asked_by = attributes.get("user.email") or attributes.get("user.id", "")
            asked[session_id] = ErasureRequest(session_id, source, asked_by, envelope.received_at_ns)
    return list(asked.values())


def _asking(envelope: Envelope) -> Iterator[tuple[Source, dict[str, str]]]:
    spec = next(spec for spec in SIGNALS if spec.signal is envelope.signal)
    request = spec.request()
    request.ParseFromString(envelope.request)
    for resource in spec.resources(request):
        for scope in spec.scopes(resource):
            for record in scope.log_records if envelope.signal is Signal.LOGS else scope.spans:
                attributes = {item.key: item.value.string_value for item in record.attributes}
                if source := _source(scope.scope.name, attributes):
                    yield source, attributes


def _source(scope_name: str, attributes: dict[str, Any]) -> Source | None:
    if scope_name == _CAPTURE_SCOPE:
        return "hook" if attributes.get("argus.record") == "private" else None
    said = ("prompt", "prompt_text", "user_prompt")
    is_typed = any(_is_command(attributes.get(key, ""), "/") for key in said)
    return "native" if is_typed or _is_command(attributes.get("command_name", ""), "") else None


def _is_command(text: str, prefix: str) -> bool:
    text = text.strip()
    return text.startswith(prefix) and _COMMAND.fullmatch(text) is not None
