"""Recorded sessions of which every word is marked: what is content bears a text that nothing else holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_otel.demo.otlp import MESSAGES
from argus_otel.demo.recordings import content, requests
from argus_otel.envelope import Signal
from argus_otel.privacy.redaction import is_content

if TYPE_CHECKING:
    from collections.abc import Iterable

    Request = tuple[Signal, bytes]


def marked(name: str, sentinel: str) -> list[Request]:
    """Return both legs of a recording with the sentinel in every content field of every log record and span."""
    return [(signal, _marked(signal, body, sentinel)) for signal, body in [*requests(name), *content(name)]]


def _marked(signal: Signal, body: bytes, sentinel: str) -> bytes:
    message = MESSAGES[signal]()
    message.ParseFromString(body)
    for record in _records(signal, message):
        _mark(record.attributes, sentinel)
        record.attributes.add(key="nobody.listed.this").value.string_value = f"unlisted {sentinel}"
        for inner in [*getattr(record, "events", ()), *getattr(record, "links", ())]:
            _mark(inner.attributes, sentinel)
            inner.attributes.add(key="nobody.listed.this").value.string_value = f"unlisted {sentinel}"
        for event in getattr(record, "events", ()):
            event.name = event.name if event.name == "tool.output" else f"named {sentinel}"
        if hasattr(record, "status"):
            record.status.message = f"status {sentinel}"
    return bytes(message.SerializeToString())


def _records(signal: Signal, message: Any) -> Iterable[Any]:
    if signal is Signal.LOGS:
        return [r for of in message.resource_logs for scope in of.scope_logs for r in scope.log_records]
    if signal is Signal.TRACES:
        return [r for of in message.resource_spans for scope in of.scope_spans for r in scope.spans]
    return []


def _mark(attributes: Any, sentinel: str) -> None:
    for item in attributes:
        text = item.value.string_value
        if not is_content(item.key) or not item.value.HasField("string_value") or text == "<REDACTED>":
            continue
        # JSON stays JSON: its words are what the facts read names from.
        item.value.string_value = (
            f'{text[:-1]},"said":"{sentinel}"}}' if text[-1:] == "}" and len(text) > 2 else _in_text(text, sentinel)
        )


def _in_text(text: str, sentinel: str) -> str:
    opening = '"content":"'
    at = text.find(opening)
    return f"{text} {sentinel}" if at < 0 else f"{text[: at + len(opening)]}{sentinel} {text[at + len(opening) :]}"
