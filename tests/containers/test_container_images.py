"""The Dockerfile: its steps done here as far as they can be without a container engine, and what a container runs."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import subprocess
import sys
import tomllib
import urllib.request
from typing import TYPE_CHECKING

import pytest
from clickhouse_process import clickhouse
from container_files import DOCKER, ROOT, needs, run
from services import Service

from argus_otel.config import NOT_SETTINGS, Config
from argus_otel.demo import recordings
from argus_otel.store import ServerStore

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILE = (DOCKER / "Dockerfile").read_text()
RECORDED = "default"
WITHOUT_ENGINE = """
import sys
for name in ("chdb", "numpy", "pandas", "pyarrow"):  # what the engine's package brings along
    sys.modules[name] = None
sys.argv = ["argus-otel", *sys.argv[1:]]
from argus_otel.cli import main
main()
"""


def lines(instruction: str) -> list[str]:
    whole = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{instruction} (.*)$", whole, re.MULTILINE)


def requirements(*options: str) -> list[str]:
    command = [sys.executable, str(DOCKER / "requirements.py"), *options, str(ROOT / "pyproject.toml")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def send(address: str) -> None:
    for signal, body in recordings.requests(RECORDED):
        url, headers = f"http://{address}/v1/{signal.name.lower()}", {"Content-Type": "application/x-protobuf"}
        urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30).close()


def health(address: str) -> int:
    environment = {**os.environ, "ARGUS_OTEL_OTLP_HTTP": f"0.0.0.0:{address.rpartition(':')[2]}"}
    command = [sys.executable, "-S", str(DOCKER / "health.py")]
    return subprocess.run(command, env=environment, capture_output=True, timeout=30).returncode


def test_the_two_lists_of_dependencies_are_the_project_s() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [one for one in declared if one.startswith("chdb")] == requirements("--engine")
    assert set(requirements()) | set(requirements("--engine")) == set(declared)


def test_what_is_copied_is_there_and_let_through() -> None:
    rules = [line for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[0] not in "#"]
    let_through = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = [word for line in lines("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(fnmatch.fnmatch(path, rule) for rule in let_through), f"{path} is not in the build context"
    assert set(let_through) == set(copied)


def test_it_runs_as_nobody_in_particular_on_pinned_ground() -> None:
    assert lines("USER") == ["10001:10001"]
    assert [line for line in lines("FROM") if ":" in line] == ["python:3.13-slim-bookworm AS base"]
    assert not re.search(r"\b(curl|wget|apt-get)\b", DOCKERFILE)


def test_its_variables_are_settings() -> None:
    known = {f"ARGUS_OTEL_{name.upper()}" for name in Config.model_fields} | NOT_SETTINGS
    assert set(re.findall(r"\bARGUS_OTEL_\w+", DOCKERFILE)) <= known


@needs("container-files")
def test_buildkit_parses_it() -> None:
    stages = json.loads(run("container-files", "dockerfile", stdin=DOCKERFILE))
    assert [stage["Name"] for stage in stages][-2:] == ["server", "embedded"]
    known = {"python:3.13-slim-bookworm"}
    for stage in stages:
        assert stage["Base"] in known, stage
        known.add(stage["Name"])


def test_without_the_engine_it_fills_a_server_and_says_when_it_is_needed(tmp_path: Path) -> None:
    without = [sys.executable, "-c", WITHOUT_ENGINE]
    assert subprocess.run([*without, "--help"], capture_output=True, timeout=60).returncode == 0
    free = ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"]
    serve = [*without, "serve", "--data-dir", str(tmp_path / "data"), *free]
    told = subprocess.run(serve, capture_output=True, text=True, timeout=60)
    assert (told.returncode, "--clickhouse URL" in told.stderr) == (2, True), told.stderr
    with clickhouse(tmp_path / "server") as url:
        migrated = subprocess.run(
            [*without, "migrate", "--clickhouse", url], capture_output=True, text=True, timeout=120
        )
        assert migrated.returncode == 0, migrated.stderr
        with subprocess.Popen([*serve, "--clickhouse", url], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            try:
                addresses = json.loads(process.stdout.readline())
                assert health(addresses["otlp_http"]) == 0
                send(addresses["otlp_http"])
                drained = subprocess.run(
                    [*without, "drain", "--data-dir", str(tmp_path / "data")],
                    capture_output=True,
                    text=True,
                    timeout=60,
                )
                assert drained.returncode == 0, drained.stderr
                assert health(addresses["otlp_http"]) == 1, "what drains is not ready"
            finally:
                process.terminate()
        assert process.returncode == 0
        store = ServerStore(url)
        assert store.rows("SELECT session_id FROM argus.sessions") == [
            {"session_id": recordings.truth(RECORDED)["session_id"]}
        ]
        store.close()


def test_the_health_check_says_how_it_is(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    try:
        assert health(service.addresses["otlp_http"]) == 0
    finally:
        service.stop()
    assert health(service.addresses["otlp_http"]) != 0


@pytest.mark.parametrize("target", ["server", "embedded"])
def test_each_target_has_its_packages(target: str) -> None:
    stage = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    [body] = [part for part in stage if part.split("\n")[0].endswith(f"AS {target}")]
    source = {"server": "build", "embedded": "build-embedded"}[target]
    assert f"COPY --from={source} /opt/argus-otel /opt/argus-otel" in body
