"""`argus-otel doctor`: the findings as rows; with --through a probe of each leg, hop by hop."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from argus_otel.errors import ConfigError
from argus_otel.reading import ConfigFile, DataDir, configured
from argus_otel.terminal import Format, Output, failures, show

if TYPE_CHECKING:
    from argus_otel.config import Config


def doctor(
    through: Annotated[
        Optional[str],
        typer.Option(
            metavar="URL",
            help="Send a probe of each leg through this collector, and say where it stopped: http(s)://HOST:4318 or grpc(s)://HOST:4317.",
        ),
    ] = None,
    header: Annotated[
        Optional[list[str]],
        typer.Option(help="'NAME: VALUE' that the collector asks for, or 'NAME: @FILE'; may be repeated."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the probe's arrival.")] = 60.0,
    clickhouse: Annotated[
        Optional[str], typer.Option(help="URL of the ClickHouse server to look into; default: the service's.")
    ] = None,
    output: Output = Format.TABLE,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Check configuration, folders, ports, certificate, service, loads, clocks and coverage; says what to do."""
    with failures():
        settings = configured({"data_dir": data_dir, "clickhouse": clickhouse}, config)
        if through is None and header:
            raise ConfigError("--header goes with --through")
        findings = _probe(settings, through, header or [], timeout) if through else _examine(settings)
        from argus_otel.query.present import rows_table

        show(findings, output, lambda: rows_table(findings))
        if any(item["state"] == "failed" for item in findings):
            raise typer.Exit(1)


def _examine(settings: Config) -> list[dict[str, Any]]:
    from argus_otel.doctor import examine

    return [asdict(finding) for finding in examine(settings)]


def _probe(settings: Config, through: str, headers: list[str], timeout_s: float) -> list[dict[str, Any]]:
    from rich.console import Console

    from argus_otel.doctor.through import probe_through

    with Console(stderr=True).status("sending") as progress:
        return [asdict(finding) for finding in probe_through(settings, through, headers, timeout_s, progress.update)]
