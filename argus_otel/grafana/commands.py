"""`argus-otel grafana …`: what is asked, what is shown; the files are made in `render`."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Optional

import typer

from argus_otel.terminal import Yes, failures

grafana_app = typer.Typer(
    help="Dashboards, alert rules and data sources, for a Grafana that exists.", no_args_is_help=True
)


class FileFormat(enum.StrEnum):
    """How what is rendered gets into Grafana."""

    FILES = "files"
    CONFIGMAP = "configmap"


class Part(enum.StrEnum):
    """What is rendered."""

    DASHBOARDS = "dashboards"
    ALERTING = "alerting"
    DATASOURCES = "datasources"


@grafana_app.command("render")
def render(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write into.")] = Path("argus-grafana"),
    datasource_uid: Annotated[
        str, typer.Option("--datasource-uid", help="uid of the ClickHouse data source that rules and dashboards ask.")
    ] = "argus-clickhouse",
    content_datasource_uid: Annotated[
        str,
        typer.Option(
            "--content-datasource-uid", help="uid of a second one, whose login may read text. Default: the same."
        ),
    ] = "",
    grafana_url: Annotated[
        str,
        typer.Option(
            "--grafana-url",
            help="Address of Grafana, for the links in alerts. Default: what Grafana has as its root_url.",
        ),
    ] = "",
    folder: Annotated[
        str, typer.Option("--folder", help="Title of Grafana's folder for dashboards and rules.")
    ] = "Argus",
    thresholds: Annotated[
        Optional[Path],
        typer.Option(
            "--thresholds",
            metavar="FILE",
            help="Limits of the alert rules (TOML); `argus-otel grafana thresholds` prints one.",
        ),
    ] = None,
    output_format: Annotated[
        FileFormat,
        typer.Option("--format", help="files: to be mounted; configmap: for the side-car of Grafana's Helm chart."),
    ] = FileFormat.FILES,
    part: Annotated[Optional[list[Part]], typer.Option("--part", help="Render this only; may be given again.")] = None,
    clickhouse: Annotated[
        str,
        typer.Option(
            "--clickhouse",
            metavar="URL",
            help="ClickHouse's HTTP interface as Grafana reaches it, http://user@host:8123; Grafana's environment "
            "gives the password: ARGUS_OTEL_GRAFANA_PASSWORD.",
        ),
    ] = "http://localhost:8123",
    content_clickhouse: Annotated[
        str,
        typer.Option(
            "--content-clickhouse",
            metavar="URL",
            help="The same for the second data source, ARGUS_OTEL_GRAFANA_CONTENT_PASSWORD. Default: as --clickhouse.",
        ),
    ] = "",
    database: Annotated[str, typer.Option("--database", help="Database of the views.")] = "argus",
    runbooks_url: Annotated[
        str, typer.Option("--runbooks-url", help="Where your people find docs/runbooks.md.")
    ] = "docs/runbooks.md",
    dashboards_path: Annotated[
        str, typer.Option("--dashboards-path", help="Where Grafana finds the folder dashboards/ (--format files).")
    ] = "/var/lib/grafana/dashboards/argus",
    yes: Yes = False,
) -> None:
    """
    Write dashboards, alert rules and data sources for a Grafana that exists.

    Mount DIR/provisioning at Grafana's provisioning folder and DIR/dashboards at --dashboards-path. Files that were not
    written by this command are never touched.
    """
    with failures():
        from argus_otel.grafana import render as rendering
        from argus_otel.grafana.alerts import thresholds as limits
        from argus_otel.grafana.alerts.rules import RULES

        described = rendering.Grafana(
            datasource_uid=datasource_uid,
            content_datasource_uid=content_datasource_uid,
            url=grafana_url,
            folder=folder,
            clickhouse=clickhouse,
            content_clickhouse=content_clickhouse,
            database=database,
            runbooks=runbooks_url,
            dashboards_path=dashboards_path,
            settings=limits.read(thresholds, RULES) if thresholds else {},
        )
        parts = tuple(one for one in rendering.PARTS if not part or one in part)
        made = rendering.configmaps if output_format is FileFormat.CONFIGMAP else rendering.render
        files = made(described, parts)
        replaced = [path for path in rendering.changes(files, out) if path.exists()]
        if replaced and not yes:
            typer.echo("\n".join(map(str, replaced)))
            typer.confirm("Write over these?", abort=True)
        written = rendering.write(files, out)
        typer.echo(f"wrote {len(written)} of {len(files)} files below {out}; the others are as they should be")


@grafana_app.command("thresholds")
def thresholds() -> None:
    """Print every limit of the alert rules with its default and meaning: a file for `render --thresholds`."""
    with failures():
        from argus_otel.grafana.alerts.rules import RULES
        from argus_otel.grafana.alerts.thresholds import as_toml

        typer.echo(as_toml(RULES), nl=False)
