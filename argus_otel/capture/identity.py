"""
What makes a record itself -> its 16-byte identity, its span id and where it hangs in a trace.

An identity is the first half of the SHA-256 over the compact JSON array of its parts, session first: the table is in
docs/semantic-conventions.md. The same record has the same identity on every machine and however often it is sent.
TRACEPARENT decides where a span hangs, never which span it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")


class Place(NamedTuple):
    """Trace and parent of a span, in hex; no parent is the empty string."""

    trace_id: str
    parent_span_id: str


def identity(*parts: str) -> str:
    """Return the identity of these parts: 32 hex digits."""
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()[:32]


def span_id(record_identity: str) -> str:
    """Return the span id of a record: the first 8 bytes of its identity."""
    return record_identity[:16]


def prompt_identity(session_id: str, prompt_id: str) -> str:
    """Return the identity of a prompt, the root of its turn."""
    return identity(session_id, "user_prompt", prompt_id)


def place(
    session_id: str, prompt_id: str, traceparent: str, above: Sequence[str] = (), own_identity: str = ""
) -> Place:
    """
    Return where a record hangs: below the native span that TRACEPARENT names, else in a trace of its turn's own, below
    the prompt; what belongs to no prompt is in a trace of its own.

    `above` are the identities of the records between the prompt and this one, `own_identity` is that of the record.

    Source: W3C Trace Context, "traceparent header"; a value that is not one is ignored.
    """
    native = _TRACEPARENT.fullmatch(traceparent)
    if native:
        return Place(native.group(1), native.group(2))
    if prompt_id:
        trace_id, way = identity(session_id, "trace", prompt_id), (prompt_identity(session_id, prompt_id), *above)
    else:
        trace_id, way = (*above, own_identity)[0], tuple(above)
    return Place(trace_id, span_id(way[-1]) if way and way[-1] != own_identity else "")
