"""
One run of a hook -> what its session's transcript says that no hook tells: the assistant's text between tool calls.

Where a file was read to is kept; the turn that it ends in is read again next time, as a transcript is written late. What
was in a file before any hook named it stays out: it may be of a time when nothing was to be captured. `argus-otel import`
is for that.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from argus_otel.capture.otlp import Span
    from argus_otel.capture.prepare import HookRun
    from argus_otel.capture.settings import Settings

# Where work goes on, what was said last may look like the answer.
_ENDS_OF_WORK = {
    "transcript_path": ("Stop", "StopFailure", "SessionEnd"),
    "agent_transcript_path": ("SubagentStop",),
}
_FILES_MAX = 200
_SPANS_MAX = 100


def complete(run: HookRun, settings: Settings, offsets: Mapping[str, int]) -> tuple[list[Span], dict[str, int]]:
    """
    Return what is to be sent beyond the hook's own record, and the offsets to go on from: of the latest files only.

    Raises:
        SettingsError: the rules of redaction cannot be read.
    """
    event = run.told.get("hook_event_name")
    spans: list[Span] = []
    known = dict(offsets)
    for key, ends in _ENDS_OF_WORK.items():
        path = run.told.get(key)
        if not isinstance(path, str) or not os.path.isabs(path):  # noqa: PTH117 - pathlib is slow to load
            continue
        if path not in known:  # a subagent began while its session was captured
            known[path] = 0 if key == "agent_transcript_path" else _size(path)
        if event in ends:
            from argus_otel.capture.transcript import read_from  # what it needs takes longer than all else here

            found, known[path] = read_from(path, known[path], settings)
            spans.extend(span for span in found if span.attributes.get("argus.record") == "assistant_message")
    return spans, dict(list(known.items())[-_FILES_MAX:])


def in_parts(spans: Sequence[Span]) -> Iterator[Sequence[Span]]:
    """Split what is too much for one file of the spool."""
    for first in range(0, len(spans), _SPANS_MAX):
        yield spans[first : first + _SPANS_MAX]


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0
