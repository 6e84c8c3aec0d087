"""
One raw file of the spool -> what is to be sent of it: cut, hashed, without what is excluded and what looks like a secret.

Whose session it is and whether that is private is told before anything else of it is looked at.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture.errors import HookInputError
from argus_otel.capture.hook import is_private_command
from argus_otel.capture.otlp import encode
from argus_otel.capture.records import content_records
from argus_otel.capture.redact import load_rules
from argus_otel.capture.settings import CaptureSettings
from argus_otel.capture.versions import disk_readers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from argus_otel.capture.otlp import Span
    from argus_otel.capture.redact import Rule
    from argus_otel.capture.settings import Settings

_HEAD, _, _TAIL = encode([]).rpartition(b"[]")
EMPTY_REQUEST_BYTES = len(_HEAD) + len(b"[]") + len(_TAIL)


class HookRun(NamedTuple):
    """One run of a hook, with the variables that its settings are looked for in. The repr leaves out what it was told."""

    session_id: str
    at_ns: int
    env: Mapping[str, str]
    told: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"HookRun({self.at_ns})"

    @property
    def asks_for_privacy(self) -> bool:
        """The user typed `/private`."""
        return is_private_command(self.told)

    @property
    def project(self) -> str:
        """The folder that the session works in."""
        cwd = self.told.get("cwd")
        return self.env.get("CLAUDE_PROJECT_DIR") or (cwd if isinstance(cwd, str) else "")


def read_run(raw: bytes) -> HookRun:
    """
    Read a raw file.

    Raises:
        HookInputError: permanent; it is not what a hook is told, or of no session.
    """
    header, _, told = raw.partition(b"\n")
    try:
        said = json.loads(header)
        at_ns, env = int(said["at_ns"]), dict(said["env"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise HookInputError("a raw file has no header") from error
    return run_of(told, at_ns, env)


def run_of(told: bytes, at_ns: int, env: Mapping[str, str]) -> HookRun:
    """
    Read what a hook was told.

    Raises:
        HookInputError: as `read_run`.
    """
    try:
        hook = json.loads(told)
    except (ValueError, RecursionError) as error:
        raise HookInputError(f"stdin holds {len(told)} bytes that are no JSON: pipe in what a hook is told") from error
    if not isinstance(hook, dict):
        raise HookInputError("a hook is told a JSON object, and this is none: pipe in what the hook got on stdin")
    session_id = hook.get("session_id")
    if not isinstance(session_id, str) or not session_id:
        raise HookInputError("the input has no session_id, by which all is joined: pipe in what the hook got on stdin")
    return HookRun(session_id, at_ns, env, hook)


def prepare(run: HookRun, settings: Settings) -> list[Span]:
    """
    Return the content spans of a run that is not private, ready to be sent; none if nothing is.

    Raises:
        SettingsError: the rules of redaction cannot be read, so nothing may be sent.
    """
    rules = _rules() if settings.redaction else ()
    read_file, list_files = disk_readers(run.env.get("CLAUDE_CONFIG_DIR", ""))
    return content_records(run.told, run.at_ns, run.env, settings.capture, read_file, list_files, rules, settings)


@functools.lru_cache(maxsize=1)
def _rules() -> tuple[Rule, ...]:
    return load_rules()


def private_record(session_id: str, at_ns: int, prompt_id: str) -> list[Span]:
    """Return the record of a user's wish: which session it is, and nothing else of it."""
    told = {
        "session_id": session_id,
        "hook_event_name": "UserPromptSubmit",
        "prompt": "/private",
        "prompt_id": prompt_id,
    }
    return content_records(told, at_ns, {}, CaptureSettings("metadata"))


def encoded(spans: list[Span]) -> bytes:
    """Return spans as they stand inside a request's list."""
    return encode(spans)[len(_HEAD) + 1 : -len(_TAIL) - 1]


def request_of(parts: list[bytes]) -> bytes:
    """Return a request that holds what `encoded` returned, several times."""
    return b"".join([_HEAD, b"[", b",".join(parts), b"]", _TAIL])
