"""
Sealed segments in, one INSERT per batch, and the accounting: received = loaded + dead-lettered + spooled.

A batch is retried until ClickHouse takes it; what ClickHouse refuses for good is isolated and dead-lettered.
"""

from __future__ import annotations

from argus_otel.load.accounting import Accounting
from argus_otel.load.dead_letters import DeadLetter, DeadLetters, DeadLetterSettings
from argus_otel.load.ledger import Ledger
from argus_otel.load.loader import Loader, LoadSettings, SegmentQueue
from argus_otel.load.status import LoaderStatus

__all__ = [
    "Accounting",
    "DeadLetter",
    "DeadLetterSettings",
    "DeadLetters",
    "Ledger",
    "LoadSettings",
    "Loader",
    "LoaderStatus",
    "SegmentQueue",
]
