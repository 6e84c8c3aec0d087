"""
Durable before acknowledged: envelopes in, segment files out that ClickHouse can read.

`Spool.append` returns after fdatasync; a loader takes sealed segments with `take` and gives them up with
`delete_through`. What the files look like stands in segment.py.
"""

from __future__ import annotations

from argus_otel.spool.disk import Disk
from argus_otel.spool.gauges import observe_spool
from argus_otel.spool.segment import Segment, SpoolSettings
from argus_otel.spool.spool import Spool

__all__ = ["Disk", "Segment", "Spool", "SpoolSettings", "observe_spool"]
