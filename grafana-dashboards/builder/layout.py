"""
Panels -> a page: rows of 24 columns without gaps, each panel with its place and its number; then the dashboard around it.

A panel's number is its position: a link to a panel holds until panels are added before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from builder.links import BETWEEN_DASHBOARDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from builder import Json

COLUMNS = 24
SCHEMA_VERSION = 39
"""What the oldest supported Grafana reads and the newest migrates."""


@dataclass(frozen=True, slots=True)
class Line:
    """Panels beside each other: their height in grid units (30 px each) and their widths in columns."""

    height: int
    panels: tuple[Json, ...]
    widths: tuple[int, ...]


def line(height: int, *panels: Json, widths: Sequence[int] | None = None) -> Line:
    """
    Return a line of panels, equally wide unless `widths` are given.

    Raises:
        ValueError: they do not fill the 24 columns.
    """
    share = tuple(widths) if widths is not None else (COLUMNS // len(panels),) * len(panels)
    if sum(share) != COLUMNS or len(share) != len(panels):
        titles = ", ".join(panel["title"] for panel in panels)
        raise ValueError(f"{share} columns do not fill {COLUMNS} with: {titles}")
    return Line(height, panels, share)


def heading(title: str) -> Line:
    """Return a row's heading; what follows belongs to it."""
    return Line(1, ({"type": "row", "title": title, "collapsed": False, "panels": []},), (COLUMNS,))


def dashboard(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[Json],
    lines: Sequence[Line],
    *,
    time_from: str = "now-14d",
    refresh: str = "",
    annotations: Sequence[Json] = (),
) -> Json:
    """Return a dashboard; `uid` is its address and its file's name."""
    return {
        "id": None,
        "uid": uid,
        "title": title,
        "description": " ".join(description.split()),
        "tags": ["argus"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": time_from, "to": "now"},
        "timepicker": {},
        "refresh": refresh,
        "fiscalYearStartMonth": 0,
        "links": [BETWEEN_DASHBOARDS],
        "annotations": {"list": list(annotations)},
        "templating": {"list": list(variables)},
        "panels": _placed(lines),
    }


def _placed(lines: Sequence[Line]) -> list[Json]:
    placed: list[Json] = []
    y = 0
    for each in lines:
        x = 0
        for panel, width in zip(each.panels, each.widths, strict=True):
            place = {"x": x, "y": y, "w": width, "h": each.height}
            placed.append(panel | {"id": len(placed) + 1, "gridPos": place})
            x += width
        y += each.height
    return placed
