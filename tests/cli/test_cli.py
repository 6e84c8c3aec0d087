"""The commands, as a user types them, against a real service with recorded sessions in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from services import Service, serving

from argus_otel.demo.recordings import NAMES, content, requests, truth
from argus_otel.envelope import Envelope, Signal, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "AKIAIOSFODNN7EXAMPLE"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_OTEL_")}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("cli") / "data") as running:
        for name in NAMES:
            for kind, body in [*requests(name), *content(name)]:
                running.send(kind, body)
        running.wait_until_loaded()
        yield running


def run(
    *arguments: str, data_dir: Path | None = None, stdin: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    environment = ENVIRONMENT | variables | ({"ARGUS_OTEL_DATA_DIR": str(data_dir)} if data_dir else {})
    return subprocess.run(
        [sys.executable, "-m", "argus_otel", *arguments], capture_output=True, env=environment, input=stdin
    )


def answer(service: Service, *arguments: str) -> Any:
    done = run(*arguments, "--format", "json", data_dir=service.data_dir)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_sessions_are_listed_and_sorted(service: Service) -> None:
    rows = answer(service, "sessions", "--sort", "cost")
    assert [row["cost_usd"] for row in rows] == [0.1645, 0.090675, 0.090675]
    assert rows[0]["first_prompt"] == truth("resume")["turns"][0]["prompt"]
    assert [row["session_id"] for row in answer(service, "sessions", "--user", "dave")] == [rows[0]["session_id"]]
    assert len(answer(service, "sessions", "--limit", "1")) == 1
    assert answer(service, "sessions", "--workspace", "elsewhere") == []
    table = run("sessions", data_dir=service.data_dir).stdout.decode()
    assert "$0.1645" in table


def test_a_session_by_a_unique_prefix(service: Service) -> None:
    known = truth("default")
    found = answer(service, "session", known["session_id"][:6])
    assert found["session"]["session_id"] == known["session_id"]
    assert len(found["turns"]) == 3
    assert round(sum(row["cost_usd"] for row in found["transcript"]), 9) == 0.090675
    shown = run("session", known["session_id"], data_dir=service.data_dir).stdout.decode()
    assert "please set up the greeting file" in shown
    assert "$0.06975" in shown, "the cost of the first turn"
    for wrong in ("", "zzz"):
        done = run("session", wrong, data_dir=service.data_dir)
        assert (done.returncode, b"begin" in done.stderr) == (1, True)


def test_sql_and_curl_see_the_same(service: Service) -> None:
    assert answer(service, "sql", "SELECT count() AS sessions FROM argus.sessions") == [{"sessions": 3}]
    url = f"http://{service.addresses['clickhouse_http']}/?query=SELECT+count()+FROM+argus.sessions"
    with urllib.request.urlopen(url) as response:
        assert response.read() == b"3\n"
    refused = run("sql", "DROP TABLE argus.facts", data_dir=service.data_dir)
    assert refused.returncode == 1
    assert b"Traceback" not in refused.stderr
    by_url = run(
        "sql", "SELECT 1 AS one", "--format", "json", "--url", f"http://{service.addresses['clickhouse_http']}"
    )
    assert json.loads(by_url.stdout) == [{"one": 1}]


def test_doctor_checks_the_accounting(service: Service) -> None:
    findings = {row["check"]: row for row in answer(service, "doctor")}
    assert findings["accounting"]["state"] == "ok"
    sums = service.accounting()
    assert str(sums["received"]) in findings["accounting"]["finding"]


def test_health_and_metrics(service: Service) -> None:
    for key in ("otlp_http", "clickhouse_http"):
        with urllib.request.urlopen(f"http://{service.addresses[key]}/health") as response:
            assert json.load(response)["ready"] is True
        with urllib.request.urlopen(f"http://{service.addresses[key]}/metrics") as response:
            text = response.read().decode()
    sums = service.accounting()
    counted = sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("argus_otel_received_records_total{")
    )
    assert counted == sums["received"]
    assert "greeting" not in text, "no content in a metric"


def test_migrating_a_running_service_applies_a_new_rule(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('{"rules": []}')
    (tmp_path / "config.toml").write_text(f'redaction_file = "{rules}"\n')
    with serving(tmp_path / "data", "--config", str(tmp_path / "config.toml")) as running:
        rules.write_text(
            json.dumps(
                {"rules": [{"name": "greeting", "literals": ["greeting"], "pattern": "greeting", "replacement": "[G]"}]}
            )
        )
        done = run("migrate", "--format", "json", data_dir=running.data_dir)
        assert done.returncode == 0, done.stderr
        replaced = [row["statement"] for row in json.loads(done.stdout) if row["action"] == "replace"]
        assert replaced == ["201_logs", "202_traces", "205_metrics"]
        for kind, body in content("default"):
            running.send(kind, body)
        running.wait_until_loaded()
        [row] = running.rows("SELECT first_prompt FROM argus.session_text")
        assert row["first_prompt"].startswith("please set up the [G] file")


def test_migrate_lists_and_prints_without_doing(service: Service) -> None:
    listed = json.loads(run("migrate", "--list", "--format", "json", data_dir=service.data_dir).stdout)
    assert {row["action"] for row in listed} == {"unchanged"}
    assert run("migrate", "--dry-run", data_dir=service.data_dir).returncode == 0


def test_dead_letters_are_listed_shown_redacted_and_retried(tmp_path: Path) -> None:
    with serving(tmp_path / "data"):
        pass
    record = LogRecord(body=AnyValue(string_value=f"use {SECRET}")).SerializeToString()
    record += b"\x32\x06\x0a\x00\x12\x02\x10\x02"  # a boolean of 2: upb lets it pass, ClickHouse does not
    scope_logs = b"\x12" + bytes([len(record)]) + record
    request = b"\x0a" + bytes([len(scope_logs) + 2]) + b"\x12" + bytes([len(scope_logs)]) + scope_logs
    poison = encode(Envelope(Signal.LOGS, "default", 1, 1, 0, request))
    (tmp_path / "data" / "spool" / "0000000000009000-0000000000000000.seg").write_bytes(poison)
    with serving(tmp_path / "data") as running:
        running.wait_until_loaded()
        [letter] = json.loads(run("dead-letter", "list", "--format", "json", data_dir=running.data_dir).stdout)
        assert (letter["signal"].lower(), letter["record_count"]) == ("logs", 1)
        shown = run("dead-letter", "show", letter["id"], data_dir=running.data_dir)
        assert json.loads(shown.stdout)["code"] == letter["code"]
        assert "use [REDACTED:aws_access_key_id]" in str(json.loads(shown.stdout)["request"])
        assert SECRET.encode() not in shown.stdout
        assert run("dead-letter", "show", "nope", data_dir=running.data_dir).returncode == 1
        assert run("dead-letter", "retry", data_dir=running.data_dir, stdin=b"n\n").returncode == 1, "it asks first"
        assert run("dead-letter", "retry", "--yes", data_dir=running.data_dir).returncode == 0
        assert running.wait_until_loaded()["dead_lettered"] == 1, "refused again"


def test_capture_is_a_hook(service: Service, tmp_path: Path) -> None:
    hook = {"session_id": "captured", "hook_event_name": "UserPromptSubmit", "prompt_id": "p1", "prompt": "hello there"}
    endpoint = f"http://{service.addresses['otlp_http']}"
    machine = {"ARGUS_OTEL_ENDPOINT": endpoint, "CLAUDE_PLUGIN_DATA": str(tmp_path), "HOME": str(tmp_path)}
    done = run("capture", stdin=json.dumps(hook).encode(), **machine)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    # It leaves before the record is sent.
    deadline_s = time.monotonic() + 30
    while not (found := service.rows("SELECT first_prompt FROM argus.session_text WHERE session_id = 'captured'")):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    assert found == [{"first_prompt": "hello there"}]
    broken = run("capture", stdin=b"no json", **machine)
    assert (broken.returncode, broken.stdout) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "--otlp-grpc", "nonsense"), "otlp_grpc: must be HOST:PORT"),
        (("serve", "--config", "/nonexistent.toml"), "cannot read config file"),
        (("sessions", "--since", "yesterday"), "no duration"),
        (("sessions", "--sort", "beauty"), "beauty"),
        (("nonsense",), "nonsense"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_right(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments, data_dir=tmp_path)
    assert (done.returncode, said in done.stderr.decode()) == (2, True), done.stderr
    assert b"Traceback" not in done.stderr


def test_unknown_variables_are_refused(tmp_path: Path) -> None:
    done = run("serve", data_dir=tmp_path, ARGUS_OTEL_SPOOL_BYTE_MAX="1")
    assert (done.returncode, b"unknown variable ARGUS_OTEL_SPOOL_BYTE_MAX" in done.stderr) == (2, True)


def test_without_a_service_commands_say_how_to_start_one(tmp_path: Path) -> None:
    for arguments in (
        ("sessions",),
        ("session", "x"),
        ("sql", "SELECT 1"),
        ("migrate",),
        ("dead-letter", "list"),
        ("doctor",),
    ):
        done = run(*arguments, data_dir=tmp_path)
        assert done.returncode == 1, arguments
        assert b"argus-otel serve" in done.stderr + done.stdout, arguments
        assert b"Traceback" not in done.stderr


def test_two_services_on_one_folder_are_refused(service: Service) -> None:
    done = run(
        "serve",
        "--otlp-grpc",
        "127.0.0.1:0",
        "--otlp-http",
        "127.0.0.1:0",
        "--clickhouse-http",
        "127.0.0.1:0",
        data_dir=service.data_dir,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False), done.stderr


def test_the_addresses_and_the_sockets_rights(service: Service) -> None:
    run_file = json.loads((service.data_dir / "run.json").read_text())
    assert run_file == service.addresses
    assert set(run_file) >= {"otlp_grpc", "otlp_http", "clickhouse_http", "data_dir"}
    assert Path(run_file["control_socket"]).stat().st_mode & 0o777 == 0o600
    assert service.data_dir.stat().st_mode & 0o777 == 0o700


def test_every_command_has_help() -> None:
    commands = ("serve", "demo", "sessions", "session", "sql", "migrate", "doctor", "dead-letter", "capture")
    listed = run("--help").stdout.decode()
    for command in commands:
        assert command in listed
        done = run(command, "--help")
        assert done.returncode == 0
        assert len((done.stdout + done.stderr).split()) > 15
