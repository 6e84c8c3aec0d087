"""What is in docker/, and the programs that read it as a container engine or a cluster does; where they are not, the reason."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
CHART = DOCKER / "helm" / "argus-otel"
BUILT = ROOT / "build" / "containers"
BUILD_LOG = ROOT / "build" / "containers.log"
"""Written by `make test`."""
COMPOSES = ("compose.yaml", "compose.existing.yaml")


def why_not(program: str) -> str:
    """Return why a program cannot be run here; empty if it can."""
    if os.access(BUILT / program, os.X_OK):
        return ""
    try:
        lines = [line for line in BUILD_LOG.read_text().splitlines() if line and not line.startswith("make")]
    except OSError:
        lines = []
    return f"there is no {program}: {lines[-1] if lines else 'run `make containers`, which builds it'}"


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(bool(why_not(program)), reason=why_not(program))


def run(program: str, *arguments: str | Path, stdin: str = "", **environment: str) -> str:
    told = subprocess.run(
        [BUILT / program, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def compose(name: str) -> dict[str, Any]:
    """Return a compose file as it stands, its variables not filled in."""
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text())
    return loaded


def example_environment() -> dict[str, str]:
    """Return what .env.example sets."""
    lines = (DOCKER / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def manifests(*options: str) -> list[dict[str, Any]]:
    """Return what Helm makes of the chart, once Kubernetes' own types took it."""
    arguments = ("template", "release", CHART, "--kube-version", "1.34.0", *options)
    rendered = run("helm", *arguments)
    documents = [document for document in yaml.safe_load_all(rendered) if document]
    if not why_not("container-files"):
        kinds = json.loads(run("container-files", "kubernetes", stdin=rendered))
        assert kinds == [document["kind"] for document in documents]
    return documents
