"""
The recorded sessions, any number of times: the same bytes on the wire, with ids and times of their own.

Every varied value has the length of the recorded one, so a request is a copy with slices overwritten; no protobuf is
built. Varied: ids of sessions, prompts, requests, tool uses, agents, messages, traces and spans, and every time in
nanoseconds. Not varied: who sends (user, organization), hashes of content, and the text itself.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal

from argus_otel.demo import recordings
from argus_otel.receive.signals import SIGNALS
from argus_otel.receive.validate import envelope_of_protobuf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.envelope import Envelope, Signal

Mix = Literal["gateway", "native", "both"]
"""
`native`: exports as the SDK batches them. `both`: with the content leg besides, one request per hook. `gateway`: both
legs as a collector in front sends them, the records of several sessions in one request per signal.
"""
_GATHERED_SESSIONS = 12
"""About 1,500 log records, 900 spans and 300 points: far below a collector's usual batch of 8,192."""

_ID = re.compile(
    rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # sessions, prompts, messages
    rb"|(req_|toolu_|msg_|a)[0-9a-f]{15,24}"  # requests, tool uses, messages, agents
    rb"|[0-9a-f]{32}"  # the capture's own identities
)
_PREFIX = re.compile(rb"req_|toolu_|msg_|a(?=[0-9a-f]{15,24}$)|")
_SENDER = ("user.", "organization.")
_TIMES = frozenset({"time_unix_nano", "observed_time_unix_nano", "start_time_unix_nano", "end_time_unix_nano"})
_BINARY_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_SPECS = {spec.signal: spec for spec in SIGNALS}
_UNBOUNDED = 1 << 60


@dataclass(frozen=True, slots=True)
class Request:
    """One export request of one session."""

    signal: Signal
    body: bytes
    record_count: int
    probe: str | None
    """An API call that is in argus.api_requests once this request is visible, or the session that has ended then."""


@dataclass(frozen=True, slots=True)
class _Template:
    signal: Signal
    body: bytes
    record_count: int
    probe: bytes | None
    ids: tuple[tuple[int, bytes], ...]
    times: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Session:
    """One session's requests in the order in which they are sent."""

    session_id: str
    requests: tuple[Request, ...]

    @property
    def record_count(self) -> int:
        return sum(request.record_count for request in self.requests)


def sessions(first: int, count: int, mix: Mix, now_ns: int) -> Iterator[Session]:
    """Yield sessions number `first` and on; the same number and time give the same bytes in every process."""
    if mix != "gateway":
        yield from (_session(number, mix, now_ns) for number in range(first, first + count))
        return
    for begin in range(first, first + count, _GATHERED_SESSIONS):
        numbers = range(begin, min(begin + _GATHERED_SESSIONS, first + count))
        yield _gathered([_session(number, "both", now_ns) for number in numbers])


def envelope(request: Request, received_at_ns: int) -> Envelope:
    """Return a request as the receiver validates it."""
    made = envelope_of_protobuf(_SPECS[request.signal], request.body, "default", received_at_ns, _UNBOUNDED)
    assert made is not None
    return made


def _session(number: int, mix: Mix, now_ns: int) -> Session:
    name = recordings.NAMES[number % len(recordings.NAMES)]
    templates, last_ns = _templates(name, mix)
    shift_ns = now_ns - last_ns
    made = [_vary(template, number, shift_ns) for template in templates]
    seen: set[str | None] = set()
    for index, request in enumerate(made):  # a resumed session ends twice: only the first end can be told by looking
        if request.probe in seen:
            made[index] = replace(request, probe=None)
        seen.add(request.probe)
    return Session(_varied(recordings.truth(name)["session_id"].encode(), number).decode(), tuple(made))


def _gathered(parts: list[Session]) -> Session:
    """Requests of one signal, one after the other, are one request: its messages are repeated fields."""
    by_signal: dict[Signal, list[Request]] = {}
    for request in (request for part in parts for request in part.requests):
        by_signal.setdefault(request.signal, []).append(request)
    return Session(
        parts[-1].session_id,
        tuple(
            Request(signal, b"".join(one.body for one in found), sum(one.record_count for one in found), None)
            for signal, found in by_signal.items()
        ),
    )


def _vary(template: _Template, number: int, shift_ns: int) -> Request:
    body = bytearray(template.body)
    for at, known in template.ids:
        body[at : at + len(known)] = _varied(known, number)
    for at, time_ns in template.times:
        struct.pack_into("<Q", body, at, time_ns + shift_ns)
    probe = _varied(template.probe, number).decode() if template.probe else None
    return Request(template.signal, bytes(body), template.record_count, probe)


@cache
def _varied(known: bytes, number: int) -> bytes:
    digest = blake2b(known, salt=number.to_bytes(8, "little"))
    if not _ID.fullmatch(known):
        return digest.digest()[: len(known)]  # a trace or a span id
    digits = iter(digest.hexdigest().encode())
    prefix = _PREFIX.match(known)
    begin = prefix.end() if prefix else 0
    return known[:begin] + bytes(byte if byte == ord("-") else next(digits) for byte in known[begin:])


@cache
def _templates(name: str, mix: Mix) -> tuple[list[_Template], int]:
    sent = recordings.requests(name) + (recordings.content(name) if mix == "both" else [])
    messages = [(signal, body, _parsed(signal, body)) for signal, body in sent]
    ids: set[bytes] = set()
    times: set[int] = set()
    senders: set[bytes] = set()
    for _, _, message in messages:
        _collect(message, ids, times, senders)
    ids -= senders
    return [_template(*message, ids, times) for message in messages], max(times)


def _template(signal: Signal, body: bytes, message: Any, ids: set[bytes], times: set[int]) -> _Template:
    found_ids = tuple((at, known) for known in ids for at in _places(body, known))
    found_times = tuple((at, known) for known in times for at in _places(body, struct.pack("<Q", known)))
    count = envelope_of_protobuf(_SPECS[signal], body, "default", 1, _UNBOUNDED)
    assert count is not None
    return _Template(signal, body, count.record_count, _probe(message), found_ids, found_times)


def _places(body: bytes, known: bytes) -> Iterator[int]:
    at = body.find(known)
    while at >= 0:
        yield at
        at = body.find(known, at + len(known))


def _parsed(signal: Signal, body: bytes) -> Any:
    message = _SPECS[signal].request()
    message.ParseFromString(body)
    return message


def _collect(message: Any, ids: set[bytes], times: set[int], senders: set[bytes]) -> None:
    """Gather what is to be varied from every field of a message."""
    for field, value in message.ListFields():
        if field.name in _TIMES:
            times.add(value)
        elif field.name in _BINARY_IDS:
            ids.add(value)
        elif field.name == "string_value" and _ID.fullmatch(value.encode()):
            ids.add(value.encode())
        elif field.name == "attributes":
            senders.update(pair.value.string_value.encode() for pair in value if pair.key.startswith(_SENDER))
        if field.message_type is not None:
            for inner in value if field.is_repeated else (value,):
                _collect(inner, ids, times, senders)


def _probe(message: Any) -> bytes | None:
    """Return the last API call of a request of logs, or the session of a request that brings the session's end."""
    found = None
    for pairs in _records_of(message):
        if pairs.get("event.name") == "api_request":
            found = pairs["request_id"]
        elif pairs.get("argus.record") == "session_end":
            found = pairs["session.id"]
    return found.encode() if found else None


def _records_of(message: Any) -> Iterator[dict[str, str]]:
    for resource in getattr(message, "resource_logs", ()) or getattr(message, "resource_spans", ()):
        for scope in getattr(resource, "scope_logs", ()) or getattr(resource, "scope_spans", ()):
            for record in getattr(scope, "log_records", ()) or getattr(scope, "spans", ()):
                yield {pair.key: pair.value.string_value for pair in record.attributes}
