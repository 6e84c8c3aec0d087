"""What can be known of the workflow for a real Grafana where there is none: it is YAML, and what it calls exists."""

from __future__ import annotations

import py_compile
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "grafana.yml"
COMPOSE = ROOT / "tests" / "grafana" / "live" / "compose.yaml"


def steps() -> list[dict[str, Any]]:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_each_step_does_one_thing() -> None:
    assert all(("run" in step) != ("uses" in step) for step in steps())


def test_what_it_runs_is_in_the_repository() -> None:
    commands = "\n".join(step.get("run", "") for step in steps())
    for path in re.findall(r"tests/\S+\.py", commands):
        py_compile.compile(str(ROOT / path), doraise=True)
    told = yaml.safe_load(WORKFLOW.read_text())
    assert ROOT / told["jobs"]["live"]["env"]["COMPOSE_FILE"] == COMPOSE


def test_it_renders_what_grafana_mounts(tmp_path: Path) -> None:
    [render] = [step["run"] for step in steps() if "grafana render" in step.get("run", "")]
    arguments = render.replace('"$RENDERED"', str(tmp_path)).split()[1:]
    subprocess.run([sys.executable, "-m", "argus_otel", *arguments], check=True, capture_output=True)
    mounts = yaml.safe_load(COMPOSE.read_text())["services"]["grafana"]["volumes"]
    for mount in mounts:
        folder = re.sub(r"^\$\{RENDERED[^}]*\}/", "", mount).split(":")[0]
        assert any((tmp_path / folder).rglob("*.*")), folder
    [provider] = yaml.safe_load((tmp_path / "provisioning" / "dashboards" / "argus.yaml").read_text())["providers"]
    assert any(mount.split(":")[-2] == provider["options"]["path"] for mount in mounts)
