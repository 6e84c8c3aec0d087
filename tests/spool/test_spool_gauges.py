"""The spool's gauges, as Prometheus reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from spool_doubles import drain, envelope, settings

from argus_otel.envelope import encode
from argus_otel.spool import Spool, observe_spool
from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    telemetry = Telemetry()
    yield telemetry
    telemetry.close()


def has_sample(telemetry: Telemetry, name: str, value: float) -> bool:
    samples = [line for line in telemetry.prometheus().decode().splitlines() if line.startswith(name + "{")]
    return value in {float(sample.rpartition(" ")[2]) for sample in samples}


def test_bytes_records_and_age_follow_the_spool(tmp_path: Path, telemetry: Telemetry) -> None:
    now_ns = 5_000_001_003
    spool = Spool(settings(tmp_path))
    observe_spool(telemetry, spool, clock_ns=lambda: now_ns)
    spool.append_blocking(envelope(3, record_count=17))
    assert has_sample(telemetry, "argus_otel_spool_bytes", len(encode(envelope(3))))
    assert has_sample(telemetry, "argus_otel_spool_limit_bytes", settings(tmp_path).bytes_max)
    assert has_sample(telemetry, "argus_otel_spool_records", 17)
    assert has_sample(telemetry, "argus_otel_spool_oldest_age_seconds", 5.0)
    now_ns = 0  # the clock jumped back behind the time of receipt
    assert has_sample(telemetry, "argus_otel_spool_oldest_age_seconds", 0.0)
    now_ns = 10**12
    drain(spool)
    assert has_sample(telemetry, "argus_otel_spool_bytes", 0)
    assert has_sample(telemetry, "argus_otel_spool_oldest_age_seconds", 0.0)
    spool.close()
