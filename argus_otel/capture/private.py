"""
Sessions whose user said `/private` -> one marker file each, in `<state>/private/`.

A marker is there before the user reads the answer, and stays: a session that is resumed later is still private. It is
also what the record of the wish is made from if nothing else is left of it: `sent_at_ns` is null until a receiver took it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from argus_otel.capture.hook import spool_folder, write_all

if TYPE_CHECKING:
    from typing import Any

MARKER_FILE = ".argus-otel-private"
"""A file of this name in a project, or in a folder above it up to the user's home, opts out for good."""

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


class PrivateSession(NamedTuple):
    """One marker. `sent_at_ns` is None until the wish was delivered to `endpoint`; the empty endpoint is no usable one."""

    session_id: str
    asked_at_ns: int
    sent_at_ns: int | None
    endpoint: str
    prompt_id: str


def ask(state: str, session_id: str, at_ns: int, endpoint: str, prompt_id: str = "") -> PrivateSession:
    """
    Make a session private, durably; asked again it stays as it is, unless records go to another endpoint now.

    Raises:
        OSError: the marker could not be written, so the session is not private.
    """
    known = _read(state, marker_name(session_id))
    if known and (known.endpoint == endpoint or not endpoint):
        return known
    asked_at_ns = known.asked_at_ns if known and known.asked_at_ns else at_ns
    asked = PrivateSession(session_id, asked_at_ns, None, endpoint, prompt_id)
    _write(state, asked)
    return asked


def mark_sent(state: str, session_id: str, endpoint: str, at_ns: int) -> None:
    """
    Note that a receiver took the wish.

    Raises:
        OSError: it could not be noted; it is sent again then.
    """
    known = _read(state, marker_name(session_id))
    if known and known.sent_at_ns is None and known.endpoint == endpoint:
        _write(state, known._replace(sent_at_ns=at_ns))


def names(state: str) -> frozenset[str]:
    """Return the names of all markers: `marker_name(id) in names(state)` tells a private session."""
    try:
        return frozenset(name for name in os.listdir(_folder(state)) if not name.endswith(".tmp"))  # noqa: PTH208
    except OSError:
        return frozenset()


def sessions(state: str) -> list[PrivateSession]:
    """Return all private sessions, the first asked for first."""
    found = [_read(state, name) for name in names(state)]
    return sorted((one for one in found if one), key=lambda one: (one.asked_at_ns, one.session_id))


def session(state: str, name: str) -> PrivateSession | None:
    """Return the session of a marker by the marker's name."""
    return _read(state, name)


def marker_name(session_id: str) -> str:
    """Return the name of a session's marker: its id where that can be a file's name, else a hash of it."""
    if _PLAIN_ID.fullmatch(session_id) and not session_id.endswith(".tmp"):
        return session_id
    return f"sha256-{hashlib.sha256(session_id.encode('utf-8', 'replace')).hexdigest()}"


def has_marker_file(project: str, home: str) -> bool:
    """Say whether a project, or a folder above it up to the home folder, holds `.argus-otel-private`."""
    return bool(marker_file(project, home))


def marker_file(project: str, home: str) -> str:
    """Return the path of the file that opts a project out; empty if there is none."""
    folder = project
    while folder:
        path = f"{folder}/{MARKER_FILE}"
        if os.path.exists(path):  # noqa: PTH110 - pathlib costs milliseconds at start
            return path
        above = os.path.dirname(folder)  # noqa: PTH120
        if folder in (home, above):
            return ""
        folder = above
    return ""


def reason(state: str, endpoint: str) -> str:
    """Return the line that the user reads."""
    said = "argus-otel: this session is private. Nothing more of it is sent, and what was sent is deleted"
    if not endpoint:
        return f"{said}, as soon as an endpoint is set that can be reached."
    if _last_shipping_failed(state, endpoint):
        return f"{said}, as soon as {host_of(endpoint)} can be reached."
    return f"{said}."


def failure(state: str, error: OSError) -> str:
    """Return the line that the user reads where the wish cannot be kept."""
    return (
        f"argus-otel: this session could not be made private: {state} cannot be written ({error.strerror or error}). "
        "Make room and type /private again; your prompt was not sent."
    )


def host_of(endpoint: str) -> str:
    """Return host and port of a URL, without a password that may stand in it."""
    try:
        return urlsplit(endpoint).netloc.rpartition("@")[2] or "the service"
    except ValueError:
        return "the service"


def _last_shipping_failed(state: str, endpoint: str) -> bool:
    try:
        with open(f"{spool_folder(state, endpoint)}/state.json", "rb") as file:  # noqa: PTH123
            known = json.load(file)
        return int(known.get("last_error_at_ns", 0)) > int(known.get("last_shipped_at_ns", 0))
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _folder(state: str) -> str:
    return f"{state}/private"


def _read(state: str, name: str) -> PrivateSession | None:
    try:
        with open(f"{_folder(state)}/{name}", "rb") as file:  # noqa: PTH123
            data = file.read()
    except OSError:
        return None
    try:
        known: dict[str, Any] = json.loads(data)
        sent_at_ns = known["sent_at_ns"]
        return PrivateSession(
            str(known["session_id"]),
            int(known["asked_at_ns"]),
            None if sent_at_ns is None else int(sent_at_ns),
            str(known["endpoint"]),
            str(known.get("prompt_id", "")),
        )
    except (ValueError, KeyError, TypeError):
        # Whatever happened to the file, its name says enough to keep the promise.
        return PrivateSession(name, 0, None, "", "")


def _write(state: str, asked: PrivateSession) -> None:
    folder = _folder(state)
    os.makedirs(folder, 0o700, exist_ok=True)  # noqa: PTH103
    path = f"{folder}/{marker_name(asked.session_id)}"
    temporary = f"{path}.{os.getpid()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        try:
            write_all(fd, json.dumps(asked._asdict()).encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108
        raise
    for folder_of_name in (folder, state):
        _sync_folder(folder_of_name)


def _sync_folder(path: str) -> None:
    if os.name == "nt":  # there a folder cannot be opened, and its entries are durable by themselves
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
