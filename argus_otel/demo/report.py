"""What the demo prints when everything is visible: sessions, days, the costliest transcript, and what to try next."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from argus_otel.demo import recordings
from argus_otel.query import SessionFilter, cost_by_day, list_sessions, read_session
from argus_otel.query.present import days_table, sessions_table, transcript_of

if TYPE_CHECKING:
    from rich.console import Console

    from argus_otel.demo.service import Service
    from argus_otel.grafana.preview import Page
    from argus_otel.query.sessions import Reader

_ARGUS = "argus"
_SESSIONS_MAX = 10_000
_COSTLIEST_SHOWN = 10
_TURNS_SHOWN, _ROWS_SHOWN = 4, 12


def show(reader: Reader, console: Console) -> None:
    """Print the sessions, what each day cost, and the costliest session."""
    rows = list_sessions(reader, _ARGUS, SessionFilter(sort="cost", limit=_SESSIONS_MAX))
    recorded_ids = {recordings.truth(name)["session_id"] for name in recordings.NAMES}
    recorded = [row for row in rows if row["session_id"] in recorded_ids]
    _heading(console, "Recorded sessions of the Agent SDK")
    console.print(sessions_table(recorded))
    _heading(
        console,
        f"Two weeks of a made-up team: the {_COSTLIEST_SHOWN} costliest of {len(rows) - len(recorded)} sessions",
    )
    console.print(sessions_table([row for row in rows if row["session_id"] not in recorded_ids][:_COSTLIEST_SHOWN]))
    _heading(console, "Cost by day")
    console.print(days_table(cost_by_day(reader, _ARGUS)))
    _heading(console, "The costliest session, turn by turn")
    costliest = rows[0]
    found = read_session(reader, _ARGUS, costliest["workspace"], costliest["session_id"])
    console.print(transcript_of(found, turns_max=_TURNS_SHOWN, rows_max=_ROWS_SHOWN))
    console.print()


def show_page(console: Console, file: Path, page: Page) -> None:
    """Say where the page is, and which of its panels could not be answered."""
    console.print(
        f"{page.section_count} pages of dashboards, from the alert to the transcript, in one file: {file}",
        highlight=False,
    )
    for failure in page.failures:
        console.print(Text(f"  not answered: {failure}", "red"))


def show_next_commands(console: Console, data_dir: str | None) -> None:
    """Print three commands to try: on the demo's own service if it is kept, else how to get one."""
    program = _program()
    if data_dir is None:
        commands = [
            f"{program} demo --keep",
            f"{program} serve",
            f"{program} sessions --since 24h --sort cost",
        ]
    else:
        at = f"--data-dir {shlex.quote(data_dir)}"
        query = "SELECT toDate(ts) AS day, model, sum(cost_usd) FROM argus.api_requests GROUP BY ALL ORDER BY ALL"
        commands = [
            f"{program} sessions --since 14d --sort failures {at}",
            f"{program} session {recordings.truth('default')['session_id'][:8]} {at}",
            f'{program} sql "{query}" {at}',
        ]
    _heading(console, "Try next")
    for command in commands:
        console.print(Text(f"  {command}"), soft_wrap=True)


def show_addresses(console: Console, service: Service) -> None:
    """Print where the kept service answers."""
    _heading(console, "Serving until Ctrl-C")
    console.print(Text(f"  OTLP/gRPC        {service.otlp_grpc}"))
    console.print(Text(f"  OTLP/HTTP        http://{service.otlp_http}"))
    console.print(Text(f"  ClickHouse HTTP  http://{service.clickhouse_http}  (read-only)"))


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, "bold underline"))


def _program() -> str:
    if shutil.which("argus-otel"):
        return "argus-otel"
    beside = Path(sys.executable).with_name("argus-otel")
    if not beside.exists():
        return f"{shlex.quote(sys.executable)} -m argus_otel"
    near = beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside
    return shlex.quote(str(near))
