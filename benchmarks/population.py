"""
A company's month, made in SQL: rows of the landing tables, from which the schema's own views make facts, texts and sessions.

A session is 5 prompts, 25 API calls with their answers, 20 tool calls (decision and result) and 5 other events: 100 log
records. Meters for all but Cowork; half of the sessions have hooks, which tell versions and the tools' input and output.
500 users in 20 teams and 3 workspaces, on three surfaces; the sessions follow each other through 30 days, and so do
argus-otel's own metrics, minute by minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_otel.telemetry import Metric

if TYPE_CHECKING:
    from argus_otel.store import Store

LOG_RECORDS_PER_SESSION = 100
_DAYS = 30
_SESSIONS_AT_ONCE = 2_500
_SETTINGS = "SETTINGS max_partitions_per_insert_block = 0, max_block_size = 32768, min_insert_block_size_rows = 131072"


def populate(store: Store, session_count: int) -> None:
    """Fill the databases otel and argus; the last session began a minute ago."""
    for first in range(0, session_count, _SESSIONS_AT_ONCE):
        count = min(_SESSIONS_AT_ONCE, session_count - first)
        sessions = _SESSIONS.format(first=first, count=count, all=session_count)
        for statement in (*_LOGS, *_SPANS, *_POINTS):
            store.execute(f"{statement.format(sessions=sessions)} {_SETTINGS}")
    for statement in (*_OWN, *_SETTINGS_OF_OPERATORS):
        store.execute(f"{statement} {_SETTINGS}")


_SESSIONS = f"""
    SELECT
        {{first}} + number AS session,
        cityHash64(session) AS seed,
        intDiv(seed, 11) % 100 AS chance,
        lower(hex(MD5(toString(session)))) AS session_id,
        ['default', 'research', 'platform'][1 + seed % 3] AS workspace,
        seed % 500 AS user,
        concat('team-', toString(user % 20)) AS team,
        concat('acme/service-', toString(intDiv(seed, 7) % 40)) AS repository,
        multiIf(chance < 70, 'claude-code', chance < 80, 'cowork', 'claude-code-desktop') AS service,
        service = 'claude-code' AND intDiv(seed, 13) % 3 = 0 AS is_sdk,
        service != 'cowork' AND seed % 2 = 0 AS is_hooked,
        concat('2.1.', toString(300 + intDiv(session * 30, {{all}}))) AS version,
        ['claude-sonnet-4-5', 'claude-sonnet-4-5', 'claude-opus-4-5', 'claude-haiku-4-5'][1 + intDiv(seed, 17) % 4] AS model,
        now64(9) - toIntervalSecond(60 + intDiv(({{all}} - 1 - session) * {_DAYS} * 86400, {{all}})) AS began,
        10 + intDiv(seed, 19) % 60 AS step_s -- between two API calls
    FROM numbers({{count}})"""

_WORDS = (
    "add a test for the parser fix the failing build look at the log of the server rename this function and its callers "
    "why does the request time out explain the query plan update the docs review the pull request run it again make it faster"
).split()


def _text(seed: str, word_count: int) -> str:
    words = ", ".join(f"'{word}'" for word in _WORDS)
    word = f"[{words}][1 + cityHash64({seed}, place) % {len(_WORDS)}]"
    return f"arrayStringConcat(arrayMap(place -> {word}, range({word_count})), ' ')"


def _id(of: str, nth: str) -> str:
    return f"lower(hex(MD5(concat(session_id, '{of}', toString({nth})))))"


def _at(per_session: int) -> str:
    return f"began + toIntervalMillisecond(intDiv(nth * 25000 * step_s, {per_session}))"


def _map(pairs: dict[str, str]) -> str:
    listed = ", ".join(f"'{key}', {pairs[key]}" for key in sorted(pairs))
    return f"map({listed})"


def _of_sender(per_session: int) -> dict[str, str]:
    return {
        "session.id": "session_id",
        "user.id": "lower(hex(MD5(concat('install', toString(user)))))",
        "user.email": "if(user % 10 = 9, '', concat('dev', toString(user), '@example.com'))",
        "organization.id": "'acme'",
        "app.version": "version",
        "terminal.type": "'xterm'",
        "prompt.id": _id("prompt", f"intDiv(nth * 5, {per_session})"),
        "vcs.repository.name": "repository",
    }


_RESOURCE = _map(
    {
        "service.name": "service",
        "service.version": "version",
        "os.type": "'linux'",
        "host.arch": "'arm64'",
        "team": "team",
    }
)


def _log(event: str, per_session: int, of_event: dict[str, str]) -> str:
    """Return an INSERT of `per_session` events of each session, spread over its time."""
    attributes = {**_of_sender(per_session), "event.name": f"'{event}'", "event.sequence": "toString(nth)", **of_event}
    return f"""
        INSERT INTO otel.otel_logs
            (workspace, Timestamp, ServiceName, ScopeName, Body, SeverityText, ResourceAttributes, LogAttributes)
        SELECT workspace, {_at(per_session)}, service, 'com.anthropic.claude_code.events',
            'claude_code.{event}', 'INFO', {_RESOURCE}, {_map(attributes)}
        FROM ({{sessions}}) ARRAY JOIN range({per_session}) AS nth"""


_CHANCE = "cityHash64(seed, nth)"
_INPUT = f"(200 + {_CHANCE} % 2000)"
_OUTPUT = f"(50 + intDiv({_CHANCE}, 3) % 800)"
_CACHE_READ = f"(5000 + intDiv({_CHANCE}, 5) % 60000)"
_CACHE_CREATION = f"if(nth > 0 AND {_CHANCE} % 60 = 0, 60000, intDiv({_CHANCE}, 7) % 4000)"
_COST_USD = f"({_INPUT} * 3 + {_OUTPUT} * 15 + {_CACHE_READ} * 0.3 + {_CACHE_CREATION} * 3.75) / 1e6"
_TOOL = "['Bash', 'Read', 'Edit', 'Grep', 'Write', 'Glob', 'WebFetch', 'mcp__tracker__search', 'Skill', 'Agent'][1 + nth % 10]"
_QUERY_SOURCE = "if(is_sdk, 'sdk', if(nth % 5 = 4, 'agent:builtin:general-purpose', 'repl_main_thread'))"

_LOGS = (
    _log("user_prompt", 5, {"prompt": _text("seed, nth", 12), "prompt_length": "'60'"}),
    _log(
        "api_request",
        25,
        {
            "request_id": _id("request", "nth"),
            "model": "if(nth % 8 = 7, 'claude-haiku-4-5', model)",
            "cost_usd": f"toString(round({_COST_USD}, 6))",
            "input_tokens": f"toString({_INPUT})",
            "output_tokens": f"toString({_OUTPUT})",
            "cache_read_tokens": f"toString({_CACHE_READ})",
            "cache_creation_tokens": f"toString({_CACHE_CREATION})",
            "duration_ms": f"toString(800 + {_CHANCE} % 9000)",
            "ttft_ms": f"toString(200 + {_CHANCE} % 900)",
            "query_source": _QUERY_SOURCE,
            "skill.name": "if(nth % 10 = 3, ['review', 'release-notes', 'tidy'][1 + seed % 3], '')",
            "mcp_server.name": "if(nth % 10 = 8, 'tracker', '')",
            "agent.name": "if(nth % 5 = 4, 'general-purpose', '')",
        },
    ),
    _log(
        "assistant_response",
        25,
        {
            "request_id": _id("request", "nth"),
            "response": _text("seed, nth", 40),
            "response_length": "'200'",
            "model": "model",
        },
    ),
    _log(
        "tool_decision",
        20,
        {
            "tool_use_id": _id("tool", "nth"),
            "tool_name": _TOOL,
            "decision": f"if({_CHANCE} % 50 = 0, 'reject', 'accept')",
            "source": "if(nth % 3 = 0, 'user_temporary', 'config')",
            "request_id": _id("request", "nth"),
        },
    ),
    _log(
        "tool_result",
        20,
        {
            "tool_use_id": _id("tool", "nth"),
            "tool_name": _TOOL,
            "success": f"if({_CHANCE} % 12 = 0, 'false', 'true')",
            "error_type": f"if({_CHANCE} % 12 = 0, ['ShellError', 'FileNotFound', 'Timeout'][1 + seed % 3], '')",
            "duration_ms": f"toString(5 + {_CHANCE} % 4000)",
            "tool_input_size_bytes": f"toString(40 + {_CHANCE} % 400)",
            "tool_result_size_bytes": f"toString(100 + {_CHANCE} % 9000)",
            "request_id": _id("request", "nth"),
        },
    ),
    _log("plugin_loaded", 4, {"plugin.name": "'argus-otel'", "plugin.version": "'0.1.0'"}),
    _log(
        "skill_activated",
        1,
        {"skill.name": "['review', 'release-notes', 'tidy'][1 + seed % 3]", "invocation_trigger": "'user-slash'"},
    ),
    _log(
        "api_error",
        1,
        {"request_id": _id("error", "nth"), "model": "model", "status_code": "'529'", "error": "'overloaded'"},
    )
    + " WHERE seed % 40 = 0",
)


def _span(record: str, per_session: int, of_record: dict[str, str]) -> str:
    attributes = {
        "argus.record": f"'{record}'",
        "argus.identity": _id(record, "nth"),
        "session.id": "session_id",
        "argus.entrypoint": "if(is_sdk, 'sdk-py', 'cli')",
        "prompt.id": _id("prompt", f"intDiv(nth * 5, {per_session})"),
        **of_record,
    }
    return f"""
        INSERT INTO otel.otel_traces
            (workspace, Timestamp, TraceId, SpanId, SpanName, SpanKind,
             ServiceName, ScopeName, ResourceAttributes, SpanAttributes, Duration)
        SELECT workspace, {_at(per_session)}, {_id("trace", "0")}, substring({_id(record, "nth")}, 1, 16),
            'argus.{record}', 'Internal', 'argus-otel', 'argus_otel.capture',
            map('service.name', 'argus-otel'), {_map(attributes)}, 0
        FROM ({{sessions}}) ARRAY JOIN range({per_session}) AS nth WHERE is_hooked"""


_COMMAND = f"""multiIf({_CHANCE} % 500 = 0, 'rm -rf ~', {_CHANCE} % 500 = 1, 'export TOKEN=[REDACTED:assigned_secret]',
    {_text("seed, nth", 8)})"""
_CALL = {"gen_ai.tool.call.id": _id("tool", "nth"), "gen_ai.tool.name": _TOOL}
_SPANS = (
    _span(
        "session_start",
        1,
        {
            "argus.version.CLAUDE.md": "lower(hex(MD5(concat(repository, toString(intDiv(session, 3000))))))",
            "argus.version.skill:review": "lower(hex(MD5(toString(intDiv(session, 20000)))))",
            "argus.version.plugin:argus-otel": "concat('0.1.', toString(intDiv(session, 25000)))",
            "argus.version.settings:user": "lower(hex(MD5(toString(user % 7))))",
        },
    ),
    _span("user_prompt", 5, {"argus.prompt.is_human": "'true'", "argus.content.length": "'60'"}),
    _span(
        "tool_call",
        20,
        {
            **_CALL,
            "gen_ai.tool.call.arguments": f"concat('{{{{\"command\":\"', {_COMMAND}, '\"}}}}')",
        },
    ),
    _span(
        "tool_result",
        20,
        {
            **_CALL,
            "argus.tool.success": f"if({_CHANCE} % 12 = 0, 'false', 'true')",
            "argus.tool.duration_ms": f"toString(5 + {_CHANCE} % 4000)",
            "gen_ai.tool.call.result": _text("seed, nth, 1", 30),
            "argus.tool.error": f"if({_CHANCE} % 12 = 0, concat('Exit code ', toString(1 + seed % 3)), '')",
        },
    ),
    _span("session_end", 1, {"argus.end.reason": "'logout'"}),
)


def _point(metric: str, value: str, of_point: dict[str, str], condition: str = "true") -> str:
    attributes = {name: sql for name, sql in _of_sender(1).items() if name != "prompt.id"}
    return f"""
        INSERT INTO otel.otel_metrics_sum
            (workspace, ServiceName, MetricName, ResourceAttributes, Attributes,
             StartTimeUnix, TimeUnix, Value, AggregationTemporality, IsMonotonic)
        SELECT workspace, service, 'claude_code.{metric}', {_RESOURCE}, {_map({**attributes, **of_point})},
            began, began + toIntervalSecond(25 * step_s), {value}, 1, true
        FROM ({{sessions}}) WHERE service != 'cowork' AND {condition}"""


_POINTS = (
    _point("session.count", "1", {"start_type": "'fresh'"}),
    _point("cost.usage", "2.5", {"model": "model"}),
    *(
        _point("token.usage", value, {"model": "model", "type": f"'{kind}'"})
        for kind, value in (
            ("input", "30000"),
            ("output", "11000"),
            ("cacheRead", "875000"),
            ("cacheCreation", "50000"),
        )
    ),
    *(
        _point("lines_of_code.count", f"seed % {most}", {"type": f"'{kind}'"})
        for kind, most in (("added", 300), ("removed", 90))
    ),
    _point("commit.count", "1 + seed % 3", {}, "seed % 4 = 0"),
    _point("pull_request.count", "1", {}, "seed % 9 = 0"),
    *(_point("active_time.total", "60.5 + seed % 1000", {"type": f"'{kind}'"}) for kind in ("user", "cli")),
    _point(
        "code_edit_tool.decision",
        "1 + seed % 5",
        {"tool_name": "'Edit'", "decision": "if(seed % 10 = 0, 'reject', 'accept')"},
    ),
)

_TABLES = {
    "counter": ("otel_metrics_sum", "Value, AggregationTemporality, IsMonotonic", "number % 900, 1, true"),
    "gauge": ("otel_metrics_gauge", "Value", "number % 900"),
    "histogram": (
        "otel_metrics_histogram",
        "Count, Sum, BucketCounts, ExplicitBounds, AggregationTemporality",
        "10, 2.5, [1, 2, 4, 2, 1], [0.01, 0.1, 0.5, 1], 1",
    ),
}


def _own(metric: Metric) -> str:
    definition = metric.value
    table, columns, values = _TABLES[definition.kind]
    signals = "['logs', 'traces', 'metrics']" if "signal" in definition.labels else "['']"
    labels = {label: "signal" if label == "signal" else f"'{label}'" for label in definition.labels}
    return f"""
        INSERT INTO otel.{table} (ServiceName, MetricName, ResourceAttributes, Attributes, StartTimeUnix, TimeUnix, {columns})
        SELECT 'argus-otel', '{definition.name}', map('service.instance.id', 'one', 'service.version', '0.1.0'),
            {_map(labels) if labels else "map()"}, TimeUnix, now64(9) - toIntervalMinute(number) AS TimeUnix, {values}
        FROM numbers({_DAYS * 1440}) ARRAY JOIN {signals} AS signal"""


_OWN = tuple(_own(metric) for metric in Metric)

_SETTINGS_OF_OPERATORS = (
    """
    INSERT INTO argus.people_facts (imported_at, user_key, user_name, team, cost_centre)
    SELECT now64(9), concat('dev', toString(number), '@example.com'), concat('Developer ', toString(number)),
        concat('team-', toString(number % 20)), concat('cc-', toString(number % 5))
    FROM numbers(400)""",
    """
    INSERT INTO argus.budget_facts (scope, name, set_at, month_nanousd, is_removed)
    SELECT 'team', concat('team-', toString(number)), now64(9), 5000000000000, false FROM numbers(20)""",
    """
    INSERT INTO argus.erasure_facts (workspace, session_id, step, source, at, asked_by, row_count)
    SELECT workspace, session_id, arrayJoin(['asked', 'unreadable', 'gone']), 'hook', now64(9), 'dev1@example.com', 0
    FROM argus.session_facts WHERE leg = 'hook' AND cityHash64(session_id) % 500 = 0""",
)
