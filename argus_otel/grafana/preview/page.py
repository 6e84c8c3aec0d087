"""
Visits -> one HTML file: a section per visit, and links between them where both ends are in the file.

It goes the way a reader would: from the first visits down their links, the first rows of each panel before others, until
there are `sections_max`. A link that leads to no section is left out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from argus_otel.errors import ConfigError
from argus_otel.grafana.dashboards import load_all
from argus_otel.grafana.links import resolve
from argus_otel.grafana.preview.answers import Opened, opened
from argus_otel.grafana.preview.drawing import Drawing
from argus_otel.grafana.preview.panels import draw
from argus_otel.grafana.preview.visits import Visit, parse_visit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from argus_otel.grafana.preview.answers import Answer, Reader
    from argus_otel.grafana.preview.fields import Frame

_FOLLOWED_A_PANEL = 2
"""So many of a panel's links are followed: the costliest sessions, not all of a list."""
_OF_ONE_DASHBOARD = 3
"""So often a dashboard is opened in one page, with other variables each time."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What stands before the dashboards: an alert as it would be paged. `links`: text and URL."""

    title: str
    severity: str
    lines: Sequence[str]
    links: Sequence[tuple[str, str]] = ()
    anchor: str = "alert"


@dataclass(frozen=True, slots=True)
class Page:
    """The file, and what went wrong in it: a sentence for each panel whose statement failed."""

    html: str
    section_count: int
    failures: Sequence[str]

    def write(self, file: Path) -> None:
        """
        Write the page, for its owner's eyes only: transcripts are in it.

        Raises:
            ConfigError: it cannot be written there.
        """
        try:
            file.touch(mode=0o600)
            file.chmod(0o600)
            file.write_text(self.html, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{file} cannot be written: {error.strerror}") from error


def render_page(
    reader: Reader,
    visits: Sequence[Visit],
    *,
    title: str = "argus-otel preview",
    sections_max: int = 12,
    notices: Sequence[Notice] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Page:
    """
    Return the page of `visits` and of what they lead to.

    Args:
        reader: of the views; a text view that it may not read leaves its panels with a sentence that says so.
        sections_max: how many dashboards at most, the visits included.
        progress: is told each dashboard's title before it is drawn.

    Raises:
        ConfigError: a visit's dashboard does not exist.
        StoreError: ClickHouse does not answer at all.
    """
    tour = _Tour(sections_max, frozenset(dashboard.uid for dashboard in load_all()))
    # Whoever reads a notice goes its way first.
    for notice in notices:
        for _, url in notice.links:
            tour.href_of(url, visits[0].time_range)
    for visit in visits:
        tour.add(visit)
    sections = []
    while tour.waiting:
        dashboard = opened(reader, tour.waiting.popleft())
        progress(dashboard.title)
        sections.append(_section(tour, dashboard))
    html = _template().render(
        title=title,
        css=Markup(_css()),  # noqa: S704 - our own file
        notices=[_noticed(tour, notice, visits[0]) for notice in notices],
        sections=_named(sections),
    )
    return Page(html, len(sections), tour.failures)


@dataclass(slots=True)
class _Tour:
    """Which visits the page has, and which are still to be drawn."""

    sections_max: int
    uids: frozenset[str]
    known: dict[str, Visit] = field(default_factory=dict)
    waiting: deque[Visit] = field(default_factory=deque)
    failures: list[str] = field(default_factory=list)

    def add(self, visit: Visit) -> bool:
        """Return whether the page has, or will have, a section for it."""
        if visit.anchor in self.known:
            return True
        opened_count = sum(each.uid == visit.uid for each in self.known.values())
        if len(self.known) >= self.sections_max or opened_count >= _OF_ONE_DASHBOARD:
            return False
        self.known[visit.anchor] = visit
        self.waiting.append(visit)
        return True

    def href_of(self, url: str, time_range: Any, *, is_followed: bool = True) -> str:
        """Return the anchor of the section that a link leads to; empty if the page has none."""
        visit = parse_visit(url, time_range)
        if visit is None:
            return url if url.startswith("http") else ""
        if visit.uid in self.uids and (visit.anchor in self.known or (is_followed and self.add(visit))):
            return f"#{visit.anchor}"
        return ""


def _section(tour: _Tour, dashboard: Opened) -> dict[str, Any]:
    return {
        "anchor": dashboard.visit.anchor,
        "uid": dashboard.visit.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "range": _range_text(dashboard.visit),
        "chosen": dashboard.chosen,
        "panels": [_panel(tour, dashboard, answer) for answer in dashboard.answers],
    }


def _panel(tour: _Tour, dashboard: Opened, answer: Answer) -> dict[str, Any]:
    panel = answer.panel
    place = panel.json["gridPos"]
    described = {
        "type": panel.kind,
        "title": dashboard.scope.interpolate(panel.title),
        "description": panel.json.get("description", ""),
        "place": f"grid-area: {place['y'] + 1} / {place['x'] + 1} / span {place['h']} / span {place['w']}",
        "is_failed": bool(answer.error),
    }
    if panel.kind == "row":
        return described
    if answer.error:
        if not answer.is_denied:
            tour.failures.append(f"{dashboard.title}, {panel.title}: {answer.error}")
        return {
            **described,
            "body": Markup('<p class="note">{}</p>').format(answer.error),
            "is_failed": not answer.is_denied,
        }
    words = dashboard.scope.interpolate(str(panel.json.get("options", {}).get("content", "")))
    href = _href(tour, answer)
    return {**described, "body": draw(Drawing(panel, answer.frames, answer.scope.time_range, words, href))}


def _href(tour: _Tour, answer: Answer) -> Callable[[Mapping[str, Any], Frame, str, int], str]:
    followed: set[str] = set()

    def href(link: Mapping[str, Any], frame: Frame, column: str, row: int) -> str:
        url = resolve(str(link["url"]), answer.scope, frame.row(row), column, frame.labels(row))
        is_followed = len(followed) < _FOLLOWED_A_PANEL
        found = tour.href_of(url, answer.scope.time_range, is_followed=is_followed)
        if found:
            followed.add(found)
        return found

    return href


def _noticed(tour: _Tour, notice: Notice, first: Visit) -> dict[str, Any]:
    links = [(text, tour.href_of(url, first.time_range, is_followed=False)) for text, url in notice.links]
    return {
        "title": notice.title,
        "severity": notice.severity,
        "lines": notice.lines,
        "links": links,
        "anchor": notice.anchor,
    }


def _named(sections: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Number the sections of one dashboard in the page's index."""
    seen: dict[str, int] = {}
    named = []
    for section in sections:
        seen[section["uid"]] = count = seen.get(section["uid"], 0) + 1
        named.append({**section, "name": section["title"] if count == 1 else f"{section['title']} {count}"})
    return named


def _range_text(visit: Visit) -> str:
    first, last = (
        datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        for at_ms in (visit.time_range.from_ms, visit.time_range.to_ms)
    )
    return f"{first} to {last} UTC"


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("argus_otel.grafana.preview"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html")


def _css() -> str:
    return resources.files(__package__).joinpath("templates", "page.css").read_text()
