"""Whether a real collector can be run here; where it cannot, the reason is what its build said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINARY = ROOT / "build" / "collector" / "otelcol"
BUILD_LOG = ROOT / "build" / "collector.log"
"""Written by `make test`."""


def why_not() -> str:
    """Return why no collector can be run; empty if one can."""
    if os.access(BINARY, os.X_OK):
        return ""
    try:
        lines = [line for line in BUILD_LOG.read_text().splitlines() if line and not line.startswith("make")]
    except OSError:
        lines = []
    return f"there is no OpenTelemetry Collector: {lines[-1] if lines else 'run `make collector`, which builds it'}"


needs_collector = pytest.mark.skipif(bool(why_not()), reason=why_not())
