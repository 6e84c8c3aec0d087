"""What the door costs: gRPC, validation and counting, with nothing behind it; beside that, with the spool behind it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import grpc

from argus_otel.receive import Receiver, ReceiveSettings
from argus_otel.receive.signals import SIGNALS
from argus_otel.spool import Spool, SpoolSettings
from argus_otel.telemetry import Telemetry
from benchmarks.processes import ROOT, python
from benchmarks.sender import Outcome, Plan

if TYPE_CHECKING:
    from pathlib import Path

    from argus_otel.envelope import Envelope
    from benchmarks.traffic import Mix


def measure_receiving(mix: Mix, session_count: int, spool_folder: Path | None) -> tuple[float, float]:
    """Return the CPU in µs of a record and of a request; without a spool every envelope is dropped."""
    return asyncio.run(_measure(mix, session_count, spool_folder))


def measure_grpc_alone(mix: Mix, session_count: int) -> tuple[float, float]:
    """As `measure_receiving`, with a handler that looks at nothing: what gRPC itself costs."""
    return asyncio.run(_measure_grpc_alone(mix, session_count))


async def _measure_grpc_alone(mix: Mix, session_count: int) -> tuple[float, float]:
    async def export(_request: bytes, _context: object) -> bytes:
        return b""

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    method: Any = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(spec.grpc_service, {"Export": method}) for spec in SIGNALS]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        outcome, spent_s = await _send(Plan(f"127.0.0.1:{port}", 0, session_count, mix, time.time_ns()))
    finally:
        await server.stop(1)
    return spent_s / outcome.record_count * 1e6, spent_s / outcome.request_count * 1e6


async def _measure(mix: Mix, session_count: int, spool_folder: Path | None) -> tuple[float, float]:
    spool = Spool(SpoolSettings(spool_folder)) if spool_folder else None
    telemetry = Telemetry()
    receiver = Receiver(
        ReceiveSettings(grpc_address="127.0.0.1:0", http_address="127.0.0.1:0"),
        spool.append if spool else _drop,
        telemetry,
    )
    try:
        address = (await receiver.start()).grpc
        outcome, spent_s = await _send(Plan(address, 0, session_count, mix, time.time_ns()))
    finally:
        await receiver.stop(grace_s=1)
        telemetry.close()
        if spool:
            spool.close()
    return spent_s / outcome.record_count * 1e6, spent_s / outcome.request_count * 1e6


async def _drop(_: Envelope) -> None:
    """Acknowledge without keeping."""


async def _send(plan: Plan) -> tuple[Outcome, float]:
    process = await asyncio.create_subprocess_exec(
        *python("benchmarks.sender"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        limit=1 << 26,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(asdict(plan)).encode() + b"\n")
    await process.stdout.readline()
    began_s = time.process_time()
    process.stdin.write(b"\n")
    outcome = Outcome(**json.loads(await process.stdout.readline()))
    spent_s = time.process_time() - began_s
    await process.wait()
    return outcome, spent_s
