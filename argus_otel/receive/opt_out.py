"""
A request -> the sessions that it asks to be forgotten: whose user typed /private, as either leg tells it.

Looked at only where the request's bytes hold the word as a value of its own, so the rest of the traffic pays one search.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from argus_otel.envelope import Signal
from argus_otel.errors import MalformedBodyError
from argus_otel.privacy.erasure import SESSION_ID_BYTES_MAX, ErasureRequest
from argus_otel.receive.signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.envelope import Envelope
    from argus_otel.privacy.erasure import Source

_WORD = re.compile(rb"private(?![a-z_/.:-])")
"""Whole, as far as bytes tell: the tag of the next field may be a capital letter or a digit."""
_BEFORE = re.compile(rb"\x0a[\x00-\xff]{1,3}?\s{0,8}/?(?:argus-otel:)?$")
"""What stands before the word where a string value begins with it: the field, its length, white space, the command's name."""
_BEFORE_BYTES = 32

_COMMANDS = ("/private", "/argus-otel:private")
_COMMAND_NAMES = ("private", "argus-otel:private")
_CAPTURE_SCOPE = "argus_otel.capture"
_ASKED_BY_CHARS_MAX = 256


def erasures_asked(envelope: Envelope) -> list[ErasureRequest]:
    """
    Return what an accepted request asks for, each session once, as of its receipt.

    Seen: a content span with `argus.record` = private; a native `user_prompt` whose text is the command, whatever follows
    it, or whose command name it is; the `user_prompt` of a native interaction span. Source: facts, native telemetry,
    sections 0 and 4.

    Raises:
        MalformedBodyError: permanent; a session id that is longer than any.
    """
    if envelope.signal is Signal.METRICS or not _may_ask(envelope.request):
        return []
    asked: dict[str, ErasureRequest] = {}
    for source, attributes in _asking(envelope):
        session_id = attributes.get("session.id", "")
        if len(session_id.encode()) > SESSION_ID_BYTES_MAX:
            raise MalformedBodyError(f"a session id of more than {SESSION_ID_BYTES_MAX} bytes cannot be made private")
        if session_id and session_id not in asked:
            asked_by = (attributes.get("user.email") or attributes.get("user.id", ""))[:_ASKED_BY_CHARS_MAX]
            asked[session_id] = ErasureRequest(session_id, source, asked_by, envelope.received_at_ns)
    return list(asked.values())


def _may_ask(request: bytes) -> bool:
    return b"private" in request and any(
        _BEFORE.search(request, max(0, found.start() - _BEFORE_BYTES), found.start())
        for found in _WORD.finditer(request)
    )


def _asking(envelope: Envelope) -> Iterator[tuple[Source, dict[str, str]]]:
    spec = next(spec for spec in SIGNALS if spec.signal is envelope.signal)
    request = spec.request()
    request.ParseFromString(envelope.request)
    for resource in spec.resources(request):
        of_resource = {item.key: item.value.string_value for item in resource.resource.attributes}
        of_session = {"session.id": of_resource.get("session.id", "")}
        for scope in spec.scopes(resource):
            for record in scope.log_records if envelope.signal is Signal.LOGS else scope.spans:
                attributes = {**of_session, **{item.key: item.value.string_value for item in record.attributes}}
                if envelope.signal is Signal.LOGS:
                    event = attributes.get("event.name") or record.event_name or record.body.string_value
                    source = _source_of_event(event, attributes)
                else:
                    source = _source_of_span(scope.scope.name, record.name, attributes)
                if source:
                    yield source, attributes


def _source_of_event(event: str, attributes: dict[str, str]) -> Source | None:
    if event.removeprefix("claude_code.") != "user_prompt":
        return None
    is_typed = any(_is_command(attributes.get(key, "")) for key in ("prompt", "prompt_text"))
    return "native" if is_typed or attributes.get("command_name") in _COMMAND_NAMES else None


def _source_of_span(scope: str, name: str, attributes: dict[str, str]) -> Source | None:
    if scope == _CAPTURE_SCOPE:
        return "hook" if attributes.get("argus.record") == "private" else None
    is_typed = name == "claude_code.interaction" and _is_command(attributes.get("user_prompt", ""))
    return "native" if is_typed else None


def _is_command(text: str) -> bool:
    words = text.split(maxsplit=1)
    return bool(words) and words[0] in _COMMANDS
