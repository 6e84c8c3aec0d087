"""
Recorded hooks -> the content spans that they would have caused, as the demo and the tests send them.

A line is a JSON object `{"at_ns": …, "env": {…}, "input": {…}}`: when the hook ran, the variables that a capture may
read, and what it was told. No file is read: skills of another machine have no hash.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from argus_otel.capture.records import content_records
from argus_otel.capture.settings import CaptureSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argus_otel.capture.otlp import Span


_FULL = CaptureSettings()


def replay(lines: Iterable[str | bytes], settings: CaptureSettings = _FULL) -> list[Span]:
    """Return the spans of all lines in their order; `otlp.encode` makes one request of them."""
    runs = (json.loads(line) for line in lines)
    return [span for run in runs for span in content_records(run["input"], run["at_ns"], run["env"], settings)]
