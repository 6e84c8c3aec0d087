"""
`argus-otel migrate`: a server, the engine of the running service, or tables that a collector fills -> this version's schema,
and back.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from argus_otel.errors import ConfigError
from argus_otel.reading import ConfigFile, DataDir, configured, endpoint_of_service
from argus_otel.terminal import Format, Output, Yes, failures, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.config import Config
    from argus_otel.schema.backfill import Progress
    from argus_otel.schema.render import SchemaSettings
    from argus_otel.store import ServerStore


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the statements that would run.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Only list the statements and their state.")] = False,
    print_grants: Annotated[
        bool, typer.Option("--print-grants", help="Only print the users and the least rights that they need.")
    ] = False,
    landing: Annotated[
        Optional[str],
        typer.Option(
            metavar="DATABASE", help="Put facts and views on tables that the collector's clickhouseexporter fills."
        ),
    ] = None,
    backfill_again: Annotated[
        bool,
        typer.Option("--backfill-again", help="With --landing: read all stored rows once more; counts nothing twice."),
    ] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Drop what was migrated; tables of the collector stay as they are.")
    ] = False,
    yes: Yes = False,
    clickhouse: Annotated[
        Optional[str], typer.Option(help="URL of the ClickHouse server; default: the running service.")
    ] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    output: Output = Format.TABLE,
) -> None:
    """Bring a ClickHouse server, or the running service's engine, to this version's schema."""
    with failures():
        settings = configured({"data_dir": data_dir, "clickhouse": clickhouse}, config)
        is_server = settings.clickhouse != "embedded"
        only = {
            "--print-grants": print_grants,
            "--uninstall": uninstall,
            "--list": listing,
            "--backfill-again": backfill_again,
        }
        _check_together(settings, landing, [option for option, is_given in only.items() if is_given])
        if print_grants:
            _print_grants(settings, landing)
            return
        if uninstall:
            _uninstall(settings, landing, dry_run=dry_run, yes=yes)
            return
        if is_server:
            rows = _migrate_server(settings, landing, dry_run=dry_run, listing=listing, again=backfill_again)
        elif dry_run or listing:
            rows = _plan_of_service(settings, with_sql=dry_run)
        else:
            from argus_otel.running import command

            rows = command(settings.data_dir, "POST", "/migrate")
        if dry_run and output is Format.TABLE:
            typer.echo("\n\n".join(f"{row['sql']};" for row in rows))
            return
        from argus_otel.query.present import rows_table

        show(rows, output, lambda: rows_table(rows))


def _check_together(config: Config, landing: str | None, options: list[str]) -> None:
    """Refuse what does not go with the server or with each other; of the options each says what alone is to be done."""
    from argus_otel.config import server_urls

    if (landing or "--uninstall" in options) and config.clickhouse == "embedded":
        raise ConfigError(
            "--landing and --uninstall are for a ClickHouse server: give --clickhouse URL; of the embedded engine all is in "
            f"{config.data_dir}: stop the service and remove the folder"
        )
    if landing and len(server_urls(config.clickhouse)) > 1:
        raise ConfigError(
            "--landing takes the URL of one server: a view sees only what is inserted on its own, so give each server its own"
        )
    if len(options) > 1:
        raise ConfigError(f"{' and '.join(options)} do not go together: give one of them")
    if options == ["--backfill-again"] and landing is None:
        raise ConfigError("--backfill-again reads tables of a collector: say which, --landing DATABASE")


def _migrate_server(
    config: Config, landing: str | None, *, dry_run: bool, listing: bool, again: bool
) -> list[dict[str, Any]]:
    from argus_otel.schema.migrate import migrate as apply
    from argus_otel.schema.migrate import plan

    with _server(config) as store:
        settings = _schema(config, store, landing)
        steps = (plan if dry_run or listing else apply)(store, settings)
        if settings.landing and not (dry_run or listing):
            from argus_otel.schema.backfill import backfill

            backfill(store, settings, again=again, tell=_tell)
    return _steps(steps, with_sql=dry_run)


def _tell(progress: Progress) -> None:
    batch = progress.batch
    share = f"{progress.rows_done:,} of {progress.rows_all:,} rows"
    typer.echo(f"backfilled {batch.table}, partition {batch.partition}: {share}", err=True)


def _print_grants(config: Config, landing: str | None) -> None:
    from argus_otel.schema.grants import Grants

    if landing is None:
        from argus_otel.app import schema_settings

        typer.echo(Grants(schema_settings(config)).as_sql())
        return
    with _server(config) as store:
        typer.echo(Grants(_schema(config, store, landing)).as_sql())


def _uninstall(config: Config, landing: str | None, *, dry_run: bool, yes: bool) -> None:
    from argus_otel.schema.uninstall import doomed, landed_in
    from argus_otel.schema.uninstall import uninstall as drop

    with _server(config) as store:
        there = landed_in(store, _schema(config, store, None))
        if landing not in (None, there):
            raise ConfigError(
                f"--landing {landing}: {config.argus_database} holds facts of {there or 'our own tables'}"
            )
        settings = _schema(config, store, there, is_looked_at=False)
        tables = doomed(store, settings)
        for one in tables:
            of = f", {one.row_count:,} rows" if one.kind == "table" else ""
            typer.echo(f"{one.kind.replace('_', ' ')} {one.name}{of}")
        if dry_run:
            return
        stays = f"; {there} stays as it is" if there else ", all that was received with it"
        if not yes:
            typer.confirm(f"Delete these {len(tables)} from {config.argus_database} for good{stays}?", abort=True)
        left = drop(store, settings)
        typer.echo(f"deleted{stays if there else ''}")
        if left:
            typer.echo(f"left, as not made by argus-otel or not this login's to drop: {', '.join(left)}")


@contextmanager
def _server(config: Config) -> Iterator[ServerStore]:
    from argus_otel.store import ServerLogin, ServerStore

    store = ServerStore(config.clickhouse, ServerLogin.of(config))
    try:
        yield store
    finally:
        store.close()


def _schema(config: Config, store: ServerStore, landing: str | None, *, is_looked_at: bool = True) -> SchemaSettings:
    """Return the schema's settings, over the collector's tables if a database of theirs is named."""
    from argus_otel.app import schema_settings
    from argus_otel.schema.landing import EVERY_TABLE, look

    settings = schema_settings(config)
    if landing is None:
        return settings
    if not landing.isidentifier():
        raise ConfigError(f"--landing takes a database's name of letters, digits and _, not {landing!r}")
    if landing == settings.argus_database:
        raise ConfigError(f"--landing {landing} is argus_database too: facts need a database of their own")
    return replace(settings, otel_database=landing, landing=look(store, landing) if is_looked_at else EVERY_TABLE)


def _plan_of_service(settings: Config, *, with_sql: bool) -> list[dict[str, Any]]:
    from argus_otel.app import schema_settings
    from argus_otel.schema.migrate import plan
    from argus_otel.store import ServerStore

    reader = ServerStore(endpoint_of_service(settings))
    try:
        return _steps(plan(reader, schema_settings(settings)), with_sql=with_sql)
    finally:
        reader.close()


def _steps(steps: list[Any], *, with_sql: bool) -> list[dict[str, Any]]:
    if with_sql:
        return [
            {"statement": step.statement.name, "sql": step.statement.sql}
            for step in steps
            if step.action != "unchanged"
        ]
    return [
        {"statement": step.statement.name, "target": step.statement.target, "action": step.action} for step in steps
    ]
