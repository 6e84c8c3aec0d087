"""Each configuration is one that the collector takes, with limits, and its generated parts say what their sources say."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from collector_needed import ROOT, needs_collector
from collectors import CONFIGS, validate

NAMES = ("agent.yaml", "gateway.yaml", "split.yaml", "clickhouse-direct.yaml")
MIB = 1 << 20
BODY_BYTES_MAX = 64 * MIB
"""Of argus-otel, as it is set."""


def config(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CONFIGS / name).read_text())
    return loaded


@needs_collector
@pytest.mark.parametrize("name", NAMES)
def test_the_collector_takes_it(name: str) -> None:
    told = validate(CONFIGS / name)
    assert (told.returncode, told.stderr) == (0, "")


@needs_collector
def test_the_collector_would_say_what_is_wrong(tmp_path: Any) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((CONFIGS / "agent.yaml").read_text().replace("queue_size", "queue_length"))
    told = validate(wrong)
    assert told.returncode != 0
    assert "queue_length" in told.stderr


@pytest.mark.parametrize("name", NAMES)
def test_receivers_have_limits_that_argus_otel_takes(name: str) -> None:
    protocols = config(name)["receivers"]["otlp"]["protocols"]
    grpc_bytes_max = protocols["grpc"]["max_recv_msg_size_mib"] * MIB
    assert grpc_bytes_max == protocols["http"]["max_request_body_size"] < BODY_BYTES_MAX


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_limited_first_in_every_pipeline_that_receives(name: str) -> None:
    pipelines = config(name)["service"]["pipelines"].values()
    first = {each["processors"].pop(0) for each in pipelines if each["receivers"] == ["otlp"]}
    assert first == {"memory_limiter"}


@pytest.mark.parametrize("name", NAMES)
def test_what_goes_to_us_is_batched_in_bytes_kept_on_disk_and_never_given_up(name: str) -> None:
    exporters = config(name)["exporters"]
    ours = {key: told for key, told in exporters.items() if "argus_otel" in key or key == "clickhouse/agents"}
    assert ours
    for told in ours.values():
        queue = told["sending_queue"]
        assert (queue["storage"], queue["sizer"], told["retry_on_failure"]["max_elapsed_time"]) == (
            "file_storage",
            "bytes",
            0,
        )
        assert 0 < queue["batch"]["min_size"] <= queue["batch"]["max_size"] <= BODY_BYTES_MAX < queue["queue_size"]


def test_the_readme_names_what_there_is() -> None:
    text = (CONFIGS / "README.md").read_text()
    linked = set(re.findall(r"\]\(([a-z0-9/.-]+)\)", text))
    assert {*NAMES, "builder.yaml"} <= linked
    assert not [name for name in linked if not (CONFIGS / name).is_file()]


def test_the_generated_parts_have_not_drifted() -> None:
    told = subprocess.run(
        [sys.executable, ROOT / "scripts" / "collector_config.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (told.returncode, told.stdout) == (0, ""), told.stderr
