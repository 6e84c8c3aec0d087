"""What the running service says of itself: engine, loads, accounting, dead letters, erasures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from argus_otel import __version__
from argus_otel.doctor.finding import Finding

if TYPE_CHECKING:
    from argus_otel.config import Config


def check_status(config: Config, status: dict[str, Any]) -> list[Finding]:
    """Say what of GET /status of the control socket somebody should know."""
    return [
        _version(status),
        _clickhouse(status),
        _loads(status),
        _accounting(status),
        *_dropped(config, status),
        _dead_letters(status),
        *_erasures(status),
    ]


def _version(status: dict[str, Any]) -> Finding:
    if status["version"] != __version__:
        return Finding(
            "version", "warning", f"the service is {status['version']}, this command {__version__}", "restart it"
        )
    return Finding("version", "ok", __version__)


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
