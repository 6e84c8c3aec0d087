"""What ClickHouse says: version, schema, clocks, and on which legs sessions come."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from argus_otel.app import schema_settings
from argus_otel.doctor.finding import Finding
from argus_otel.errors import ArgusError, SchemaError, StoreError
from argus_otel.schema.landing import look
from argus_otel.schema.migrate import LANDING_MINIMUM_VERSION, MINIMUM_VERSION, plan
from argus_otel.schema.uninstall import landed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.config import Config
    from argus_otel.store import ServerStore

_CLOCK_S_MAX = 5.0
_FUTURE_S_MAX = 300
_DAYS = 7
_ONE_LEG_SHARE_MAX = 0.5
_SESSIONS_MIN = 5
"""Of fewer sessions nothing is concluded."""


def check_clickhouse(config: Config, reader: ServerStore) -> list[Finding]:
    """Say what a reader of the engine or the server sees; one finding if it does not answer."""
    try:
        landing = landed_in(reader, schema_settings(config))
        findings = [_version(reader, LANDING_MINIMUM_VERSION if landing else MINIMUM_VERSION), _clock(reader)]
    except StoreError as error:
        first = str(error).partition("\n")[0]
        return [Finding("engine", "failed", first, "start ClickHouse, or mend the URL, user and password")]
    findings.append(_schema(config, reader, landing))
    try:
        return [*findings, _senders_clocks(config, reader), *_last_data(config, reader), *_coverage(config, reader)]
    except StoreError as error:
        first = str(error).partition("\n")[0]
        return [
            *findings,
            Finding("coverage", "failed", first, "`argus-otel migrate`, and a user that may read the views"),
        ]


def _version(reader: ServerStore, version_min: tuple[int, int]) -> Finding:
    [row] = reader.rows("SELECT version() AS version")
    major, minor = (int(number) for number in re.findall(r"\d+", row["version"])[:2])
    if (major, minor) < version_min:
        wanted = ".".join(map(str, version_min))
        return Finding("engine", "failed", f"ClickHouse {row['version']}", f"argus-otel loads into {wanted} and newer")
    return Finding("engine", "ok", f"ClickHouse {row['version']}")


def _clock(reader: ServerStore) -> Finding:
    before_s = time.time()
    [row] = reader.rows("SELECT toUnixTimestamp64Milli(now64(3)) AS now_ms")
    after_s = time.time()
    # What the clock said somewhere between the two is nobody's fault.
    now_s = int(row["now_ms"]) / 1000
    off_s = max(before_s - now_s, now_s - after_s, 0.0)
    if off_s > _CLOCK_S_MAX:
        said = f"ours and ClickHouse's differ by {off_s:.0f} s"
        return Finding("clocks", "warning", said, "let both follow NTP: rollups and erasures compare the two")
    return Finding("clocks", "ok", "ours and ClickHouse's agree")


def _schema(config: Config, reader: ServerStore, landing: str | None) -> Finding:
    """`landing`: the database of the collector's tables, if the views are of those."""
    settings, of, migrate = schema_settings(config), "", "argus-otel migrate"
    try:
        if landing:
            settings = replace(settings, otel_database=landing, landing=look(reader, landing))
            of, migrate = f", of the collector's tables in {landing}", f"{migrate} --landing {landing}"
        pending = [step for step in plan(reader, settings) if step.action != "unchanged"]
    except SchemaError as error:
        return Finding("schema", "failed", str(error), "use the version of argus-otel that made it, or a newer one")
    except ArgusError as error:
        return Finding(
            "schema", "failed", str(error).partition("\n")[0], "a user that may read system.tables and the databases"
        )
    if pending:
        names = ", ".join(step.statement.name for step in pending[:3])
        return Finding("schema", "failed", f"{len(pending)} statements are not applied: {names}", migrate)
    return Finding("schema", "ok", f"this version's{of}")


def _senders_clocks(config: Config, reader: ServerStore) -> Finding:
    [row] = reader.rows(
        f"""
        SELECT uniqExact(workspace, session_id) AS sessions, max(dateDiff('second', now64(9), last_at)) AS ahead_s
        FROM {config.argus_database}.session_facts AS facts
        WHERE facts.last_at > now64(9) + {_FUTURE_S_MAX}
        """
    )
    if int(row["sessions"]):
        return Finding(
            "clocks",
            "warning",
            f"{row['sessions']} sessions have records of the future, up to {int(row['ahead_s']) / 60:.0f} minutes ahead",
            "let the senders' machines follow NTP",
        )
    return Finding("clocks", "ok", "no sender is ahead")


def _last_data(config: Config, reader: ServerStore) -> Iterator[Finding]:
    rows = reader.rows(
        f"""
        SELECT toString(leg) AS leg, max(dateDiff('second', facts.last_at, now64(9))) AS ago_s
        FROM (SELECT leg, max(last_at) AS last_at FROM {config.argus_database}.session_facts GROUP BY leg) AS facts
        GROUP BY leg
        """
    )
    ago_s = {row["leg"]: max(0, int(row["ago_s"])) for row in rows}
    for leg, what in (("native", "telemetry"), ("hook", "the plugin")):
        if leg not in ago_s:
            advice = "docs/plugin.md" if leg == "hook" else "point a sender here: README.md"
            yield Finding("last data", "warning", f"nothing ever came from {what}", advice)
        else:
            yield Finding("last data", "ok", f"{what}: {_told(ago_s[leg])} ago")


def _coverage(config: Config, reader: ServerStore) -> Iterator[Finding]:
    rows = reader.rows(
        f"""
        SELECT
            surface,
            count() AS sessions,
            countIf(coverage = 'native') AS only_native,
            countIf(coverage = 'hook') AS only_hook
        FROM {config.argus_database}.session_list
        WHERE ended_at > now() - INTERVAL {_DAYS} DAY
        GROUP BY surface
        ORDER BY surface
        """
    )
    for row in rows:
        yield _covered(row["surface"], int(row["sessions"]), int(row["only_native"]), int(row["only_hook"]))


def _covered(surface: str, sessions: int, only_native: int, only_hook: int) -> Finding:
    both = sessions - only_native - only_hook
    said = f"{surface}, {_DAYS} days: {both} sessions on both legs, {only_native} native only, {only_hook} plugin only"
    if sessions >= _SESSIONS_MIN and only_native > _ONE_LEG_SHARE_MAX * sessions:
        advice = "the plugin is not installed or not heard: `argus-otel plugin status` there"
        if surface == "cowork":
            advice = "hooks may not fire in Cowork: its own text is what there is"
        return Finding("coverage", "warning", said, advice)
    if sessions >= _SESSIONS_MIN and only_hook > _ONE_LEG_SHARE_MAX * sessions:
        return Finding(
            "coverage", "warning", said, "telemetry is off or refused: costs are missing. See README.md, Use it"
        )
    return Finding("coverage", "ok", said)


def _told(seconds: int) -> str:
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit}"
    return f"{seconds} s"
