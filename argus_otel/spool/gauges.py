"""The spool's gauges of telemetry.py."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from argus_otel.telemetry import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from argus_otel.spool.spool import Spool
    from argus_otel.telemetry import Telemetry


def observe_spool(telemetry: Telemetry, spool: Spool, clock_ns: Callable[[], int] = time.time_ns) -> None:
    """Report the spool's bytes and their bound, its records and age at each collection."""

    def oldest_age_s() -> float:
        oldest_ns = spool.oldest_received_at_ns
        # A clock that jumped back must not show a negative age.
        return 0.0 if oldest_ns is None else max(0, clock_ns() - oldest_ns) / 1e9

    telemetry.observe(Metric.SPOOL_BYTES, lambda: spool.used_bytes)
    telemetry.observe(Metric.SPOOL_LIMIT_BYTES, lambda: spool.bytes_max)
    telemetry.observe(Metric.SPOOL_RECORDS, lambda: spool.record_count)
    telemetry.observe(Metric.SPOOL_OLDEST_AGE_SECONDS, oldest_age_s)
