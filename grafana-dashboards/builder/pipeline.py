"""
Nothing -> argus-pipeline: argus-otel itself. Does it take what comes, how late is it loaded, is anything lost, and do the
meters agree with the events.

argus-otel stores its own metrics beside everyone else's (own_metrics_interval_s). While it is down, or loads nothing, this
dashboard stands still with it; the alarms of prometheus/argus-otel.rules.yaml do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import look
from builder.layout import dashboard as dashboard_of
from builder.layout import heading, line
from builder.links import ROW, to_dashboard, to_session
from builder.panels import bar_chart, bar_gauge, stat, table, timeseries
from builder.queries import chosen, series, within
from builder.queries import table as rows
from builder.variables import SOURCES, query

if TYPE_CHECKING:
    from builder import Json

_INTERVAL = "5m"
"""Five points of a metric that is stored once a minute: fewer make a rate jump."""

_HERE = f"{within('points.time')} AND {chosen(instance='instance')}"
_FROM = "FROM argus.pipeline_metrics AS points"
_FROM_OTHERS = "labels['transport'] != 'own'"
"""Its own metrics are records like any other, but nobody asks for them here."""

_NOTHING_STORED = "none stored: see own_metrics_interval_s"
_SIGNALS = {"logs": "blue", "traces": "purple", "metrics": "green"}
_DURATIONS = {"mean": "blue", "99 % below": "orange"}
_REASONS = {
    "spool_full": "red",
    "spool_write": "dark-red",
    "overloaded": "orange",
    "unexpected": "purple",
    "shutting_down": "gray",
    "unfinished_body": "super-light-blue",
    "unauthenticated": "blue",
    "malformed_body": "dark-blue",
    "unsupported_encoding": "light-blue",
    "body_too_large": "yellow",
    "expansion_too_large": "dark-yellow",
}
_PASSING = "'spool_full', 'spool_write', 'overloaded', 'unexpected', 'shutting_down', 'unfinished_body'"
_WAYS = {"events": look.COST, "meters": look.WARNING}

_LATE_STEPS = look.steps(look.GOOD, (60, look.WARNING), (600, look.BAD))
_FILLED_STEPS = look.steps(look.GOOD, (0.5, look.WARNING), (0.8, look.BAD))
_NONE_STEPS = look.steps(look.GOOD, (1, look.WARNING))
_DIFFERING_STEPS = look.steps(look.GOOD, (0.01, look.WARNING), (0.05, look.BAD))

_OF_RANGE = f"""(workspace, session_id) IN (
                SELECT workspace, session_id FROM argus.session_list WHERE {within("started_at")})"""
"""The list knows when a session began; the check then reads these sessions only."""

_SETTLED = "ended_at < $__toTime - INTERVAL 10 MINUTE"
"""Meters come once a minute, events at once: of a session that runs they are behind."""


def dashboard() -> Json:
    """Return argus-pipeline."""
    return dashboard_of(
        "argus-pipeline",
        "Argus / Pipeline",
        """argus-otel itself, by the metrics that it stores beside everyone else's. It stands still when argus-otel
        does: alarms on it are Prometheus' (prometheus/argus-otel.rules.yaml). It works for a login that is granted
        the number views only.""",
        [*SOURCES, _instances()],
        [
            line(4, _last_report(), _lag(), _filled(), _missing(), _dead_letters(), _refused()),
            line(8, _received_over_time(), _lag_over_time()),
            line(8, _loaded_over_time(), _failures_over_time(), _spool_over_time()),
            heading("What was refused, set aside or left out"),
            line(8, _refusals_over_time(), _refusals(), _dropped(), widths=(10, 8, 6)),
            heading("How long it takes"),
            line(8, _load_time(), _acknowledge_time(), _query_time()),
            heading("Cost: meters against events"),
            line(8, _disagreement(), _cost_by_day(), _disagreeing(), widths=(4, 8, 12)),
            line(5, _services()),
        ],
        time_from="now-24h",
        refresh="1m",
    )


def _instances() -> Json:
    return query(
        "instance",
        "Instance",
        f"SELECT DISTINCT instance {_FROM} WHERE metric = 'argus_otel.spool.bytes' AND {within('points.time')} ORDER BY 1",
        "A service, by its host and the port that senders know.",
    )


def _latest(metric: str) -> str:
    """Return the statement of a gauge's last value in each instance: instance, reading."""
    reading = "argMax(value, points.time) AS reading"
    return f"SELECT instance, {reading} {_FROM} WHERE metric = '{metric}' AND {_HERE} GROUP BY instance"


def _last_report() -> Json:
    return stat(
        "Last report",
        """How long before the end of this range the quietest service stored its metrics for the last time. Above two
        minutes it is down, or loads nothing: look at its host.""",
        rows(f"""
            SELECT max(age_s) AS "ago"
            FROM
            (
                SELECT instance, dateDiff('second', max(points.time), $__toTime) AS age_s
                {_FROM}
                WHERE metric = 'argus_otel.spool.bytes' AND {_HERE}
                GROUP BY instance
            )
            HAVING count() > 0"""),
        look.SECONDS,
        thresholds=look.steps(look.GOOD, (150, look.WARNING), (600, look.BAD)),
        no_value=_NOTHING_STORED,
    )


def _lag() -> Json:
    return stat(
        "Lag",
        """Age of the oldest record that is acknowledged and not loaded, of the service that is worst: now, and at its
        worst in this range. Above a minute loading has stopped; `argus-otel doctor` names the error.""",
        rows(f"""
            SELECT max(latest) AS "now", max(worst) AS "worst"
            FROM
            (
                SELECT instance, argMax(value, points.time) AS latest, max(value) AS worst
                {_FROM}
                WHERE metric = 'argus_otel.spool.oldest_age' AND {_HERE}
                GROUP BY instance
            )
            HAVING count() > 0"""),
        look.SECONDS,
        thresholds=_LATE_STEPS,
        no_value=_NOTHING_STORED,
    )


def _filled() -> Json:
    return stat(
        "Spool filled",
        """Bytes that wait to be loaded, of the spool's bound (spool_bytes_max), of the service that is worst: now, and
        at its worst in this range. At the bound senders are told to retry.""",
        rows(f"""
            SELECT max(latest) AS "now", max(worst) AS "worst"
            FROM
            (
                SELECT
                    instance,
                    argMaxIf(value, points.time, metric = 'argus_otel.spool.bytes') / bound AS latest,
                    maxIf(value, metric = 'argus_otel.spool.bytes') / bound AS worst,
                    argMaxIf(value, points.time, metric = 'argus_otel.spool.limit') AS bound
                {_FROM}
                WHERE metric IN ('argus_otel.spool.bytes', 'argus_otel.spool.limit') AND {_HERE}
                GROUP BY instance
            )
            HAVING count() > 0"""),
        look.SHARE,
        thresholds=_FILLED_STEPS,
        no_value=_NOTHING_STORED,
        decimals=1,
    )


def _missing() -> Json:
    return stat(
        "Missing records",
        """Acknowledged and nowhere, in the whole life of the data folders: received - loaded - dead-lettered -
        spooled. Other than 0: `argus-otel doctor` says where to look.""",
        rows(f"""
            SELECT sum(reading) AS "missing"
            FROM
            (
                SELECT instance, argMax(value, points.time) AS reading
                {_FROM}
                WHERE metric = 'argus_otel.accounting.records' AND labels['state'] = 'missing' AND {_HERE}
                GROUP BY instance
            )
            HAVING count() > 0"""),
        look.COUNT,
        thresholds=look.steps(look.BAD, (0, look.GOOD), (1, look.BAD)),
        no_value=_NOTHING_STORED,
    )


def _dead_letters() -> Json:
    return stat(
        "Dead letters",
        """Records that ClickHouse refused for good, in the whole life of the data folders; what was sent again is not
        among them. `argus-otel dead-letter list` says why, `retry` sends them again.""",
        rows(f'SELECT sum(reading) AS "records" FROM ({_latest("argus_otel.dead_letter.records")}) HAVING count() > 0'),
        look.COUNT,
        thresholds=_NONE_STEPS,
        no_value=_NOTHING_STORED,
    )


def _refused() -> Json:
    return stat(
        "Refused requests",
        """Requests of this range that were answered with an error. For now: the sender retries, the spool or the disk
        is in trouble, or there was a restart. For good: a sender is misconfigured, and what it sends is lost.""",
        rows(f"""
            SELECT
                sumIf(value, metric = 'argus_otel.refused.requests' AND labels['reason'] IN ({_PASSING})) AS "for now",
                sumIf(value, metric = 'argus_otel.refused.requests' AND labels['reason'] NOT IN ({_PASSING})) AS "for good"
            {_FROM}
            WHERE metric IN ('argus_otel.refused.requests', 'argus_otel.spool.bytes') AND {_HERE}
            HAVING count() > 0"""),
        look.COUNT,
        thresholds=_NONE_STEPS,
        no_value=_NOTHING_STORED,
    )


def _rate(metric: str, label: str, condition: str = "1") -> Json:
    """Return the target of a rate per second, by a label's expression; a bucket that the range cuts is as wide as is left."""
    return series(f"""
        SELECT
            $__timeInterval(points.time) AS time,
            {label} AS of,
            sum(value) / dateDiff('second', greatest(time, $__fromTime), least(time + $__interval_s, $__toTime)) AS rate
        {_FROM}
        WHERE metric = '{metric}' AND {condition} AND {_HERE}
        GROUP BY time, of
        ORDER BY time, of""")


def _worst(metric: str, name: str) -> Json:
    """Return the target of a gauge at its highest in each bucket, by instance."""
    return series(f"""
        SELECT $__timeInterval(points.time) AS time, instance, max(value) AS {name}
        {_FROM}
        WHERE metric = '{metric}' AND {_HERE}
        GROUP BY time, instance
        ORDER BY time, instance""")


def _received_over_time() -> Json:
    return timeseries(
        "Received",
        """Acknowledged log records, spans and data points per second, without argus-otel's own metrics. Nothing while
        sessions run: look at the senders' endpoint and token.""",
        _rate("argus_otel.received.records", "labels['signal']", _FROM_OTHERS),
        look.RECORDS_PER_SECOND,
        label="of",
        stacked=True,
        overrides=look.named(_SIGNALS),
        interval=_INTERVAL,
        no_value=_NOTHING_STORED,
    )


def _lag_over_time() -> Json:
    return timeseries(
        "Lag over time",
        "Age of the oldest record that is acknowledged and not loaded, at its highest in each interval, by service.",
        _worst("argus_otel.spool.oldest_age", "lag"),
        look.SECONDS,
        label="instance",
        thresholds=look.steps("transparent", (120, look.BAD)),
        interval=_INTERVAL,
        no_value=_NOTHING_STORED,
    )


def _loaded_over_time() -> Json:
    return timeseries(
        "Loaded",
        "Records whose INSERT returned, per second, argus-otel's own metrics included.",
        _rate("argus_otel.loaded.records", "'loaded'"),
        look.RECORDS_PER_SECOND,
        label="of",
        overrides=look.named({"loaded": look.CALLS}),
        interval=_INTERVAL,
        no_value=_NOTHING_STORED,
    )


def _failures_over_time() -> Json:
    return timeseries(
        "Failed loads",
        """INSERTs that failed, by ClickHouse's error code; 0 is no answer at all. Each is tried again, or the one
        record at fault is set aside. Look the code up in ClickHouse's own log.""",
        series(f"""
            SELECT $__timeInterval(points.time) AS time, concat('code ', labels['code']) AS code, sum(value) AS failures
            {_FROM}
            WHERE metric = 'argus_otel.load.failures' AND value > 0 AND {_HERE}
            GROUP BY time, code
            ORDER BY time, code"""),
        look.COUNT,
        label="code",
        style="bars",
        stacked=True,
        overrides=look.matching({"code": look.BAD}),
        interval=_INTERVAL,
        no_value="none failed in this range",
    )


def _spool_over_time() -> Json:
    return timeseries(
        "Spool over time",
        "Bytes that are acknowledged and not loaded, at their highest in each interval, by service.",
        _worst("argus_otel.spool.bytes", "bytes"),
        look.BYTES,
        label="instance",
        interval=_INTERVAL,
        no_value=_NOTHING_STORED,
    )


def _refusals_over_time() -> Json:
    return timeseries(
        "Refused requests over time",
        "Requests answered with an error, by its class, in each interval.",
        series(f"""
            SELECT $__timeInterval(points.time) AS time, labels['reason'] AS reason, sum(value) AS requests
            {_FROM}
            WHERE metric = 'argus_otel.refused.requests' AND value > 0 AND {_HERE}
            GROUP BY time, reason
            ORDER BY time, reason"""),
        look.COUNT,
        label="reason",
        style="bars",
        stacked=True,
        overrides=look.named(_REASONS),
        interval=_INTERVAL,
        no_value="none refused in this range",
    )


def _refusals() -> Json:
    return table(
        "Refused, by sender's way in",
        "Requests answered with an error: what the sender was told, over which transport, for which signal.",
        rows(f"""
            SELECT
                labels['reason'] AS reason,
                if(reason IN ({_PASSING}), 'retry', 'never') AS told,
                labels['transport'] AS transport,
                labels['signal'] AS signal,
                sum(value) AS requests
            {_FROM}
            WHERE metric = 'argus_otel.refused.requests' AND {_HERE}
            GROUP BY reason, transport, signal
            HAVING requests > 0
            ORDER BY requests DESC, reason, transport, signal
            LIMIT 100"""),
        [
            look.column("reason"),
            look.column("told", width=70, colours={"retry": look.WARNING, "never": look.BAD}),
            look.column("transport", width=90),
            look.column("signal", width=80),
            look.column("requests", look.COUNT, width=90),
        ],
    )


def _dropped() -> Json:
    return bar_gauge(
        "Dropped on purpose",
        "Records of events that the configuration drops before landing (drop_events), since the beginning. They count as loaded.",
        rows("""
            SELECT event, sum(record_count) AS records
            FROM argus.dropped_records
            GROUP BY event
            ORDER BY records DESC, event
            LIMIT 25"""),
        look.COUNT,
        colour=look.QUIET,
        no_value="nothing is dropped",
    )


def _durations(title: str, description: str, metric: str, condition: str = "1") -> Json:
    bound = (
        "any(points.bounds)[least(length(any(points.bounds)), "
        "arrayFirstIndex(below -> below >= 0.99 * sum(points.count), arrayCumSum(sumForEach(bucket_counts))))]"
    )
    return timeseries(
        title,
        f"{description} The mean, and a bound of the histogram's buckets that 99 % stay below.",
        series(f"""
            SELECT time, told.1 AS figure, told.2 AS duration
            FROM
            (
                SELECT
                    $__timeInterval(points.time) AS time,
                    arrayJoin([('mean', sum(value) / sum(points.count)), ('99 % below', {bound})]) AS told
                {_FROM}
                WHERE metric = '{metric}' AND points.count > 0 AND {condition} AND {_HERE}
                GROUP BY time
            )
            ORDER BY time, told"""),
        look.SECONDS,
        label="figure",
        overrides=look.named(_DURATIONS),
        interval=_INTERVAL,
    )


def _load_time() -> Json:
    return _durations(
        "Load", "Duration of one INSERT. High: ClickHouse is busy, or batches are large.", "argus_otel.load.duration"
    )


def _acknowledge_time() -> Json:
    return _durations(
        "Acknowledgement",
        "From a request's arrival until it is durable, without own metrics. High: the disk under the spool is slow.",
        "argus_otel.acknowledge.duration",
        _FROM_OTHERS,
    )


def _query_time() -> Json:
    return _durations(
        "Queries",
        "Duration of one query at the embedded engine's endpoint; with a ClickHouse server there are none.",
        "argus_otel.query.duration",
    )


def _compared(*conditions: str) -> str:
    return " AND ".join(("difference_usd IS NOT NULL", _OF_RANGE, _SETTLED, *conditions))


def _disagreement() -> Json:
    return stat(
        "Meters against events",
        """By how much the meters' cost differs from that of the events, session by session, of all cost: sessions that
        began in this range, are over for ten minutes and have both. Above 5 %: one of the two exporters loses data.
        And how many sessions have only one of both.""",
        rows(f"""
            SELECT
                sum(abs(difference_usd)) / nullIf(sumIf(events_usd, meters_usd IS NOT NULL), 0) AS "differs by",
                countIf(meters_usd IS NULL) AS "events only",
                countIf(events_usd IS NULL) AS "meters only"
            FROM argus.meter_check
            WHERE {_OF_RANGE} AND {_SETTLED}
            HAVING count() > 0"""),
        look.SHARE,
        thresholds=_DIFFERING_STEPS,
        overrides=[
            look.override(name, unit=look.COUNT, decimals=0, thresholds=look.steps(look.NEUTRAL))
            for name in ("events only", "meters only")
        ],
        links=[to_dashboard("Sessions, costliest first", "argus-sessions")],
        decimals=1,
    )


def _cost_by_day() -> Json:
    return bar_chart(
        "Cost per day, both ways",
        "Sessions that have events and meters, by the day (UTC) on which they began. The bars of a day should be equal.",
        rows(f"""
            SELECT
                formatDateTime(day, '%b %e') AS began,
                sum(events_nanousd) / 1e9 AS events,
                sum(meters_nanousd) / 1e9 AS meters,
                toString(toUnixTimestamp(day) * 1000) AS from_ms,
                toString(toUnixTimestamp(day + 1) * 1000) AS to_ms
            FROM argus.meter_check
            WHERE {_compared()}
            GROUP BY day
            ORDER BY day
            LIMIT 400"""),
        look.USD,
        overrides=look.named(_WAYS),
        links=[to_dashboard("Sessions of the day, costliest first", "argus-sessions", ROW)],
    )


def _disagreeing() -> Json:
    return table(
        "Sessions whose meters differ most",
        "Events and meters of one session differ by more than a hundredth. Many of one client version: it loses records.",
        rows(f"""
            SELECT
                started_at,
                user_label AS user,
                surface,
                client_version,
                events_usd,
                meters_usd,
                difference_usd,
                difference_share,
                workspace,
                session_id,
                toString(toUnixTimestamp64Milli(started_at)) AS from_ms,
                toString(toUnixTimestamp64Milli(ended_at)) AS to_ms
            FROM argus.meter_check
            WHERE {_compared("difference_share > 0.01")}
            ORDER BY abs(difference_usd) DESC, session_id
            LIMIT 100"""),
        [
            look.column("started_at", look.TIME, name="began", width=160),
            look.column("user"),
            look.column("surface", width=100, colours=look.SURFACES),
            look.column("client_version", name="version", width=90),
            look.column("events_usd", look.USD, name="events", width=80),
            look.column("meters_usd", look.USD, name="meters", width=80),
            look.column("difference_usd", look.USD, name="difference", width=90),
            look.column("difference_share", look.SHARE, name="share", width=70),
        ],
        links=[to_session()],
        hide=["workspace", "session_id"],
    )


def _services() -> Json:
    return table(
        "Services",
        """Each argus-otel that stored its metrics in this range: what it took, loads and holds. What it received is
        without its own metrics, what it loaded with them.""",
        rows(f"""
            SELECT
                instance,
                argMax(version, points.time) AS version,
                max(points.time) AS last_report,
                sumIf(value, metric = 'argus_otel.received.records' AND {_FROM_OTHERS}) AS received,
                sumIf(value, metric = 'argus_otel.received.bytes' AND {_FROM_OTHERS}) AS received_bytes,
                sumIf(value, metric = 'argus_otel.loaded.records') AS loaded,
                sumIf(count, metric = 'argus_otel.load.duration') AS loads,
                sumIf(value, metric = 'argus_otel.load.duration') / nullIf(loads, 0) AS load_duration,
                sumIf(value, metric = 'argus_otel.load.failures') AS failed_loads,
                argMaxIf(value, points.time, metric = 'argus_otel.spool.records') AS waiting,
                argMaxIf(value, points.time, metric = 'argus_otel.dead_letter.records') AS dead_letters
            {_FROM}
            WHERE metric IN (
                'argus_otel.received.records', 'argus_otel.received.bytes', 'argus_otel.loaded.records',
                'argus_otel.load.duration', 'argus_otel.load.failures', 'argus_otel.spool.records',
                'argus_otel.dead_letter.records') AND {_HERE}
            GROUP BY instance
            ORDER BY instance
            LIMIT 100"""),
        [
            look.column("instance"),
            look.column("version", width=90),
            look.column("last_report", look.TIME, width=170),
            look.column("received_bytes", look.BYTES, width=120),
            look.column("load_duration", look.SECONDS, name="mean load", width=100),
            look.column("failed_loads", look.COUNT),
            look.column("dead_letters", look.COUNT),
        ],
    )
