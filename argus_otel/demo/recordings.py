"""
The recorded sessions -> OTLP requests: the native leg as it was sent, the content leg as the capture makes it of the
recorded hook inputs.

Source: recordings/, runs of claude-agent-sdk 0.2.187 (Claude Code 2.1.330) against a scripted Messages API. `default`:
gRPC, content gates off; `content-on`: the same script, all gates on; `resume`: http/json, cumulative metrics, a session
resumed by a second process. Texts, secrets and addresses in them are made up.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from argus_otel.capture.otlp import encode
from argus_otel.capture.replay import replay
from argus_otel.demo.otlp import from_json
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from argus_otel.demo.otlp import Request

NAMES = ("default", "content-on", "resume")


def requests(name: str) -> list[Request]:
    """Return the native requests of a recording in the order of arrival, as protobuf."""
    files = [file for file in _folder(name).iterdir() if file.name[:4].isdigit()]
    return [_request(file.name, file.read_bytes()) for file in sorted(files, key=lambda file: file.name)]


def content(name: str) -> list[Request]:
    """Return the content spans of a recording's hooks, one request per hook that says something."""
    lines = _folder(name).joinpath("hooks.jsonl").read_text().splitlines()
    return [from_json(Signal.TRACES, encode(spans)) for line in lines if (spans := replay([line]))]


def truth(name: str) -> dict[str, Any]:
    """Return what the recording's script knew: session id, every request and tool use id, the prompts."""
    known: dict[str, Any] = json.loads(_folder(name).joinpath("truth.json").read_text())
    return known


def _folder(name: str) -> Traversable:
    return resources.files(__package__).joinpath("recordings", name)


def _request(file_name: str, body: bytes) -> Request:
    kind, _, encoding = file_name[5:].partition(".")
    signal = Signal[kind.upper()]
    return (signal, body) if encoding == "bin" else from_json(signal, body)
