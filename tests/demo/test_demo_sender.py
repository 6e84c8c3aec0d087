"""Sending and serving: what is refused for now is sent again, what is refused for good is not, who fails says why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest

from argus_otel.demo.sender import sender
from argus_otel.demo.service import ServiceError, serving
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Answers(grpc.GenericRpcHandler):
    """Answers with the codes given, one call after the other, then with success."""

    def __init__(self, *codes: grpc.StatusCode) -> None:
        self.codes = list(codes)
        self.bodies: list[bytes] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        assert details.method == "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        self.bodies.append(body)
        if self.codes:
            context.abort(self.codes.pop(0), "not now")
        return b""


@contextmanager
def receiver(answers: Answers) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[answers])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def test_what_is_unavailable_is_sent_again() -> None:
    answers = Answers(grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE)
    with receiver(answers) as address, sender(address) as otlp:
        otlp.send((Signal.LOGS, b"request"))
    assert answers.bodies == [b"request"] * 3


def test_what_is_refused_for_good_is_not_sent_again() -> None:
    answers = Answers(grpc.StatusCode.INVALID_ARGUMENT)
    with receiver(answers) as address, sender(address) as otlp, pytest.raises(grpc.RpcError):
        otlp.send((Signal.LOGS, b"request"))
    assert answers.bodies == [b"request"]


def test_everything_is_acknowledged_once() -> None:
    answers = Answers()
    bodies = [f"request {number}".encode() for number in range(50)]
    with receiver(answers) as address, sender(address) as otlp:
        assert sum(1 for _ in otlp.send_all((Signal.LOGS, body) for body in bodies)) == 50
    assert sorted(answers.bodies) == sorted(bodies)


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(ServiceError, match=r"(?s)ended with code .*data"), serving(tmp_path):
        raise AssertionError("it is not to start")
