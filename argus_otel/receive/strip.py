"""
An envelope -> the same without the words of some sessions: what is set aside on disk holds content too.

What is content is told by privacy/content.json; names and numbers stay. The views do the same to whatever they load
(schema/sql/private.jinja).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from argus_otel.envelope import Signal
from argus_otel.privacy.redaction import is_content
from argus_otel.receive.signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Container

    from argus_otel.envelope import Envelope


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
    has_changed = False
    for resource in spec.resources(request):
        for scope in spec.scopes(resource):
            for record in scope.log_records if envelope.signal is Signal.LOGS else scope.spans:
                if (envelope.workspace, _session_id(record)) in is_private:
                    _strip(record)
                    has_changed = True
    return dataclasses.replace(envelope, request=request.SerializeToString()) if has_changed else envelope


def _session_id(record: Any) -> str:
    return next((item.value.string_value for item in record.attributes if item.key == "session.id"), "")


def _strip(record: Any) -> None:
    _keep_names(record)
    for event in getattr(record, "events", ()):
        event.name = ""
        _keep_names(event)
    for link in getattr(record, "links", ()):
        _keep_names(link)
    if hasattr(record, "status"):
        record.status.message = ""
    if hasattr(record, "body") and not record.body.string_value.startswith("claude_code."):
        record.body.string_value = ""


def _keep_names(message: Any) -> None:
    kept = [item for item in message.attributes if not is_content(item.key) and item.key != "argus.content.sha256"]
    del message.attributes[:]
    message.attributes.extend(kept)
