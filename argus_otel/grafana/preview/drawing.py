"""
What a panel is drawn from, and the few words that every type of panel shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from argus_otel.grafana.preview.fields import Field, Frame, field_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from argus_otel.grafana.dashboards import Panel
    from argus_otel.grafana.macros import TimeRange

COLUMN_PX, ROW_PX = 62, 38
"""Of Grafana's grid of 24 columns; a row of it is 30 px and its gap 8."""
_TITLE_PX, _EDGE_PX = 34, 18
ROWS_MAX = 200
"""Of a table or a log that a page shows; below them it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """
    What a panel is drawn from.

    Attributes:
        words: of a text panel, its variables filled in.
        href: `href(link, frame, column, row)`: where one of its data links leads; empty: nowhere here.
    """

    panel: Panel
    frames: Sequence[Frame]
    time_range: TimeRange
    words: str
    href: Callable[[Mapping[str, Any], Frame, str, int], str]

    @property
    def options(self) -> Mapping[str, Any]:
        options: Mapping[str, Any] = self.panel.json.get("options", {})
        return options

    @property
    def width_px(self) -> int:
        return int(self.panel.json["gridPos"]["w"]) * COLUMN_PX - _EDGE_PX

    @property
    def height_px(self) -> int:
        return int(self.panel.json["gridPos"]["h"]) * ROW_PX - _TITLE_PX - _EDGE_PX

    @property
    def is_empty(self) -> bool:
        return not any(frame.row_count for frame in self.frames)

    def field(self, frame: Frame, name: str, label: str | None = None) -> Field:
        return field_of(self.panel, name, frame.kinds[name], label)

    def first_href(self, shown: Field, frame: Frame, column: str, row: int) -> str:
        """Where a click on a value leads: its first link that leads somewhere."""
        links = [*shown.links, *self.panel.json.get("links", ())]
        return next(filter(None, (self.href(link, frame, column, row) for link in links)), "")

    @property
    def first_frame(self) -> Frame:
        """The first answer with rows."""
        return next(frame for frame in self.frames if frame.row_count)


def note(text: str) -> Markup:
    """Return a remark in the place of a drawing."""
    return Markup('<p class="note">{}</p>').format(text)


def anchor(text: str, url: str) -> Markup:
    """Return the text, as a link if it leads anywhere."""
    return Markup('<a href="{}">{}</a>').format(url, text) if url else Markup.escape(text)


def more_rows(row_count: int) -> Markup:
    """Return how many rows a page does not show."""
    return note(f"and {row_count - ROWS_MAX:,} more rows") if row_count > ROWS_MAX else Markup()


def legend(entries: Sequence[tuple[str, str]]) -> Markup:
    """Return (title, colour) of what a chart shows."""
    items = [Markup('<li><i style="background:{}"></i>{}</li>').format(colour, title) for title, colour in entries]
    return Markup('<ul class="legend">{}</ul>').format(Markup().join(items))
