"""
The demo's data -> docs/pictures/*.png, one of each dashboard: `argus-otel demo --keep`, then this with its ClickHouse URL,
and with uids for these dashboards alone.

Each is the dashboard's whole preview, photographed by Chromium.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from argus_otel.grafana.dashboards import load_all
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.preview import Visit, render_page
from argus_otel.query import SessionFilter, list_sessions
from argus_otel.store import ServerStore

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH_PX, HEIGHT_PX_MAX = 1520, 5000
SCALE = "0.75"
MINUTE_MS = 60_000
RANGE_MS = {"argus-pipeline": 15 * MINUTE_MS}
"""The demo's service has run for minutes only: ARGUS_OTEL_OWN_METRICS_INTERVAL_S=10 gives it points to show."""
WEEK_MS = 7 * 24 * 60 * MINUTE_MS
QUIET = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"


def main(url: str, *uids: str) -> None:
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
        if uids and dashboard.uid not in uids:
            continue
        shown = TimeRange(now_ms - RANGE_MS.get(dashboard.uid, WEEK_MS), now_ms)
        if dashboard.uid == "argus-session":  # as a link opens it
            shown = TimeRange(ms(costliest["started_at"]), ms(costliest["ended_at"]) + MINUTE_MS)
        visit = Visit(dashboard.uid, chosen.get(dashboard.uid, ()), shown)
        page = render_page(reader, [visit], title="Preview", sections_max=1)
        if page.failures:
            sys.exit("\n".join(page.failures))
        photograph(browser, page.html, PICTURES / f"{dashboard.uid}.png")
    reader.close()


def ms(at: datetime) -> int:
    """Return a view's time, which is UTC, as Grafana's ranges have it."""
    return int(at.replace(tzinfo=UTC).timestamp() * 1000)


def photograph(browser: str, html: str, file: Path) -> None:
    """Write one PNG of a page, as high as the page is."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(
            html + "<script>document.title = document.documentElement.scrollHeight</script>", encoding="utf-8"
        )
        command = [browser, *QUIET.split(), "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
        command += [f"--user-data-dir={folder}/profile", f"--force-device-scale-factor={SCALE}"]

        def browse(*what: str) -> str:
            arguments = [*command, *what, page.as_uri()]
            done = subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=90)  # noqa: S603 - as found
            return done.stdout

        drawn = browse(f"--window-size={WIDTH_PX},800", "--dump-dom")
        height = min(int(re.findall(r"<title>(\d+)</title>", drawn)[0]), HEIGHT_PX_MAX)
        browse(f"--window-size={WIDTH_PX},{height}", f"--screenshot={file}")


if __name__ == "__main__":
    main(*sys.argv[1:])
