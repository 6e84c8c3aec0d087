"""Alarms that survive the pipeline: Prometheus' own tool says that they fire; a real service, that their metrics exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from services import Service

from argus_otel import errors
from argus_otel.envelope import Signal
from argus_otel.receive.errors import OverloadedError, UnfinishedBodyError
from argus_otel.receive.status import refusal_of

FOLDER = Path(__file__).parents[2] / "grafana-dashboards" / "prometheus"
RULES = FOLDER / "argus-otel.rules.yaml"
RUNBOOKS = FOLDER.parents[1] / "docs" / "runbooks.md"
TESTS = FOLDER / "argus-otel.tests.yaml"

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: Debian has it in its package prometheus"
)

EVERY_REFUSAL: tuple[Exception, ...] = (
    errors.MalformedBodyError("x"),
    errors.UnsupportedEncodingError("x"),
    errors.UnauthenticatedError("x"),
    errors.BodyTooLargeError(2, 1),
    errors.ExpansionTooLargeError(2, 1),
    errors.SpoolFullError(1, 1),
    errors.SpoolWriteError("x"),
    errors.ShuttingDownError("x"),
    OverloadedError(2, 1),
    UnfinishedBodyError("x"),
    ValueError("a bug of ours"),
)
PASSING = {"shutting_down", "unfinished_body"}
"""Retryable and no trouble: a restart, and a sender that hung up."""


def run(*arguments: str | Path) -> str:
    told = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def rules() -> dict[str, str]:
    """Return the text of each rule by its name."""
    _, *parts = re.split(r"^ *- alert: ", RULES.read_text(), flags=re.MULTILINE)
    return {part.split()[0]: part for part in parts}


def reasons_of(rule: str) -> set[str]:
    [reasons] = re.findall(r'reason=~"([^"]+)"', rules()[rule])
    return set(reasons.split("|"))


@promtool
def test_prometheus_takes_the_rules() -> None:
    assert f"{len(rules())} rules found" in run("check", "rules", RULES)


@promtool
def test_each_rule_fires_when_it_must_and_only_then() -> None:
    assert "SUCCESS" in run("test", "rules", TESTS)


def test_each_rule_is_tried_both_ways() -> None:
    tried = TESTS.read_text()
    for name in rules():
        assert re.search(rf"alertname: {name}, exp_alerts: \[\]", tried), f"{name} is never seen silent"
        assert re.search(rf"alertname: {name}\n\s*exp_alerts:\n", tried), f"{name} is never seen firing"


def test_each_rule_says_how_bad_it_is_and_what_to_do() -> None:
    headings = {line.lstrip("# ") for line in RUNBOOKS.read_text().splitlines() if line.startswith("#")}
    assert set(rules()) <= headings
    for name, rule in rules().items():
        assert re.search(r"labels: \{severity: (page|ticket), product: argus-otel\}", rule)
        assert "summary: " in rule
        assert "description: " in rule
        assert f"runbook_url: docs/runbooks.md#{name.lower()}\n" in rule


def test_every_refusal_has_its_rule() -> None:
    refusals = [refusal_of(error) for error in EVERY_REFUSAL]
    for_now = {refusal.reason for refusal in refusals if refusal.is_retryable}
    for_good = {refusal.reason for refusal in refusals if not refusal.is_retryable}
    assert reasons_of("ArgusOtelRefusingForNow") == for_now - PASSING
    assert reasons_of("ArgusOtelRefusingForGood") == for_good


def test_no_refusal_was_forgotten_here() -> None:
    # What a sender did and what the spool met, as errors.py has them; the other errors never reach a sender.
    told = {type(error) for error in EVERY_REFUSAL}
    text = Path(errors.__file__).read_text()
    of_senders = text[text.index("# What a sender did") : text.index("# What ClickHouse said")]
    named = {getattr(errors, name) for name in re.findall(r"^class (\w+)", of_senders, re.MULTILINE)}
    assert named <= told


def exposed(service: Service) -> set[str]:
    """Return the names at /metrics."""
    with urllib.request.urlopen(f"http://{service.addresses['otlp_http']}/metrics", timeout=30) as response:
        return set(re.findall(r"^(argus_otel_\w+)", response.read().decode(), re.MULTILINE))


def test_a_real_service_exposes_every_metric_of_the_rules(tmp_path: Path) -> None:
    """Its ClickHouse is away, so loading fails; and it is sent what it must refuse."""
    named = set(re.findall(r"\bargus_otel_\w+", "".join(rules().values())))
    assert named
    one_record = ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord()])])
    service = Service(tmp_path / "data", "--clickhouse", "http://127.0.0.1:1")
    try:
        service.send(Signal.LOGS, ExportLogsServiceRequest(resource_logs=[one_record]).SerializeToString())
        with pytest.raises(urllib.error.HTTPError):
            service.post(Signal.LOGS, b"no protobuf")
        give_up_at_s = time.monotonic() + 30
        while (missing := named - exposed(service)) and time.monotonic() < give_up_at_s:
            time.sleep(0.1)
        assert not missing
    finally:
        service.kill()
