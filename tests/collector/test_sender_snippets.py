"""What senders are told to set is what the real SDK needs to tell of a session, by way of a collector beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import sessions
from collector_needed import needs_collector
from collectors import CONFIGS, collecting
from scenario import Call, Scenario, Script
from sdk_needed import needs_sdk
from waiting import eventually

if TYPE_CHECKING:
    import pytest
    from services import Service

SENDERS = CONFIGS / "senders"
WAIT_S = 90


def variables() -> dict[str, str]:
    """Return agent-sdk.env as what reads such files makes of it."""
    lines = (SENDERS / "agent-sdk.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_managed_settings_say_what_the_sdk_is_told() -> None:
    settings = json.loads((SENDERS / "managed-settings.json").read_text())
    known = variables()
    assert {name: known.get(name) for name in settings["env"]} == settings["env"]
    [plugin] = settings["enabledPlugins"]
    assert plugin.split("@")[1] in settings["extraKnownMarketplaces"]


def test_the_plugin_that_is_named_is_the_one_that_is_packed(tmp_path: Path) -> None:
    """The marketplace and the plugin in it have the names that managed settings enable."""
    folder = tmp_path / "marketplace"
    command = [sys.executable, "-m", "argus_otel", "plugin", "pack", "--marketplace", "--output", str(folder)]
    packed = subprocess.run(
        [*command, "--endpoint", "https://otel.example.com:4318"],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert packed.returncode == 0, packed.stderr
    marketplace = json.loads((folder / ".claude-plugin" / "marketplace.json").read_text())
    settings = json.loads((SENDERS / "managed-settings.json").read_text())
    names = {f"{plugin['name']}@{marketplace['name']}" for plugin in marketplace["plugins"]}
    assert settings["enabledPlugins"] == dict.fromkeys(names, True)


@needs_sdk
@needs_collector
def test_a_real_session_by_the_snippet_and_a_collector_beside_it(
    service: Service, to_service: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = {"command": "echo seen", "description": "Scripted"}
    script = Script("Say what you see.", ((Call("Bash", command, "seen"),),), "I have seen it.")
    scenario = Scenario("claude-sonnet-4-5", ((script,),), {"CLAUDE.md": "Be brief.\n"})
    path = subprocess.run(
        [sys.executable, "-m", "argus_otel", "plugin", "path"],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.strip()
    with collecting("agent.yaml", tmp_path / "collector", **to_service) as collector:
        # Where, is the reader's to fill in; all else of the file is taken as it stands.
        snippet = {
            name: value.replace("https://otel.example.com:4318", f"http://{collector.http}")
            for name, value in variables().items()
        }
        of_session = {
            "PATH": os.pathsep.join([str(Path(os.path.realpath(sys.executable)).parent), "/usr/bin", "/bin"]),
            "ANTHROPIC_API_KEY": "sk-ant-made-up",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        monkeypatch.setattr(
            sessions,
            "_environment",
            lambda home, api_url, legs: {
                **of_session, "HOME": str(home), "ANTHROPIC_BASE_URL": api_url, **snippet
            },
        )  # fmt: skip
        legs = sessions.Legs(
            "http/protobuf", collector.http, is_content_on=False, plugin=Path(path), plugin_endpoint=""
        )
        ran = sessions.run_session(scenario, legs, tmp_path / "home")

        def check() -> None:
            rows = service.rows(
                "SELECT workspace, coverage, api_request_count, tool_call_count, attributes['team'] AS team"
                f" FROM argus.sessions WHERE session_id = '{ran.session_id}'"
            )
            assert rows == [
                {
                    "workspace": "default",
                    "coverage": "both",
                    "api_request_count": len(ran.answers),
                    "tool_call_count": 1,
                    "team": "payments",
                }
            ]
            texts = service.rows(f"SELECT text FROM argus.transcript WHERE session_id = '{ran.session_id}'")
            assert {script.prompt, script.answer} <= {row["text"] for row in texts}

        eventually(check, WAIT_S)
