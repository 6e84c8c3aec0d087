"""Whatever arrives, a sender is told something that OTLP knows; nothing is answered with 500."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from receiving import Receiving, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiving]:
    with receiving() as state:
        yield state


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    path=st.sampled_from(["/v1/logs", "/v1/traces", "/v1/metrics"]),
    body=st.binary(max_size=200) | st.text(max_size=50).map(str.encode) | st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["resourceLogs", "scopeLogs", "traceId", "x"]), inner, max_size=3)).map(lambda value: __import__("json").dumps(value).encode()),
    content_type=st.sampled_from(["application/x-protobuf", "application/json", "text/plain", ""]),
    encoding=st.sampled_from(["", "gzip", "deflate"]),
)
def test_no_body_gets_an_answer_that_otlp_does_not_know(receiver: Receiving, path: str, body: bytes, content_type: str, encoding: str) -> None:
    status, _, _ = receiver.post(path, body, content_type, {"Content-Encoding": encoding})
    assert status in {200, 400, 413, 415}
