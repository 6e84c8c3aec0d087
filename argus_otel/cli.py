"""
The commands. The only place that exits the process: 0 ok, 1 failed, 2 wrong usage.

Reading commands are clients of ClickHouse's HTTP interface, of the running service or of a server. Changing commands go
through the control socket of the running service. A command imports what it needs when it runs.
"""

from __future__ import annotations

import enum
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, Optional

import typer

from argus_otel import __version__
from argus_otel.doctor.command import doctor
from argus_otel.draining import drain
from argus_otel.enriching import budget_app, invoice_app, mute_app, people_app
from argus_otel.errors import ConfigError
from argus_otel.grafana.alerts.rules import RULES
from argus_otel.grafana.commands import grafana_app
from argus_otel.migrating import migrate
from argus_otel.moving.command import move
from argus_otel.plugin.commands import OursFirst, claude, plugin_app
from argus_otel.reading import ClickHouse, ConfigFile, DataDir, Url
from argus_otel.reading import configured as _load
from argus_otel.reading import reader_of as _reader
from argus_otel.terminal import Format, Output, Yes
from argus_otel.terminal import failures as _failures
from argus_otel.terminal import show as _print

app = typer.Typer(
    name="argus-otel",
    help="Joins Claude Code's native OpenTelemetry with the content of its sessions, in ClickHouse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
letters_app = typer.Typer(
    help="What ClickHouse refuses for good is set aside here, payload by payload.", no_args_is_help=True
)
app.add_typer(letters_app, name="dead-letter")
app.add_typer(plugin_app, name="plugin")
app.add_typer(people_app, name="people")
app.add_typer(budget_app, name="budget")
app.add_typer(invoice_app, name="invoice")
app.add_typer(mute_app, name="mute", context_settings={"obj": {rule.name: rule.mutable_by for rule in RULES}})
app.add_typer(grafana_app, name="grafana")
app.command(cls=OursFirst)(claude)
app.command()(doctor)
app.command()(drain)
app.command()(migrate)
app.command()(move)


class Sort(enum.StrEnum):
    """What sessions are sorted by; most first."""

    STARTED = "started"
    COST = "cost"
    TOKENS = "tokens"
    TOOLS = "tools"
    FAILURES = "failures"


def main() -> NoReturn:
    """Run the command line."""
    app()
    sys.exit(0)


def _version(value: bool) -> None:  # noqa: FBT001 - typer's callback
    if value:
        typer.echo(f"argus-otel {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    data_dir: DataDir = None,
    otlp_grpc: Annotated[
        Optional[str], typer.Option(help="HOST:PORT for OTLP/gRPC (127.0.0.1:4317); port 0 picks a free one.")
    ] = None,
    otlp_http: Annotated[Optional[str], typer.Option(help="HOST:PORT for OTLP/HTTP (127.0.0.1:4318).")] = None,
    clickhouse: Annotated[
        Optional[str], typer.Option(help="`embedded`, or the URL of a ClickHouse server (embedded).")
    ] = None,
    clickhouse_http: Annotated[
        Optional[str], typer.Option(help="HOST:PORT of the embedded engine's ClickHouse endpoint (127.0.0.1:8123).")
    ] = None,
    token_file: Annotated[
        Optional[Path], typer.Option(help="File with the bearer token that senders must present.")
    ] = None,
    tls_certificate: Annotated[Optional[Path], typer.Option(help="PEM certificate for both OTLP listeners.")] = None,
    tls_key: Annotated[Optional[Path], typer.Option(help="PEM key of the certificate.")] = None,
    migrate: Annotated[
        Optional[bool],
        typer.Option("--migrate", help="Migrate a ClickHouse server at start (the embedded engine always is)."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Receive OTLP, keep it, join it, and answer queries until stopped."""
    flags = {
        "data_dir": data_dir, "otlp_grpc": otlp_grpc, "otlp_http": otlp_http,
        "clickhouse": clickhouse, "clickhouse_http": clickhouse_http,
        "token_file": token_file, "tls_certificate": tls_certificate, "tls_key": tls_key, "migrate": migrate,
    }  # fmt: skip
    with _failures():
        settings = _load(flags, config)
        from argus_otel.app import run
        from argus_otel.logs import configure

        configure(settings.log_level, settings.log_format)
        run(settings)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep serving at the end, until Ctrl-C.")] = False,
    page: Annotated[
        Path, typer.Option(help="Where to write the dashboards, from the alert to the transcript, as one page.")
    ] = Path("argus-otel-demo.html"),
    no_page: Annotated[bool, typer.Option("--no-page", help="Write no page.")] = False,
) -> None:
    """Show it all on recorded sessions and two made-up weeks of a small team; only the page is left."""
    with _failures():
        from rich.console import Console

        from argus_otel.demo.command import run_demo

        if not no_page:
            _must_be_writable("--page", page)
        raise typer.Exit(run_demo(Console(), None if no_page else page, keep=keep))


@app.command()
def sessions(
    since: Annotated[Optional[str], typer.Option(help="Only sessions active in the last, e.g. 30m, 24h, 7d.")] = None,
    sort: Annotated[Sort, typer.Option(help="Sort by, most first.")] = Sort.STARTED,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    workspace: Annotated[Optional[str], typer.Option(help="Only this workspace.")] = None,
    user: Annotated[Optional[str], typer.Option(help="Only this user: e-mail, user id or enduser.id.")] = None,
    output: Output = Format.TABLE,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    url: Url = None,
    clickhouse: ClickHouse = None,
) -> None:
    """List sessions with what they cost and did."""
    with _failures():
        from argus_otel.query import SessionFilter, list_sessions
        from argus_otel.query.present import sessions_table

        wanted = SessionFilter(_duration_s(since), workspace, user, sort.value, limit)
        with _reader(data_dir, config, url, clickhouse) as (reader, settings):
            rows = list_sessions(reader, settings.argus_database, wanted)
        _print(rows, output, lambda: sessions_table(rows))


@app.command()
def session(
    session_id: Annotated[str, typer.Argument(metavar="ID", help="Session id, or a prefix of it that is unique.")],
    output: Output = Format.TABLE,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    url: Url = None,
    clickhouse: ClickHouse = None,
) -> None:
    """Show one session: its transcript, with the cost of each turn."""
    with _failures():
        from argus_otel.query import find_session, read_session
        from argus_otel.query.present import transcript_of

        with _reader(data_dir, config, url, clickhouse) as (reader, settings):
            workspace, whole_id = find_session(reader, settings.argus_database, session_id)
            found = read_session(reader, settings.argus_database, workspace, whole_id)
        _print(found, output, lambda: transcript_of(found))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help='A query, e.g. "SELECT * FROM argus.sessions".')],
    output: Output = Format.TABLE,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    url: Url = None,
    clickhouse: ClickHouse = None,
) -> None:
    """Run a query, read-only against the embedded engine."""
    with _failures():
        from argus_otel.query.present import rows_table

        with _reader(data_dir, config, url, clickhouse) as (reader, _):
            rows = reader.rows(query)
        _print(rows, output, lambda: rows_table(rows))


@app.command()
def preview(
    dashboard: Annotated[str, typer.Argument(help="Its uid, e.g. argus-cost; `--list` says which there are.")] = "",
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("preview.html"),
    since: Annotated[
        str, typer.Option("--from", help="now-7d, 2026-11-24T10:00 (UTC) or epoch milliseconds.")
    ] = "now-7d",
    until: Annotated[str, typer.Option("--to", help="As --from.")] = "now",
    var: Annotated[Optional[list[str]], typer.Option(help="NAME=VALUE of a variable; may be repeated.")] = None,
    pages: Annotated[int, typer.Option(min=1, max=100, help="At most so many dashboards, following the links.")] = 8,
    listing: Annotated[bool, typer.Option("--list", help="Only list the dashboards.")] = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    url: Url = None,
    clickhouse: ClickHouse = None,
) -> None:
    """Render a dashboard with real answers, and where its links lead, as one page; no Grafana needed."""
    with _failures():
        from argus_otel.grafana.dashboards import load, load_all

        if listing or not dashboard:
            for each in load_all():
                typer.echo(f"{each.uid:18} {each.title}")
            raise typer.Exit(0 if listing else 2)
        from argus_otel.grafana.macros import TimeRange
        from argus_otel.grafana.preview import Visit, instant_ms, render_page

        now_ms = time.time_ns() // 10**6
        visit = Visit(dashboard, _variables(var or []), TimeRange(instant_ms(since, now_ms), instant_ms(until, now_ms)))
        _must_be_writable("--out", out)
        names = {variable["name"] for variable in load(dashboard).variables}
        if unknown := {name for name, _ in visit.variables} - names:
            raise ConfigError(
                f"{dashboard} has no variable {', '.join(sorted(unknown))}: it has {', '.join(sorted(names))}"
            )
        with _reader(data_dir, config, url, clickhouse) as (reader, _):
            page = render_page(reader, [visit], sections_max=pages, progress=lambda title: typer.echo(title, err=True))
        page.write(out)
        typer.echo(f"{page.section_count} dashboards in {out}")
        for failure in page.failures:
            typer.echo(f"not answered: {failure}", err=True)
        if page.failures:
            raise typer.Exit(1)


def _must_be_writable(option: str, file: Path) -> None:
    """Say it before the work, not after."""
    if file.is_dir() or not file.parent.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ConfigError(f"{option} {file}: a file cannot be written there")


def _variables(given: list[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read NAME=VALUE; a name that is given twice has two values."""
    values: dict[str, list[str]] = {}
    for each in given:
        name, separator, value = each.partition("=")
        if not separator or not name:
            raise ConfigError(f"--var takes NAME=VALUE, not {each!r}")
        values.setdefault(name, []).append(value)
    return tuple((name, tuple(several)) for name, several in values.items())


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True}, add_help_option=False)
def capture(context: typer.Context) -> None:
    """Send what one hook is told (JSON on stdin) as content spans; run it with --help for the variables that it reads."""
    from argus_otel.capture.command import main as capture_main

    raise typer.Exit(capture_main(context.args, sys.stdin.buffer, os.environ))


@app.command()
def forget(
    session_id: Annotated[str, typer.Option("--session", metavar="ID", help="The session's whole id.")],
    workspace: Annotated[str, typer.Option(help="Its workspace.")] = "default",
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until it is gone.")] = 30.0,
    yes: Yes = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Make a session private: its text disappears from the views at once and from the disk in seconds; numbers stay."""
    with _failures():
        from argus_otel.forget import ask, erasure, known_ids, wait_until
        from argus_otel.reading import store_of

        settings = _load({"data_dir": data_dir}, config)
        reader = store_of(settings)
        argus = settings.argus_database
        known = known_ids(reader, argus, workspace, session_id)
        if known and session_id not in known:
            raise ConfigError(f"--session takes a whole id, and {session_id!r} is the beginning of {', '.join(known)}")
        doubt = (
            "" if known else f" No session of this id is known in workspace {workspace}; what comes later is covered."
        )
        if not yes:
            typer.confirm(f"Delete the text of session {session_id} for good?{doubt}", abort=True)
        ask(settings.data_dir, workspace, session_id)

        def told(column: str) -> Any:
            found = erasure(reader, argus, workspace, session_id)
            return found and found[column]

        if not wait_until(lambda: told("unreadable_at") is not None, max(wait, 1.0)):
            typer.echo(f"{session_id} is asked to be forgotten, durably; ClickHouse has not taken it up yet")
        elif not known:
            typer.echo(f"no session {session_id} is known in workspace {workspace}: if it comes, it is private")
        elif not wait_until(lambda: told("gone_at") is not None, wait):
            typer.echo(f"{session_id} is unreadable; its text is being deleted: see argus.erasures")
        else:
            rows = told("row_count")
            typer.echo(f"{session_id} is forgotten: its text is unreadable and gone ({rows} rows), its numbers stay")
        reader.close()


@app.command("import")
def import_(
    path: Annotated[
        Path, typer.Argument(help="A transcript (.jsonl), a project's folder, a whole `projects` folder or ~/.claude.")
    ],
    endpoint: Annotated[
        Optional[str],
        typer.Option(help="OTLP/HTTP receiver (ARGUS_OTEL_ENDPOINT, else the running service, else port 4318 here)."),
    ] = None,
    token_file: Annotated[Optional[Path], typer.Option(help="File with the bearer token for it.")] = None,
    capture_level: Annotated[
        Optional[str], typer.Option(help="full, or metadata: no text (ARGUS_OTEL_CAPTURE_LEVEL, else full).")
    ] = None,
    redaction: Annotated[bool, typer.Option(help="Replace what looks like a secret before it is sent.")] = True,
    since: Annotated[Optional[str], typer.Option(help="Only records of the last, e.g. 24h, 7d.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Send what was imported before, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing, only count.")] = False,
    state: Annotated[Optional[Path], typer.Option(help="File that keeps what was imported.")] = None,
    output: Output = Format.TABLE,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Send transcripts that are on this machine, as if they had been captured while they happened."""
    with _failures():
        from rich.console import Console

        from argus_otel import importing
        from argus_otel.query.present import rows_table

        settings = importing.settings_of(os.environ, capture_level, redaction=redaction)
        since_s = _duration_s(since)
        order = importing.Order(
            path.expanduser(),
            settings,
            importing.destination_of(endpoint, token_file, settings, _load({"data_dir": data_dir}, config), os.environ),
            state or importing.default_state_file(os.environ),
            again,
            dry_run,
            time.time_ns() - since_s * 10**9 if since_s is not None else 0,
        )
        with importing.progress_bar(Console(stderr=True)) as progress:
            summary = importing.import_transcripts(order, progress)
        told = summary.as_json() if output is Format.JSON else summary.rows()
        _print(told, output, lambda: rows_table(summary.rows()))
        if summary.refused:
            raise typer.Exit(1)


@letters_app.command("list")
def list_letters(output: Output = Format.TABLE, data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """List the dead letters, oldest first."""
    with _failures():
        from argus_otel.query.present import rows_table
        from argus_otel.running import command

        rows = command(_load({"data_dir": data_dir}, config).data_dir, "GET", "/dead-letters")
        _print(rows, output, lambda: rows_table([_letter_line(row) for row in rows]))


def _letter_line(letter: dict[str, Any]) -> dict[str, Any]:
    since = datetime.fromtimestamp(letter["dead_at_ns"] // 10**9, UTC)
    return {
        "id": letter["id"],
        "since (UTC)": f"{since:%Y-%m-%d %H:%M:%S}",
        "signal": letter["signal"],
        "records": letter["record_count"],
        "bytes": letter["request_bytes"],
        "why": f"{letter['error']} ({letter['code']})",
    }


@letters_app.command("show")
def show_letter(
    letter_id: Annotated[str, typer.Argument(metavar="ID")], data_dir: DataDir = None, config: ConfigFile = None
) -> None:
    """Show one dead letter: why it was refused, and its request as JSON, redacted."""
    with _failures():
        from argus_otel.running import command

        typer.echo(
            json.dumps(
                command(
                    _load({"data_dir": data_dir}, config).data_dir, "POST", "/dead-letters/show", {"id": letter_id}
                ),
                indent=2,
            )
        )


@letters_app.command("retry")
def retry_letters(
    letter_ids: Annotated[Optional[list[str]], typer.Argument(metavar="[ID]...", help="Which; none for all.")] = None,
    yes: Yes = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Move dead letters back into the spool: they load, or are refused again."""
    with _failures():
        from argus_otel.running import command

        folder = _load({"data_dir": data_dir}, config).data_dir
        ids = letter_ids or [letter["id"] for letter in command(folder, "GET", "/dead-letters")]
        if not yes and ids:
            typer.confirm(f"Load {len(ids)} dead letters again?", abort=True)
        moved = command(folder, "POST", "/dead-letters/retry", {"ids": ids})
        typer.echo(f"{len(moved)} dead letters are back in the spool")


_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _duration_s(text: str | None) -> int | None:
    if text is None:
        return None
    if text[:-1].isdigit() and text[-1] in _UNITS_S:
        return min(int(text[:-1]) * _UNITS_S[text[-1]], int(time.time()))
    raise typer.BadParameter(f"{text!r} is no duration: write 30m, 24h, 7d or 2w")
