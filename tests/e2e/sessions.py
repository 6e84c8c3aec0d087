"""A scenario -> the real SDK runs it against the scripted API, telling a service about it -> what is true of the session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenario import Command
from scripted_api import TURN_IS_OVER, ScriptedApi

if TYPE_CHECKING:
    from scenario import Scenario
    from scripted_api import Answer

_RUN_S_MAX = 100
_GATES = ("USER_PROMPTS", "ASSISTANT_RESPONSES", "TOOL_DETAILS", "TOOL_CONTENT")


@dataclass(frozen=True)
class Legs:
    """Where a session's telemetry goes, and whether the native leg carries text."""

    protocol: str
    otlp: str
    is_content_on: bool
    plugin: Path
    plugin_endpoint: str
    is_propagating: bool = False
    """Do hooks get TRACEPARENT?"""


@dataclass(frozen=True)
class Ran:
    """A session that ran: its scenario, what the API served, what the SDK said, and whether hooks knew the trace."""

    scenario: Scenario
    api: ScriptedApi
    home: Path
    messages: list[dict[str, Any]]
    stderr: str
    is_propagating: bool

    @property
    def session_id(self) -> str:
        [session_id] = {result["session_id"] for result in self.results()}
        return str(session_id)

    @property
    def answers(self) -> list[Answer]:
        return self.api.answers

    def results(self, prompt: str | None = None) -> list[dict[str, Any]]:
        """Return the SDK's ResultMessages, all or those to one prompt."""
        results = [line for line in self.messages if line["type"] == "ResultMessage"]
        return [line["message"] for line in results if prompt in (None, line["prompt"])]


@dataclass(frozen=True)
class OptedOut:
    """A session that its user opted out, the words said before and after, and all that the plugin sent."""

    ran: Ran
    command: str
    before: str
    after: str
    plugin_endpoint: str
    plugin_bodies: list[bytes]


def run_session(scenario: Scenario, legs: Legs, home: Path) -> Ran:
    """Run the scenario to its end; raises AssertionError with what the SDK said if it fails."""
    project = home / "project"
    project.mkdir(parents=True)
    for name, text in scenario.files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    with ScriptedApi(scenario) as api:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("sdk_process.py"))],
            input=json.dumps(_job(scenario, project, legs, api)),
            env=_environment(home, api.url, legs),
            cwd=home,
            capture_output=True,
            text=True,
            timeout=_RUN_S_MAX,
        )
    assert not api.unknown, api.unknown
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Ran(
        scenario, api, home, [json.loads(line) for line in done.stdout.splitlines()], done.stderr, legs.is_propagating
    )


def _job(scenario: Scenario, project: Path, legs: Legs, api: ScriptedApi) -> dict[str, Any]:
    return {
        "cwd": str(project),
        "model": scenario.model,
        "plugins": [str(legs.plugin)],
        "denied_tools": scenario.denied_tools,
        "turn_is_over_url": api.url + TURN_IS_OVER,
        "processes": [
            [
                {"prompt": turn.prompt, "results_count": 1 if isinstance(turn, Command) else turn.results_count}
                for turn in turns
            ]
            for turns in scenario.processes
        ],
    }


def _environment(home: Path, api_url: str, legs: Legs) -> dict[str, str]:
    """Return all that the session's processes have of an environment."""
    # An interpreter for the hooks, on a machine that has none but the one that runs this.
    path = os.pathsep.join([str(Path(os.path.realpath(sys.executable)).parent), "/usr/local/bin", "/usr/bin", "/bin"])
    environment = {
        "HOME": str(home),
        "PATH": path,
        "ANTHROPIC_BASE_URL": api_url,
        "ANTHROPIC_API_KEY": "sk-ant-made-up",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "CLAUDE_CODE_OTEL_FLUSH_TIMEOUT_MS": "20000",
        "CLAUDE_CODE_OTEL_SHUTDOWN_TIMEOUT_MS": "20000",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": legs.protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{legs.otlp}",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_LOGS_EXPORT_INTERVAL": "500",
        "OTEL_TRACES_EXPORT_INTERVAL": "500",
        "ARGUS_OTEL_ENDPOINT": f"http://{legs.plugin_endpoint}",
    }
    if legs.is_content_on:
        environment |= {f"OTEL_LOG_{gate}": "1" for gate in _GATES}
    if legs.is_propagating:
        environment["CLAUDE_CODE_PROPAGATE_TRACEPARENT"] = "1"
    return environment
