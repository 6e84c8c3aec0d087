"""
The demo's data -> docs/pictures/*.png, one of each dashboard: `argus-otel demo --keep`, then this with its ClickHouse URL.

Each is the dashboard's preview, photographed by Chromium from its top.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from argus_otel.grafana.dashboards import Dashboard, load_all
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.preview import Visit, render_page
from argus_otel.query import SessionFilter, list_sessions
from argus_otel.store import ServerStore

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH_PX, HEIGHT_PX_MAX = 1520, 1750
SCALE = "0.75"
HOUR_MS = 3_600_000
RANGE_MS = {"argus-pipeline": HOUR_MS}
WEEK_MS = 7 * 24 * HOUR_MS
HEAD_PX, ROW_PX = 190, 38


def main(url: str) -> None:
    """Photograph every dashboard; a panel that cannot be answered ends it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium is needed: apt-get install chromium")
    PICTURES.mkdir(exist_ok=True)
    reader = ServerStore(url)
    now_ms = time.time_ns() // 10**6
    [costliest] = list_sessions(reader, "argus", SessionFilter(sort="cost", limit=1))
    chosen = {
        "argus-session": (("workspace", (costliest["workspace"],)), ("session", (costliest["session_id"],))),
        "argus-sessions": (("sort", ("cost",)),),
    }
    for dashboard in load_all():
        shown = TimeRange(now_ms - RANGE_MS.get(dashboard.uid, WEEK_MS), now_ms)
        visit = Visit(dashboard.uid, chosen.get(dashboard.uid, ()), shown)
        page = render_page(reader, [visit], title="Preview", sections_max=1)
        if page.failures:
            sys.exit("\n".join(page.failures))
        photograph(browser, page.html, PICTURES / f"{dashboard.uid}.png", height_px(dashboard))
    reader.close()


def height_px(dashboard: Dashboard) -> int:
    """Return how much of the dashboard the picture shows."""
    rows = max(panel.json["gridPos"]["y"] + panel.json["gridPos"]["h"] for panel in dashboard.panels)
    return int(min(HEAD_PX + rows * ROW_PX, HEIGHT_PX_MAX))


def photograph(browser: str, html: str, file: Path, height: int) -> None:
    """Write one PNG of a page."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(html, encoding="utf-8")
        quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        command = [
            browser, *quiet.split(), "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            f"--user-data-dir={folder}/profile", f"--force-device-scale-factor={SCALE}",
            f"--window-size={WIDTH_PX},{height}", f"--screenshot={file}", page.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=90)  # noqa: S603 - the browser that was found


if __name__ == "__main__":
    main(sys.argv[1])
