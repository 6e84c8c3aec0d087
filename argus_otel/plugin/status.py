"""
Everything there is to know of the plugin on this machine, without changing any of it -> plain data.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from argus_otel.capture.errors import CaptureError
from argus_otel.capture.otlp import encode
from argus_otel.capture.private import sessions as private_sessions
from argus_otel.capture.settings import ShipSettings, loose_config_files, token_of
from argus_otel.capture.ship import ship
from argus_otel.capture.spool import report
from argus_otel.plugin import surroundings
from argus_otel.plugin.erasures import ask_erasure
from argus_otel.plugin.native_leg import native_leg
from argus_otel.plugin.pack import MARKETPLACE_PLUGIN, assemble

if TYPE_CHECKING:
    from pathlib import Path

    from argus_otel.capture.private import PrivateSession
    from argus_otel.capture.settings import Settings

_ANSWER_S_MAX = 5.0


def look() -> dict[str, Any]:
    """Return what is installed, set, waiting and private; no part of it keeps another from being told."""
    files = surroundings.settings_files()
    environ = surroundings.hook_environ(files)
    installed = surroundings.installations(files)
    plugin = next((one.folder for one in reversed(installed) if one.folder and one.is_enabled), None)
    interpreter = surroundings.find_interpreter(plugin or assemble() / MARKETPLACE_PLUGIN)
    states = surroundings.state_folders(environ)
    known = [(state, one) for state in states for one in report(str(state))]
    told: dict[str, Any] = {
        "installed": [one._asdict() | {"folder": str(one.folder or ""), "version": one.version} for one in installed],
        "interpreter": interpreter._asdict(),
        "settings": [],
        "warnings": [*surroundings.unreadable_files(), *surroundings.switched_off(files)],
        "not_recorded": [],
        "endpoint": {"endpoint": "", "is_answering": False, "finding": "the settings are not usable"},
        "telemetry": native_leg(files),
        "spools": [],
        "private": [],
    }
    told["warnings"] += [f"{path}: others may write it" for path in loose_config_files(environ)]
    settings = None
    try:
        settings, origins = surroundings.in_force(files, environ, plugin)
        told["settings"] = [origin._asdict() for origin in origins]
        told["not_recorded"] = surroundings.not_recorded(settings, origins, environ)
        told["endpoint"] = probe(settings)
    except CaptureError as error:
        told["warnings"].append(f"nothing is recorded: {error}")
    set_now = settings.endpoint if settings else None
    # One that is not set any more and holds nothing is history.
    told["spools"] = [
        _spool(state, one) for state, one in known if one.waiting_count or set_now in (None, one.endpoint)
    ]
    told["private"] = [_private(one, settings) for state in states for one in private_sessions(str(state))]
    return told


def probe(settings: Settings) -> dict[str, Any]:
    """Send a request with nothing in it, as the shipper would, and return whether it was taken."""
    finding, is_answering = f"{settings.endpoint} takes what is sent", True
    try:
        ship(encode([]), ShipSettings(settings.endpoint, token_of(settings), _ANSWER_S_MAX))
    except CaptureError as error:
        finding, is_answering = str(error), False
    return {"endpoint": settings.endpoint, "is_answering": is_answering, "finding": finding}


def _spool(state: Path, known: Any) -> dict[str, Any]:
    fields = dict(known._asdict())
    for name in ("oldest_at_ns", "last_shipped_at_ns", "last_error_at_ns"):
        fields[name.removesuffix("_ns")] = _time(fields.pop(name))
    if known.last_error_at_ns <= known.last_shipped_at_ns:
        fields |= {"last_error": "", "last_error_at": ""}  # it was overcome
    return {"state": str(state), **fields}


def _private(one: PrivateSession, settings: Settings | None) -> dict[str, Any]:
    told = {
        "session_id": one.session_id,
        "asked_at": _time(one.asked_at_ns),
        "sent_at": _time(one.sent_at_ns or 0),
        "unreadable_at": "",
        "gone_at": "",
        "finding": "",
        "is_known_now": False,
    }
    if settings is None or one.sent_at_ns is None:
        return told | {"finding": "waits to be sent"}
    if one.endpoint != settings.endpoint:
        return told | {"finding": f"was sent to {one.endpoint}, which is not asked"}
    try:
        erasure = ask_erasure(one.endpoint, token_of(settings), one.session_id)
    except CaptureError as error:
        return told | {"finding": str(error)}
    return told | {
        "is_known_now": not erasure.trouble,
        "unreadable_at": _same_time(erasure.unreadable_at),
        "gone_at": _same_time(erasure.gone_at),
        "finding": f"the endpoint {erasure.trouble}" if erasure.trouble else "",
    }


def _same_time(written: str) -> str:
    """Return a time of the endpoint's as all times here are written."""
    try:
        return f"{datetime.fromisoformat(written).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if written else ""
    except ValueError:
        return written


def _time(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}" if at_ns else ""
