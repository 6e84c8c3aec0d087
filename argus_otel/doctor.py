"""
How is it? Configuration, data folder, running service, engine, spool and accounting, each with what to do about it.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from argus_otel.errors import ArgusError
from argus_otel.running import NotRunningError, command, read_run_file

if TYPE_CHECKING:
    from argus_otel.config import Config

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    state: State
    finding: str
    advice: str = ""


def examine(config: Config) -> list[Finding]:
    """Return the findings in the order of the path; a service that does not run is the last of them."""
    findings = [_folder(config), _disk(config)]
    try:
        addresses = read_run_file(config.data_dir)
        status = command(config.data_dir, "GET", "/status")
    except NotRunningError as error:
        return [*findings, Finding("service", "failed", str(error), "argus-otel serve")]
    except ArgusError as error:
        return [*findings, Finding("service", "failed", str(error), "look at the service's log")]
    where = f"pid {status['pid']}, OTLP at {addresses['otlp_grpc']} (gRPC) and {addresses['otlp_http']} (HTTP)"
    return [
        *findings,
        Finding("service", "ok", where),
        _clickhouse(status),
        _loads(status),
        _accounting(status),
        *_dropped(config, status),
        _dead_letters(status),
        *_erasures(status),
    ]


def _folder(config: Config) -> Finding:
    folder = config.data_dir
    if not folder.exists():
        return Finding("data folder", "warning", f"{folder} does not exist", "`argus-otel serve` makes it")
    if not os.access(folder, os.W_OK):
        return Finding(
            "data folder", "failed", f"{folder} cannot be written", "give it to the user that runs the service"
        )
    if folder.stat().st_mode & 0o077:
        return Finding("data folder", "warning", f"{folder} can be read by others", f"chmod 700 {folder}")
    return Finding("data folder", "ok", str(folder))


def _disk(config: Config) -> Finding:
    folder = next(path for path in (config.data_dir, *config.data_dir.parents) if path.exists())
    free_bytes = shutil.disk_usage(folder).free
    said = f"{free_bytes / 2**30:.1f} GiB free, the spool may take {config.spool_bytes_max / 2**30:.1f} GiB"
    if free_bytes < config.spool_bytes_max:
        return Finding("disk", "warning", said, "free some, or lower spool_bytes_max")
    return Finding("disk", "ok", said)


def _clickhouse(status: dict[str, Any]) -> Finding:
    version = status["clickhouse_version"]
    if version.startswith("unreachable"):
        return Finding("clickhouse", "failed", version, "data waits in the spool; start ClickHouse or mend the URL")
    return Finding("clickhouse", "ok", version)


def _loads(status: dict[str, Any]) -> Finding:
    loader = status["loader"]
    if loader["is_holding"]:
        return Finding(
            "loads",
            "failed",
            f"everything is refused: {loader['last_error']}",
            "the schema is damaged: `argus-otel migrate`",
        )
    if loader["consecutive_failures"]:
        return Finding(
            "loads",
            "failed",
            f"{loader['consecutive_failures']} failures in a row: {loader['last_error']}",
            "data waits in the spool; see ClickHouse's log",
        )
    if loader["last_success_at_ns"] is None:
        return Finding("loads", "ok", "nothing since the start")
    return Finding("loads", "ok", f"last {(time.time_ns() - loader['last_success_at_ns']) / 1e9:.0f} s ago")


def _accounting(status: dict[str, Any]) -> Finding:
    sums = status["accounting"]
    said = "{received} received = {loaded} loaded + {dead_lettered} dead-lettered + {spooled} spooled".format(**sums)
    if sums["missing"]:
        return Finding(
            "accounting", "failed", f"{said} + {sums['missing']} missing", "look for *.damaged in the spool folder"
        )
    return Finding("accounting", "ok", said)


def _dropped(config: Config, status: dict[str, Any]) -> list[Finding]:
    if not config.drop_events and not status["dropped_records"]:
        return []
    return [Finding("dropped events", "ok", f"{status['dropped_records']} log records, as drop_events says")]


def _dead_letters(status: dict[str, Any]) -> Finding:
    count = status["accounting"]["dead_lettered"]
    if count:
        return Finding("dead letters", "warning", f"{count} records", "argus-otel dead-letter list")
    return Finding("dead letters", "ok", "none")


def _erasures(status: dict[str, Any]) -> list[Finding]:
    private, waiting = status["erasures"]["private"], status["erasures"]["waiting"]
    if not private:
        return []
    said = f"{private} private sessions, {waiting} of them unreadable but not yet gone"
    if waiting:
        return [Finding("erasures", "warning", said, "it takes seconds; if it stays so, see the service's log")]
    return [Finding("erasures", "ok", f"{private} private sessions, all gone")]
