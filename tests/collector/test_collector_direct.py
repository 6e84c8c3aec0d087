"""clickhouse-direct.yaml: the collector's own exporter, agents' telemetry only, and no secret on the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from clickhouse_double import ClickHouse
from collector_needed import needs_collector
from collectors import UNUSED, Collector, collecting, free_port
from marks import MARKS, marked
from native import attributes, log, meter, span
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_read import records, spans, told
from receiving import receiving
from typer.testing import CliRunner
from waiting import eventually

from argus_otel.cli import app
from argus_otel.demo import recordings
from argus_otel.envelope import Signal
from argus_otel.privacy.redaction import Redaction, Rule, load_redaction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from native import Request
    from receiving import Receiving

    from argus_otel.store import EmbeddedStore

pytestmark = needs_collector

WAIT_S = 90
DATABASE = "otel_agents"
RULES = load_redaction().rules
MARK = "[REDACTED:url_password]@"


@pytest.fixture(scope="module")
def yours() -> Iterator[Receiving]:
    """Where all else went before."""
    with receiving() as state:
        yield state


@pytest.fixture(scope="module")
def collector(store: EmbeddedStore, yours: Receiving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    folder = tmp_path_factory.mktemp("collector")
    with ClickHouse(store) as clickhouse:
        variables = {"CLICKHOUSE_ENDPOINT": clickhouse.url, "YOUR_BACKEND": yours.endpoints.grpc}
        with collecting("clickhouse-direct.yaml", folder, **variables) as running:
            yield running


def examples() -> list[tuple[Rule, str]]:
    """Return each rule with each text that it must match, and each that it must not."""
    return [(rule, text) for rule in RULES for text in (*rule.matches, *rule.non_matches)]


def redacted(text: str) -> str:
    """Return what argus-otel itself makes of a text."""
    answer: str = Redaction(RULES).redact_document(text)
    return answer


def secret_log(session: str, text: str) -> Request:
    of = {"prompt": text, "user.id": text, "list": [text], "map": {"prompt": text}}
    kind, body = log("user_prompt", of, session=session, resource={"new.resource": text})
    request = ExportLogsServiceRequest.FromString(body)
    [record] = request.resource_logs[0].scope_logs[0].log_records
    record.body.string_value = f"claude_code.{text}"
    record.event_name = text
    return kind, request.SerializeToString()


def secret_span(session: str, text: str) -> Request:
    kind, body = span("claude_code.tool", {"tool_input": text, "tool_name": text, "list": [text]}, session=session)
    request = ExportTraceServiceRequest.FromString(body)
    [made] = request.resource_spans[0].scope_spans[0].spans
    made.name = f"claude_code.{text}"
    made.status.message = text
    made.events.add(name=text).attributes.extend(attributes({"output": text, "tool_name": text}))
    return kind, request.SerializeToString()


def secret_point(session: str, text: str) -> Request:
    kind, body = meter("claude_code.cost.usage", [(0, 1, 1.0, {"new.label": text, "model": text})], session=session)
    return kind, ExportMetricsServiceRequest.FromString(body).SerializeToString()


def rows(store: EmbeddedStore, table: str, session: str) -> list[dict[str, Any]]:
    """Return the rows of a session, none while the exporter has not made the table."""
    maps = {"otel_logs": "LogAttributes", "otel_traces": "SpanAttributes", "otel_metrics_sum": "Attributes"}
    return store.rows(f"SELECT * FROM {DATABASE}.{table} WHERE {maps[table]}['session.id'] = '{session}'")


def only(store: EmbeddedStore, table: str, session: str) -> dict[str, Any]:
    def check() -> dict[str, Any]:
        found = rows(store, table, session)
        assert len(found) == 1
        return found[0]

    return eventually(check, WAIT_S)


@pytest.fixture(scope="module")
def secrets(collector: Collector) -> dict[str, tuple[Rule, str]]:
    """Every example of every rule, sent in every place that may hold words: by the session that said it."""
    said = {f"e{number}": example for number, example in enumerate(examples())}
    for session, (_, text) in said.items():
        for kind, body in (secret_log(session, text), secret_span(session, text), secret_point(session, text)):
            collector.send(kind, body)
    return said


def test_the_real_exporter_fills_tables_of_their_own(collector: Collector, store: EmbeddedStore) -> None:
    session = recordings.truth("content-on")["session_id"]
    requests = [*recordings.requests("content-on"), *recordings.content("content-on")]
    for kind, body in requests:
        collector.send(kind, body)

    def check() -> None:
        calls = "LogAttributes['event.name'] = 'api_request'"
        [costs] = store.rows(
            f"SELECT count() AS n, sum(round(toFloat64(LogAttributes['cost_usd']) * 1e9)) AS nanousd"
            f" FROM {DATABASE}.otel_logs WHERE {calls} AND LogAttributes['session.id'] = '{session}'"
        )
        assert (costs["n"], costs["nanousd"]) == (13, 90_675_000)
        assert len(rows(store, "otel_traces", session)) == len(list(spans(requests)))

    eventually(check, WAIT_S)


def sessions(store: EmbeddedStore) -> dict[str, tuple[int, int]]:
    """Return API calls and tool calls of each session whose calls have come."""
    rows = store.rows("SELECT session_id, api_request_count, tool_call_count FROM argus.sessions")
    return {row["session_id"]: (row["api_request_count"], row["tool_call_count"]) for row in rows}


def test_views_on_the_exporters_tables_have_what_was_there_and_what_comes(
    collector: Collector, store: EmbeddedStore
) -> None:
    known = {name: recordings.truth(name) for name in ("default", "resume")}
    counts = {of["session_id"]: (of["requests"], len(of["tool_use_ids"])) for of in known.values()}
    for kind, body in recordings.requests("default"):
        collector.send(kind, body)
    eventually(lambda: _whole(store, known["default"]), WAIT_S)
    with ClickHouse(store) as clickhouse:
        migrate = ["migrate", "--clickhouse", clickhouse.url]
        result = CliRunner().invoke(app, [*migrate, "--landing", DATABASE])
        assert result.exit_code == 0, result.output
        before = known["default"]["session_id"]
        assert sessions(store)[before] == counts[before]
        for kind, body in [*recordings.requests("resume"), *recordings.requests("default")]:  # once more, too
            collector.send(kind, body)

        def check() -> None:
            found = sessions(store)
            assert {session: found.get(session) for session in counts} == counts

        eventually(check, WAIT_S)
        assert CliRunner().invoke(app, [*migrate, "--uninstall", "--yes"]).exit_code == 0


def _whole(store: EmbeddedStore, truth: dict[str, Any]) -> None:
    """Hold that every API call is in the exporter's table, and the spans that end last."""
    said = [row["LogAttributes"].get("request_id") for row in rows(store, "otel_logs", truth["session_id"])]
    assert {request_id for request_id in said if request_id} >= set(truth["request_ids"])
    assert len(rows(store, "otel_traces", truth["session_id"])) == len(list(spans(recordings.requests("default"))))


def test_what_is_no_agents_goes_where_it_went(collector: Collector, store: EmbeddedStore, yours: Receiving) -> None:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(attributes({"service.name": "checkout"}))
    resource_logs.scope_logs.add().log_records.add().body.string_value = "password: correct-horse"
    others = [
        (Signal.LOGS, request.SerializeToString()),
        span("GET /orders", {"session.id": "others"}, scope="checkout"),
        meter("http.server.requests", [(0, 1, 3, {})], session="others"),
    ]
    for kind, body in others:
        collector.send(kind, body)

    def check() -> None:
        assert records(told(yours.accepted)) == records(others), "all of it, as it was"

    eventually(check, WAIT_S)
    assert store.rows(f"SELECT count() AS n FROM {DATABASE}.otel_logs WHERE ServiceName = 'checkout'") == [{"n": 0}]
    for table in ("otel_traces", "otel_metrics_sum"):
        assert not rows(store, table, "others")


def test_each_mark_of_an_agent_is_enough(collector: Collector, store: EmbeddedStore) -> None:
    for session in MARKS:
        collector.send(*marked(session))
    for session in MARKS:
        only(store, "otel_logs", session)


def test_no_sender_chooses_its_workspace(collector: Collector, store: EmbeddedStore) -> None:
    logs = ExportLogsServiceRequest.FromString(log("user_prompt", {}, session="liar")[1])
    traces = ExportTraceServiceRequest.FromString(span("claude_code.tool", {}, session="liar")[1])
    metrics = ExportMetricsServiceRequest.FromString(
        meter("claude_code.cost.usage", [(0, 1, 1.0, {})], session="liar")[1]
    )
    for kind, request, told_of in (
        (Signal.LOGS, logs, logs.resource_logs[0]),
        (Signal.TRACES, traces, traces.resource_spans[0]),
        (Signal.METRICS, metrics, metrics.resource_metrics[0]),
    ):
        told_of.resource.attributes.extend(attributes({"argus.workspace": "payments"}))
        collector.send(kind, request.SerializeToString())
    for table in ("otel_logs", "otel_traces", "otel_metrics_sum"):
        assert only(store, table, "liar")["ResourceAttributes"]["argus.workspace"] == "default"


def test_secrets_in_logs_are_replaced_as_argus_otel_does(
    secrets: dict[str, tuple[Rule, str]], store: EmbeddedStore
) -> None:
    for session, (rule, text) in secrets.items():
        row = only(store, "otel_logs", session)
        said, expected = row["LogAttributes"], redacted(text)
        assert (said["prompt"], row["Body"]) == (expected, redacted(f"claude_code.{text}")), rule.name
        assert said["user.id"] == text, "a join key is never touched"
        if text in rule.matches:
            everywhere = [row["EventName"], said["list"], said["map"], row["ResourceAttributes"]["new.resource"]]
            assert not [place for place in everywhere if re.search(rule.pattern, place.replace(MARK, ""), re.ASCII)]
            assert text not in everywhere
        else:
            assert (row["EventName"], row["ResourceAttributes"]["new.resource"]) == (expected, text)


def test_secrets_in_spans_are_replaced_as_argus_otel_does(
    secrets: dict[str, tuple[Rule, str]], store: EmbeddedStore
) -> None:
    for session, (rule, text) in secrets.items():
        row = only(store, "otel_traces", session)
        [event], expected = row["Events.Attributes"], redacted(text)
        said = row["SpanAttributes"]
        assert (said["tool_input"], row["StatusMessage"], event["output"]) == (expected, expected, expected), rule.name
        assert (said["tool_name"], event["tool_name"]) == (text, text), "what is listed as a name is never touched"
        if text in rule.matches:
            for place in (row["SpanName"], *row["Events.Name"], said["list"]):
                assert text not in place
                assert not re.search(rule.pattern, place.replace(MARK, ""), re.ASCII)


def test_secrets_in_labels_of_metrics_are_masked(secrets: dict[str, tuple[Rule, str]], store: EmbeddedStore) -> None:
    for session, (rule, text) in secrets.items():
        said = only(store, "otel_metrics_sum", session)["Attributes"]
        assert said["model"] == text
        assert (said["new.label"] == text) == (text not in rule.matches), rule.name


def test_while_clickhouse_is_away_a_restarted_collector_takes_and_keeps(
    collector: Collector, store: EmbeddedStore, tmp_path: Path
) -> None:
    """`collector` has made the tables."""
    port = free_port()
    variables = {**UNUSED, "CLICKHOUSE_ENDPOINT": f"http://127.0.0.1:{port}"}
    without_schema = Collector("clickhouse-direct.yaml", tmp_path / "first", {**variables, "CREATE_SCHEMA": "false"})
    try:
        without_schema.start()
        without_schema.send(*log("user_prompt", {"prompt": "kept"}, session="kept"))
        without_schema.kill()
        without_schema.start()
        with ClickHouse(store, port):
            assert only(store, "otel_logs", "kept")["LogAttributes"]["prompt"] == "kept"
            assert without_schema.stop() == 0
    finally:
        if without_schema.process and without_schema.process.poll() is None:
            without_schema.kill()
    with_schema = Collector("clickhouse-direct.yaml", tmp_path / "second", variables)
    with pytest.raises(AssertionError, match="create database"):
        with_schema.start()
