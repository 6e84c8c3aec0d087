"""All checks of one configuration, in the order of the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_otel.doctor.addresses import check_addresses, check_answers
from argus_otel.doctor.certificates import check_certificate
from argus_otel.doctor.clickhouse import check_clickhouse
from argus_otel.doctor.finding import Finding
from argus_otel.doctor.folder import check_disk, check_folder, check_spool
from argus_otel.doctor.secrets import check_door
from argus_otel.doctor.service import check_status
from argus_otel.errors import ArgusError
from argus_otel.reading import store_of
from argus_otel.running import NotRunningError, command, read_run_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from argus_otel.config import Config


def examine(config: Config) -> list[Finding]:
    """Return the findings; works with a service that does not run, and looks at a ClickHouse server all the same."""
    findings = [
        *_looked("data folder", lambda: [check_folder(config)]),
        *_looked("disk", lambda: [check_disk(config)]),
        *_looked("spool", lambda: [check_spool(config)]),
        *_looked("token", lambda: check_door(config)),
        *_looked("certificate", lambda: check_certificate(config)),
    ]
    try:
        addresses = read_run_file(config.data_dir)
        status = command(config.data_dir, "GET", "/status")
    except NotRunningError as error:
        findings += [Finding("service", "failed", str(error), "argus-otel serve")]
        findings += _looked("ports", lambda: check_addresses(config))
        return findings if config.clickhouse == "embedded" else [*findings, *_look_into(config)]
    except ArgusError as error:
        return [*findings, Finding("service", "failed", str(error), "look at the service's log")]
    where = f"pid {status['pid']}, OTLP at {addresses['otlp_grpc']} (gRPC) and {addresses['otlp_http']} (HTTP)"
    findings += [Finding("service", "ok", where), *_looked("ports", lambda: check_answers(addresses))]
    findings += _looked("service", lambda: check_status(config, status))
    return [*findings, *_look_into(config)]


def _look_into(config: Config) -> list[Finding]:
    try:
        reader = store_of(config)
    except ArgusError as error:
        return [Finding("engine", "failed", str(error), "argus-otel serve")]
    try:
        return _looked("engine", lambda: check_clickhouse(config, reader))
    finally:
        reader.close()


def _looked(check: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what a check found; where it could not look, that is a finding too, and the others go on."""
    findings: list[Finding] = []
    try:
        findings.extend(look())
    except (OSError, ArgusError, ValueError) as error:
        findings.append(
            Finding(check, "failed", f"cannot look: {error}", "mend that, or run doctor as the service's user")
        )
    return findings
