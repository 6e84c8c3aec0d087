"""
The load, a process of its own: requests over gRPC as raw bytes, at an offered rate or as fast as they are answered.

Reads one JSON object (Plan) on stdin, says `{"ready": true}` when the traffic is built, starts at a line on stdin, and
ends with one JSON object (Outcome). With a rate, a request is due at its place in the schedule, whether or not earlier
ones were answered, and its latency counts from that moment: a slow server cannot slow the load down.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import grpc

from argus_otel.receive.signals import SIGNALS
from benchmarks.traffic import Mix, sessions

if TYPE_CHECKING:
    from argus_otel.envelope import Signal
    from benchmarks.traffic import Request

_ATTEMPTS_MAX = 20
_RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)  # of OTLP's list, what a busy server says
_CHANNELS = 4
"""Senders are many; each of ours stands for some."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, where, how fast."""

    address: str
    first: int
    count: int
    mix: Mix
    now_ns: int
    records_per_s: float | None = None
    """None: as fast as `in_flight_max` outstanding requests allow."""
    in_flight_max: int = 32


@dataclass(frozen=True, slots=True)
class Outcome:
    """Monotonic times in seconds, comparable between processes of one machine."""

    began_at_s: float
    ended_at_s: float
    record_count: int
    request_count: int
    retry_count: int
    cpu_s: float
    acknowledge_s: list[float]
    acknowledged_at_s: dict[str, float]
    """By probe, see traffic.Request."""


class _Sender:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.sessions = list(sessions(plan.first, plan.count, plan.mix, plan.now_ns))
        self._acknowledge_s: list[float] = []
        self._acknowledged_at_s: dict[str, float] = {}
        self._retry_count = 0
        self._exports: list[dict[Signal, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]]] = []

    async def run(self) -> Outcome:
        channels = [
            grpc.aio.insecure_channel(self._plan.address, (("grpc.use_local_subchannel_pool", 1),))
            for _ in range(_CHANNELS)
        ]
        self._exports = [
            {spec.signal: channel.unary_unary(f"/{spec.grpc_service}/Export") for spec in SIGNALS}
            for channel in channels
        ]
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        work = [(number, request) for number, session in enumerate(self.sessions) for request in session.requests]
        began_s, cpu_s = time.monotonic(), time.process_time()
        send = self._send_at_rate if self._plan.records_per_s else self._send_at_once
        await send(work, began_s)
        ended_s = time.monotonic()
        for channel in channels:
            await channel.close()
        return Outcome(
            began_s, ended_s, sum(session.record_count for session in self.sessions), len(work), self._retry_count,
            time.process_time() - cpu_s, self._acknowledge_s, self._acknowledged_at_s,
        )  # fmt: skip

    async def _send_at_rate(self, work: list[tuple[int, Request]], began_s: float) -> None:
        assert self._plan.records_per_s is not None
        due_s, tasks = began_s, set()
        for number, request in work:
            if (wait_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            tasks.add(asyncio.create_task(self._send(number, request, due_s)))
            due_s += request.record_count / self._plan.records_per_s
        await asyncio.gather(*tasks)

    async def _send_at_once(self, work: list[tuple[int, Request]], _began_s: float) -> None:
        waiting = iter(work)

        async def stream() -> None:
            for number, request in waiting:
                await self._send(number, request, time.monotonic())

        await asyncio.gather(*(stream() for _ in range(self._plan.in_flight_max)))

    async def _send(self, number: int, request: Request, due_s: float) -> None:
        export = self._exports[number % _CHANNELS][request.signal]
        for attempt in range(_ATTEMPTS_MAX):
            try:
                await export(request.body)
                break
            except grpc.aio.AioRpcError as error:
                if error.code() not in _RETRYABLE or attempt == _ATTEMPTS_MAX - 1:
                    raise
                self._retry_count += 1
                await asyncio.sleep(0.1)
        acknowledged_s = time.monotonic()
        self._acknowledge_s.append(acknowledged_s - due_s)
        if request.probe is not None:
            self._acknowledged_at_s[request.probe] = acknowledged_s


def main() -> None:
    sender = _Sender(Plan(**json.loads(sys.stdin.readline())))
    gc.freeze()  # the traffic is a large heap that never becomes garbage
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    print(json.dumps(asdict(asyncio.run(sender.run()))), flush=True)


if __name__ == "__main__":
    main()
