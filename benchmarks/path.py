"""
The whole path, from gRPC to visible: throughput and CPU when it is full, times when it is offered a steady load.

Each run starts a fresh service on an empty folder. CPU is read from the operating system, from the first request sent
until everything is visible plus a second of rest, for all processes of the target; the sender is not counted.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import ROOT, python
from benchmarks.sender import Outcome, Plan
from benchmarks.targets import argus_otel, rotel, shim_overhead_s
from benchmarks.traffic import sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from benchmarks.targets import Target
    from benchmarks.traffic import Mix

_WARM_UP_SESSIONS = 6
_REST_S = 1.0
_VISIBLE_S_MAX = 120
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Saturation:
    """As fast as it answers; CPU in µs per record."""

    record_count: int
    request_count: int
    retry_count: int
    records_per_s: float
    """Until visible, not until acknowledged."""
    cpu_us: float
    shim_us: float
    """Of these, rotel's shim in Python; nothing for us."""
    resident_bytes_max: int


@dataclass(frozen=True, slots=True)
class Steady:
    """At an offered load; times in ms."""

    traffic: str
    offered_records_per_s: int
    record_count: int
    acknowledge_ms_p50: float
    acknowledge_ms_p99: float
    visible_ms_p50: float
    """Acknowledged to visible in argus.api_requests or, for the end of a session, in argus.sessions, by polling."""
    visible_ms_p99: float
    visible_samples: int
    cpu_us: float
    resident_bytes_max: int


def saturate(name: str, mix: Mix, count: int) -> Saturation:
    """Send `count` sessions to a fresh target, `argus-otel` or `rotel`."""
    with _fresh(name) as target:
        _send(Plan(target.grpc_address, 1_000_000, _WARM_UP_SESSIONS, mix, time.time_ns()))
        base_count = _wait_until_landed(target, _records(1_000_000, _WARM_UP_SESSIONS, mix))[0]
        with _loading(Plan(target.grpc_address, 0, count, mix, time.time_ns())) as go:
            cpu_s, shim_s = target.cpu_s(), _shim_s(target)
            outcome = go()
            _, visible_at_s, resident_bytes = _wait_until_landed(target, base_count + outcome.record_count)
            time.sleep(_REST_S)
            spent_s, shim_s = target.cpu_s() - cpu_s, _shim_s(target) - shim_s
        return Saturation(
            outcome.record_count,
            outcome.request_count,
            outcome.retry_count,
            outcome.record_count / (visible_at_s - outcome.began_at_s),
            spent_s / outcome.record_count * 1e6,
            shim_s / outcome.record_count * 1e6,
            resident_bytes,
        )


def steady(mix: Mix, records_per_s: int, seconds: float) -> Steady:
    """Offer a fresh service `records_per_s` for some seconds and watch the views."""
    now_ns = time.time_ns()
    count = _sessions_for(records_per_s * seconds, mix)
    with _fresh("argus-otel") as target:
        _send(Plan(target.grpc_address, 1_000_000, _WARM_UP_SESSIONS, mix, now_ns))
        _wait_until_landed(target, _records(1_000_000, _WARM_UP_SESSIONS, mix))
        awaited = _Awaited(target, count, mix, now_ns)
        with _loading(Plan(target.grpc_address, 0, count, mix, now_ns, records_per_s)) as go:
            cpu_s = target.cpu_s()
            awaited.begin(records_per_s)
            outcome = go(awaited.look)
            awaited.finish()
            spent_s = target.cpu_s() - cpu_s
        visible_ms = [(awaited.seen_at_s[probe] - at_s) * 1e3 for probe, at_s in outcome.acknowledged_at_s.items()]
        acknowledge_ms = [seconds * 1e3 for seconds in outcome.acknowledge_s]
        return Steady(
            mix,
            records_per_s, outcome.record_count,
            *_p50_p99(acknowledge_ms), *_p50_p99(visible_ms), len(visible_ms),
            spent_s / outcome.record_count * 1e6, awaited.resident_bytes_max,
        )  # fmt: skip


class _Awaited:
    """Which probes of a load were seen in the views, and when; polls, so a time is late by a poll at most."""

    def __init__(self, target: Target, count: int, mix: Mix, now_ns: int) -> None:
        self._target = target
        self._sessions = list(sessions(0, count, mix, now_ns))
        self._next = 0
        self._waiting: dict[str, str] = {}
        self.seen_at_s: dict[str, float] = {}
        self.resident_bytes_max = 0

    def begin(self, records_per_s: float) -> None:
        self._began_s, self._records_per_s, self._sent = time.monotonic(), records_per_s, 0.0

    def look(self) -> None:
        """Poll the views once for the sessions that were due by now."""
        due = (time.monotonic() - self._began_s + 1) * self._records_per_s
        while self._next < len(self._sessions) and self._sent <= due:
            session = self._sessions[self._next]
            self._sent += session.record_count
            self._next += 1
            self._waiting |= {request.probe: session.session_id for request in session.requests if request.probe}
        if not self._waiting:
            return
        of_sessions = ", ".join(f"'{session_id}'" for session_id in sorted(set(self._waiting.values())))
        found = self._target.rows(
            f"SELECT request_id AS probe FROM argus.api_requests WHERE session_id IN ({of_sessions})"
            f" UNION ALL SELECT session_id FROM argus.sessions WHERE session_id IN ({of_sessions}) AND is_ended"
        )
        now_s = time.monotonic()
        for row in found:
            if self._waiting.pop(row["probe"], None):
                self.seen_at_s[row["probe"]] = now_s
        self.resident_bytes_max = max(self.resident_bytes_max, self._target.resident_bytes())

    def finish(self) -> None:
        deadline_s = time.monotonic() + _VISIBLE_S_MAX
        while self._waiting or self._next < len(self._sessions):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{len(self._waiting)} of the probes never became visible")
            self.look()
            time.sleep(_POLL_S)


@contextmanager
def _fresh(name: str) -> Iterator[Target]:
    make: Callable[[Path], AbstractContextManager[Target]] = {"argus-otel": argus_otel, "rotel": rotel}[name]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, make(Path(folder)) as target:
        yield target


def _send(plan: Plan) -> Outcome:
    with _loading(plan) as go:
        return go()


@contextmanager
def _loading(plan: Plan) -> Iterator[Callable[..., Outcome]]:
    """Prepare a sender; what is yielded starts it, and calls its argument again and again until the sender is done."""
    process = subprocess.Popen(
        python("benchmarks.sender"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(asdict(plan)) + "\n")
    process.stdin.flush()
    if not process.stdout.readline():
        raise RuntimeError("the sender ended before it was ready")

    def go(meanwhile: Callable[[], None] = lambda: None) -> Outcome:
        with ThreadPoolExecutor(1) as waiting:
            answer = waiting.submit(process.communicate, "\n")
            while not answer.done():
                meanwhile()
                wait([answer], _POLL_S)
        return Outcome(**json.loads(answer.result()[0]))

    try:
        yield go
    finally:
        process.kill()
        process.wait()


def _wait_until_landed(target: Target, record_count: int) -> tuple[int, float, int]:
    deadline_s, resident_bytes_max = time.monotonic() + _VISIBLE_S_MAX, 0
    while True:
        landed_count, now_s = target.landed_count(), time.monotonic()
        resident_bytes_max = max(resident_bytes_max, target.resident_bytes())
        if landed_count >= record_count:
            return landed_count, now_s, resident_bytes_max
        if now_s > deadline_s:
            raise TimeoutError(f"{target.name}: {landed_count} of {record_count} records landed")
        time.sleep(_POLL_S)


def _sessions_for(record_count: float, mix: Mix) -> int:
    return max(1, round(record_count * 3 / _records(0, 3, mix)))


def _records(first: int, count: int, mix: Mix) -> int:
    return sum(session.record_count for session in sessions(first, count, mix, time.time_ns()))


def _shim_s(target: Target) -> float:
    return shim_overhead_s(target) if target.name == "rotel" else 0.0


def _p50_p99(values: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]
