"""`argus-otel move`: what is asked and told at the terminal."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from argus_otel.errors import ConfigError
from argus_otel.reading import ConfigFile, DataDir, configured
from argus_otel.running import NotRunningError
from argus_otel.running import command as ask_service
from argus_otel.terminal import failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from argus_otel.config import Config
    from argus_otel.moving.mover import Moved, Mover
    from argus_otel.moving.record import MoveRecord

_DRAIN_S_MAX = 3600.0


def move(
    to: Annotated[
        str,
        typer.Option(metavar="URL", help="The ClickHouse server; its password may be in clickhouse_password_file."),
    ],
    merge: Annotated[
        bool, typer.Option("--merge", help="The server may hold data; what is moved comes beside it.")
    ] = False,
    migrate: Annotated[bool, typer.Option("--migrate", help="Migrate a server that has another schema.")] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Give up a move that is half done; the folder stays as it is.")
    ] = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Move what an embedded engine holds to a ClickHouse server; stopped in the middle, run it again."""
    with failures():
        from argus_otel.app import schema_settings
        from argus_otel.moving.errors import MoveError
        from argus_otel.moving.mover import Mover
        from argus_otel.moving.record import MoveRecord, read_record
        from argus_otel.store import ServerLogin, ServerStore

        server = _server_of(to)
        settings = configured({"data_dir": data_dir, "clickhouse": "embedded"}, config)
        folder = settings.data_dir
        if settings.cluster:
            raise MoveError("move fills a single server, not a cluster: see docs/operations.md")
        _must_not_run(folder)
        record = read_record(folder)
        if record and record.server != server:
            raise MoveError(f"a move to {record.server} is half done: finish it, or give it up with --abandon")
        store = ServerStore(to, replace(ServerLogin.of(settings), query_timeout_s=3600))
        try:
            with _progress() as progress:
                mover = Mover(folder, store, schema_settings(settings), record or MoveRecord(server), progress)
                if abandon:
                    _abandon(mover, record)
                    return
                dead_lettered = 0
                if not mover.is_copied:
                    if not (folder / "clickhouse").is_dir():
                        raise ConfigError(f"{folder} has no embedded engine: there is nothing to move")
                    mover.prepare_server(may_migrate=migrate, may_hold_data=merge)
                    dead_lettered = _load_spool(settings)
                    mover.copy()
                moved = mover.attach()
        finally:
            store.close()
        _tell(moved, folder, server, dead_lettered)


def _server_of(url: str) -> str:
    from argus_otel.config import server_of

    try:
        parts = server_of(url)
    except ValueError as error:
        raise ConfigError(f"--to must be one server: {error}") from None
    return f"{parts.hostname}:{parts.port or (8443 if parts.scheme == 'https' else 8123)}"


def _must_not_run(folder: Path) -> None:
    from argus_otel.moving.errors import MoveError

    try:
        ask_service(folder, "GET", "/drain")
    except NotRunningError:
        return
    raise MoveError(
        f"a service runs on {folder}: stop it with `argus-otel drain --stop`; senders keep what they have and try again"
    )


def _abandon(mover: Mover, record: MoveRecord | None) -> None:
    if record is None:
        raise ConfigError("no move is half done here")
    mover.abandon()
    typer.echo("the move is given up: the server's tables and this folder are as they were")


def _load_spool(settings: Config) -> int:
    """Return how many records were refused for good; all others stand in the engine."""
    from argus_otel.draining import drain_folder

    if not (settings.data_dir / "spool").is_dir():
        return 0
    return drain_folder(settings, _DRAIN_S_MAX).dead_lettered


def _tell(moved: Moved, folder: Path, server: str, dead_lettered: int) -> None:
    for table, rows in moved.rows.items():
        if rows:
            typer.echo(f"{rows:>12,}  {table}")
    sessions, cost_nanousd = moved.totals["sessions count()"], moved.totals["sessions sum(cost_nanousd)"]
    typer.echo(f"moved to {server}: {sessions} sessions, {cost_nanousd / 1e9:.6f} USD, equal at both ends")
    if dead_lettered:
        typer.echo(f"{dead_lettered} records were refused for good before and stay in {folder / 'dead-letter'}")
    typer.echo(f"Go on with: argus-otel serve --data-dir {folder} --clickhouse URL")
    typer.echo(f"{moved.aside} is not read any more: delete it when you have looked")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield what tells how far it is: a bar on stderr where that is a terminal, else a line for each tenth."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    told: set[int] = set()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def tell(table: str, copied_rows: int, all_rows: int) -> None:
            bar.update(task, description=table, completed=copied_rows, total=all_rows)
            tenth = 10 * copied_rows // max(all_rows, 1)
            if not console.is_terminal and tenth not in told:
                told.add(tenth)
                typer.echo(f"copied {copied_rows:,} of {all_rows:,} rows", err=True)

        yield tell
