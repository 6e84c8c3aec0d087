"""
`argus-otel people`, `budget`, `mute` and `invoice`: what an operator asks -> changes, made by the running service or on a server.

The alert rules are not known here: cli.py gives `mute_app` them as its context's object, MutableBy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from argus_otel.errors import ConfigError
from argus_otel.reading import ClickHouse, ConfigFile, DataDir, Url, configured, reader_of
from argus_otel.terminal import Format, Output, Yes, failures, show

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from argus_otel.enrichment import Change
    from argus_otel.enrichment.changes import Scope

    MutableBy = Mapping[str, Collection[str]]
    """By alert rule what a mute of it may name: 'workspace', 'user'."""

people_app = typer.Typer(help="Who is who: names, teams and cost centres of users.", no_args_is_help=True)
budget_app = typer.Typer(help="What a workspace, a team or a user may spend in a month.", no_args_is_help=True)
invoice_app = typer.Typer(
    help="What the provider counted, to be compared with what clients report.", no_args_is_help=True
)
mute_app = typer.Typer(help="Whom alerts leave alone, such as batch users.", no_args_is_help=True)

File = Annotated[
    Path, typer.Argument(help="CSV; its first line names the columns: email, user_id, name, team, cost_centre.")
]
Server = Annotated[
    Optional[str],
    typer.Option("--clickhouse", help="URL of a ClickHouse server to change; default: the running service."),
]
Workspace = Annotated[str, typer.Option(help="A workspace, by its name.")]
User = Annotated[str, typer.Option(help="A user: e-mail, user id, enduser.id, or the name that dashboards show.")]
Rule = Annotated[str, typer.Option(help="Only this alert, e.g. session-price.")]


@people_app.command("import")
def import_people(
    file: File,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    clickhouse: Server = None,
) -> None:
    """Import people from a CSV file; the list replaces the former one, and nothing is imported if a line is bad."""
    with failures():
        from argus_otel.enrichment import People, read_people

        people = read_people(file)
        _make(People(tuple(people)), data_dir, config, clickhouse)
        typer.echo(f"{len(people)} e-mails and user ids are known by name")


@people_app.command("list")
def list_people(
    output: Output = Format.TABLE,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    url: Url = None,
    clickhouse: ClickHouse = None,
) -> None:
    """List who was imported last."""
    _list("people ORDER BY user_name, user_key", output, data_dir, config, url, clickhouse)


@people_app.command("remove")
def remove_people(
    yes: Yes = False, data_dir: DataDir = None, config: ConfigFile = None, clickhouse: Server = None
) -> None:
    """Remove everybody who was imported; dashboards show e-mails and ids again."""
    with failures():
        from argus_otel.enrichment import People

        if not yes:
            typer.confirm("Remove all imported people?", abort=True)
        _make(People(()), data_dir, config, clickhouse)
        typer.echo("nobody is known by name")


@budget_app.command("set")
def set_budget(
    month: Annotated[float, typer.Option(help="USD in a calendar month (UTC).")],
    workspace: Workspace = "",
    team: Annotated[str, typer.Option(help="A team, by its name.")] = "",
    user: User = "",
    data_dir: DataDir = None,
    config: ConfigFile = None,
    clickhouse: Server = None,
) -> None:
    """Set the budget of a workspace, a team or a user; a later one replaces it."""
    with failures():
        from argus_otel.enrichment import Budget

        budget = Budget(*_one_of(workspace, team, user), month)
        _make(budget, data_dir, config, clickhouse)
        typer.echo(f"{budget.scope} {budget.name} may spend {month:,.2f} USD a month")


@budget_app.command("list")
def list_budgets(
    output: Output = Format.TABLE,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    url: Url = None,
    clickhouse: ClickHouse = None,
) -> None:
    """List the budgets, what is spent of them this month, and what will be at its end."""
    columns = "scope, name, month, month_usd, round(spent_usd, 4) AS spent_usd, round(spent_share, 4) AS spent_share"
    projected = "round(projected_usd, 4) AS projected_usd"
    _list(
        "budget_status(at = now()) ORDER BY scope, name",
        output,
        data_dir,
        config,
        url,
        clickhouse,
        f"{columns}, {projected}",
    )


@budget_app.command("remove")
def remove_budget(
    workspace: Workspace = "",
    team: Annotated[str, typer.Option(help="A team, by its name.")] = "",
    user: User = "",
    yes: Yes = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    clickhouse: Server = None,
) -> None:
    """Remove a budget."""
    with failures():
        from argus_otel.enrichment import Budget

        scope, name = _one_of(workspace, team, user)
        _must_exist(
            "budgets", {"scope": scope, "name": name}, f"{scope} {name} has no budget", data_dir, config, clickhouse
        )
        if not yes:
            typer.confirm(f"Remove the budget of {scope} {name}?", abort=True)
        _make(Budget(scope, name, None), data_dir, config, clickhouse)
        typer.echo(f"{scope} {name} has no budget any more")


@mute_app.command("add")
def add_mute(
    context: typer.Context,
    workspace: Workspace = "",
    user: User = "",
    rule: Rule = "",
    reason: Annotated[str, typer.Option(help="Why; for whoever reads the list.")] = "",
    data_dir: DataDir = None,
    config: ConfigFile = None,
    clickhouse: Server = None,
) -> None:
    """Have alerts leave a user or a workspace alone."""
    with failures():
        from argus_otel.enrichment import Mute

        mute = Mute(rule, workspace, _user_key(workspace, user), reason, is_removed=False)
        if rule:
            _check_mutable(rule, user, context.obj)
        _make(mute, data_dir, config, clickhouse)
        typer.echo(f"{_told(workspace, user)} is left alone by {rule or 'all alerts'}")


@mute_app.command("list")
def list_mutes(
    output: Output = Format.TABLE,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    url: Url = None,
    clickhouse: ClickHouse = None,
) -> None:
    """List the mutes; an empty rule, workspace or user is any."""
    _list("mutes ORDER BY workspace, user_key, rule", output, data_dir, config, url, clickhouse)


@mute_app.command("remove")
def remove_mute(
    workspace: Workspace = "",
    user: User = "",
    rule: Rule = "",
    yes: Yes = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    clickhouse: Server = None,
) -> None:
    """Remove a mute: name what it was made with."""
    with failures():
        from argus_otel.enrichment import Mute

        key = {"rule": rule, "workspace": workspace, "user_key": _user_key(workspace, user)}
        told = f"{_told(workspace, user)} for {rule or 'all alerts'}"
        _must_exist("mutes", key, f"there is no mute of {told}", data_dir, config, clickhouse)
        if not yes:
            typer.confirm(f"Remove the mute of {told}?", abort=True)
        _make(Mute(**key, reason="", is_removed=True), data_dir, config, clickhouse)
        typer.echo(f"the mute of {told} is removed")


Bill = Annotated[str, typer.Option("--name", help="What to call this bill, if there are several.")]
BilledWorkspace = Annotated[
    str, typer.Option("--workspace", help="Whose reported cost it is compared with; default: all workspaces.")
]


@invoice_app.command("import")
def import_invoice(
    file: Annotated[
        Path,
        typer.Argument(help="CSV: a cost export of the Console, a spend report, or day and amount_usd (docs/cost.md)."),
    ],
    name: Bill = "invoice",
    workspace: BilledWorkspace = "",
    period: Annotated[
        Optional[str], typer.Option(help="FIRST..LAST day of a file without days, e.g. 2026-11-01..2026-11-30.")
    ] = None,
    only: Annotated[
        Optional[list[str]], typer.Option(help="COLUMN=VALUE that a line must have to count; may be repeated.")
    ] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    clickhouse: Server = None,
) -> None:
    """Import what was billed; a day, or a period, that is imported again replaces what was imported of it."""
    with failures():
        from argus_otel.enrichment import Invoice, period_of, read_invoice

        wanted = dict(_column_and_value(text) for text in only or [])
        lines = read_invoice(file, period_of(period) if period else None, wanted)
        _make(Invoice(name, workspace, tuple(lines)), data_dir, config, clickhouse)
        periods = sorted({(line.period_begin, line.period_end) for line in lines})
        usd = sum(line.amount_nanousd for line in lines) / 1e9
        typer.echo(f"{usd:,.2f} USD in {len(periods)} periods, {periods[0][0]} until before {periods[-1][1]}")


@invoice_app.command("list")
def list_invoices(
    since: Annotated[int, typer.Option(min=1, help="Days back.")] = 92,
    output: Output = Format.TABLE,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    url: Url = None,
    clickhouse: ClickHouse = None,
) -> None:
    """List what was invoiced by period, and what the clients reported in it."""
    rounded = ", ".join(
        f"round({column}, 4) AS {column}" for column in ("reported_usd", "invoiced_usd", "difference_usd")
    )
    _list(
        f"reported_vs_invoiced(from = now() - INTERVAL {since} DAY, to = now()) ORDER BY name, workspace, period_begin",
        output,
        data_dir,
        config,
        url,
        clickhouse,
        f"name, workspace, period_begin, period_end, {rounded}, round(reported_share, 4) AS reported_share",
    )


@invoice_app.command("remove")
def remove_invoice(
    name: Bill = "invoice",
    workspace: BilledWorkspace = "",
    yes: Yes = False,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    clickhouse: Server = None,
) -> None:
    """Remove all that was imported under a name."""
    with failures():
        from argus_otel.enrichment import Invoice

        told = f"{name} of {f'workspace {workspace}' if workspace else 'all workspaces'}"
        key = {"name": name, "workspace": workspace}
        _must_exist("invoices", key, f"nothing was imported as {told}", data_dir, config, clickhouse)
        if not yes:
            typer.confirm(f"Remove {told}?", abort=True)
        _make(Invoice(name, workspace, ()), data_dir, config, clickhouse)
        typer.echo(f"{told} is removed")


def _column_and_value(text: str) -> tuple[str, str]:
    column, separator, value = text.partition("=")
    if not separator or not column:
        raise ConfigError(f"--only takes COLUMN=VALUE, not {text!r}")
    return column, value


def _one_of(workspace: str, team: str, user: str) -> tuple[Scope, str]:
    given: list[tuple[Scope, str]] = [("workspace", workspace), ("team", team), ("user", user)]
    named = [(scope, name) for scope, name in given if name]
    if len(named) != 1:
        raise ConfigError("name one of --workspace, --team and --user")
    return named[0]


def _check_mutable(rule: str, user: str, rules: MutableBy) -> None:
    if rule not in rules:
        raise ConfigError(f"there is no rule {rule!r}, only {', '.join(rules)}")
    if not rules[rule]:
        raise ConfigError(f"{rule} looks at no workspace and no user: silence it in Grafana")
    if user and "user" not in rules[rule]:
        raise ConfigError(f"{rule} looks at workspaces as a whole: name a --workspace and not a --user")


def _user_key(workspace: str, user: str) -> str:
    if not workspace and not user:
        raise ConfigError("name a --user, a --workspace, or both")
    return user.lower() if "@" in user else user


def _told(workspace: str, user: str) -> str:
    return " in ".join(filter(None, (user, f"workspace {workspace}" if workspace else "")))


def _make(change: Change, data_dir: Path | None, config: Path | None, clickhouse: str | None) -> None:
    """Have the running service make a change, or make it on the server that is named or configured."""
    from argus_otel.enrichment import apply, as_document
    from argus_otel.running import command
    from argus_otel.store import ServerLogin, ServerStore

    settings = configured({"data_dir": data_dir, "clickhouse": clickhouse}, config)
    if settings.clickhouse == "embedded":
        command(settings.data_dir, "POST", "/enrichment", as_document(change))
        return
    store = ServerStore(settings.clickhouse, ServerLogin.of(settings))
    try:
        apply(store, settings.argus_database, change)
    finally:
        store.close()


def _must_exist(
    view: str, key: dict[str, str], otherwise: str, data_dir: Path | None, config: Path | None, clickhouse: str | None
) -> None:
    where = " AND ".join(f"{column} = {{{column}:String}}" for column in key)
    with reader_of(data_dir, config, None, clickhouse) as (reader, settings):
        if not reader.rows(f"SELECT 1 FROM {settings.argus_database}.{view} WHERE {where}", key):
            raise ConfigError(otherwise)


def _list(
    source: str,
    output: Format,
    data_dir: Path | None,
    config: Path | None,
    url: str | None,
    clickhouse: str | None,
    columns: str = "*",
) -> None:
    with failures():
        from argus_otel.query.present import rows_table

        with reader_of(data_dir, config, url, clickhouse) as (reader, settings):
            rows: list[dict[str, Any]] = reader.rows(f"SELECT {columns} FROM {settings.argus_database}.{source}")
        show(rows, output, lambda: rows_table(rows))
