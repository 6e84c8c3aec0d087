"""
A made-up session through the real hook.sh, in a state folder of its own -> how far it came, hop by hop.

It holds nothing of the user's, and ends by making itself private, so that the endpoint forgets it again.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from argus_otel.capture.errors import CaptureError
from argus_otel.capture.settings import token_of
from argus_otel.capture.spool import report
from argus_otel.plugin import surroundings
from argus_otel.plugin.erasures import Erasure, ask_erasure
from argus_otel.plugin.pack import MARKETPLACE_PLUGIN, assemble
from argus_otel.plugin.status import probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.capture.settings import Settings

SESSION_PREFIX = "argus-otel-plugin-test-"

_HOOK_S_MAX = 30
_SHIP_S_MAX = 20
_LOAD_S_MAX = 10
_POLL_S = 0.05
_PROMPT = "A test of argus-otel's plugin: nobody typed this."
_ANSWER = "It arrived."


class Hop(NamedTuple):
    """One step of the way."""

    name: str
    is_ok: bool
    finding: str


def hops() -> Iterator[Hop]:
    """Go the way a record goes and yield each step; the first that fails is the last."""
    for hop in _way():
        yield hop
        if not hop.is_ok:
            return


def _way() -> Iterator[Hop]:
    files = surroundings.settings_files()
    environ = surroundings.hook_environ(files)
    installed = surroundings.installations(files)
    plugin = next((one.folder for one in reversed(installed) if one.folder and one.is_enabled), None)
    where = "the installed plugin" if plugin else "this version's plugin, which is not installed"
    plugin = plugin or assemble() / MARKETPLACE_PLUGIN
    yield Hop("plugin", is_ok=True, finding=f"{where}: {plugin}")
    python = surroundings.find_interpreter(plugin)
    yield Hop("interpreter", bool(python.version), " ".join([python.version, python.path]).strip() or "none fits")
    try:
        settings, origins = surroundings.in_force(files, environ, plugin)
        answer = probe(settings)
    except CaptureError as error:
        yield Hop("settings", is_ok=False, finding=str(error))
        return
    causes = surroundings.not_recorded(settings, origins, environ)
    is_off = settings.private or settings.capture_level == "off"
    level = f"capture level {settings.capture_level}"
    # What keeps this folder out does not keep out the made-up session, which has a folder of its own.
    yield Hop("settings", not is_off, "; ".join([level, *(f"nothing is recorded here: {cause}" for cause in causes)]))
    yield Hop("endpoint", answer["is_answering"], answer["finding"])
    with tempfile.TemporaryDirectory(prefix="argus-otel-plugin-test-", ignore_cleanup_errors=True) as folder:
        yield from _session(plugin, Path(folder), environ, settings)


def _session(plugin: Path, folder: Path, environ: dict[str, str], settings: Settings) -> Iterator[Hop]:
    session_id = f"{SESSION_PREFIX}{uuid.uuid4()}"
    prompt = {"prompt": _PROMPT, "prompt_id": str(uuid.uuid4())}
    events: list[tuple[str, dict[str, Any]]] = [
        ("SessionStart", {"source": "startup"}),
        ("UserPromptSubmit", prompt),
        ("Stop", {"prompt_id": prompt["prompt_id"], "last_assistant_message": _ANSWER}),
    ]
    for event, told in events:
        _hook(plugin, folder, environ, session_id, event, told)
    known = report(str(folder))
    yield Hop("spool", bool(known), f"{len(events)} hooks ran" if known else f"nothing was written: {_log(folder)}")
    yield _shipped(folder)
    before_count = _taken_count(folder)
    said = _hook(plugin, folder, environ, session_id, "UserPromptSubmit", {"prompt": "/private"})
    is_blocked = said.startswith('{"decision": "block"')
    yield Hop("/private", is_blocked, json.loads(said)["reason"] if is_blocked else "the hook did not answer")
    yield _shipped(folder, before_count)
    erasure = _erasure(settings, session_id)
    finding = (
        f"asked at {erasure.asked_at}; what stays is session {session_id} without text, and its row in argus.erasures"
    )
    yield Hop("erasure", not erasure.trouble, f"the endpoint {erasure.trouble}" if erasure.trouble else finding)


def _hook(
    plugin: Path, folder: Path, environ: dict[str, str], session_id: str, event: str, told: dict[str, Any]
) -> str:
    project = folder / "project"
    project.mkdir(exist_ok=True)
    common = {"session_id": session_id, "hook_event_name": event, "cwd": str(project), "transcript_path": ""}
    done = subprocess.run(  # noqa: S603 - our own script
        ["sh", str(plugin / "hook.sh"), event],  # noqa: S607 - as Claude Code runs it
        input=json.dumps(common | told),
        env=environ | {"CLAUDE_PLUGIN_DATA": str(folder), "CLAUDE_PROJECT_DIR": str(project)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_HOOK_S_MAX,
    )
    return done.stdout


def _taken_count(folder: Path) -> int:
    return sum(one.shipped_count for one in report(str(folder)))


def _shipped(folder: Path, before_count: int = 0) -> Hop:
    give_up_at = time.monotonic() + _SHIP_S_MAX
    while True:
        known = report(str(folder))
        waiting = sum(one.waiting_count for one in known)
        if not waiting:
            taken = sum(one.shipped_count for one in known) - before_count
            lost = sum(one.rejected_count + one.refused_count + one.damaged_count for one in known)
            return Hop("shipper", not lost, f"{taken} sent and taken" + (f", {lost} refused" if lost else ""))
        if time.monotonic() > give_up_at:
            why = next((one.last_error for one in known if one.last_error), "") or _log(folder)
            return Hop("shipper", is_ok=False, finding=f"{waiting} still wait after {_SHIP_S_MAX} s: {why}")
        time.sleep(_POLL_S)


def _erasure(settings: Settings, session_id: str) -> Erasure:
    give_up_at = time.monotonic() + _LOAD_S_MAX
    while True:
        erasure = ask_erasure(settings.endpoint, token_of(settings), session_id)
        if erasure.asked_at or time.monotonic() > give_up_at:
            return erasure
        time.sleep(_POLL_S)


def _log(folder: Path) -> str:
    try:
        return (folder / "capture.log").read_text(errors="replace").splitlines()[-1]
    except (OSError, IndexError):
        return "the log says nothing"
