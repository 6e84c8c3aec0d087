"""Figures in, tables of text out; medians over runs."""

from __future__ import annotations

import dataclasses
import os
import platform
import statistics
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

_T = TypeVar("_T")


def machine() -> str:
    """Return what the figures depend on, in one line."""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("chdb", "chdb-core", "grpcio", "protobuf") if _is_installed(name)
    )
    return (
        f"{os.cpu_count()} cores, {_processor()}, {platform.system()}, Python {platform.python_version()}, {packages}"
    )


def median(runs: Sequence[_T]) -> _T:
    """Return the median of each field over runs of one dataclass; what is no number is of the first run."""
    first: Any = runs[0]
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(first):
        values = [getattr(run, field.name) for run in runs]
        fields[field.name] = (
            type(values[0])(statistics.median(values)) if isinstance(values[0], (int, float)) else values[0]
        )
    made: _T = type(first)(**fields)
    return made


def table(title: str, rows: Sequence[Any]) -> str:
    """Return dataclasses of one kind as a Markdown table, a column a field."""
    names = [field.name for field in dataclasses.fields(rows[0])]
    cells = [[_cell(name, getattr(row, name)) for name in names] for row in rows]
    widths = [max(len(line[at]) for line in [names, *cells]) for at in range(len(names))]
    lines = [names, ["-" * width for width in widths], *cells]
    body = "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
    return f"\n## {title}\n\n{body}"


def _cell(name: str, value: Any) -> str:
    if "bytes" in name:
        return f"{value / (1 << 20):,.0f} MiB"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except ModuleNotFoundError:
        return False
    return True


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
