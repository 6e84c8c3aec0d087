"""
Choices -> the settings that make Claude Code load the plugin from its next session on, and the way back.

No `claude` is needed: settings.json names the assembled folder as a marketplace and enables the plugin, and the next
session has it. The folder is named through a link that is turned over at once, so an upgrade never leaves a running
session without its hook.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argus_otel.capture.hook import DEFAULT_ENDPOINT
from argus_otel.capture.spool import report
from argus_otel.config import read_secret
from argus_otel.errors import ConfigError
from argus_otel.plugin import edits
from argus_otel.plugin.native import ENDPOINT, PROTOCOLS, SECRET, header_of, native_variables
from argus_otel.plugin.pack import MARKETPLACE_PLUGIN, NAME, PackError, assemble, plugin_home

PLUGIN_ID = f"{NAME}@{NAME}"
"""The plugin, in the marketplace of the same name."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a user wants installed; None leaves a setting as it is."""

    endpoint: str | None = None
    token_file: Path | None = None
    capture_level: str | None = None
    is_for_project: bool = False
    has_telemetry: bool = False
    telemetry_endpoint: str | None = None
    telemetry_protocol: str = "http/protobuf"


def claude_folder() -> Path:
    """Return where Claude Code keeps its user's settings."""
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")


def capture_file() -> Path:
    """Return the capture's own config file."""
    return Path.home() / ".config" / NAME / "capture.json"


def journal() -> Path:
    """Return the file that notes what was changed."""
    return plugin_home() / "installed.json"


def current() -> Path:
    """Return the link to the marketplace folder that is in use."""
    return plugin_home() / "current"


def installed_plugin() -> Path:
    """Return the plugin folder as Claude Code is told it."""
    return current() / MARKETPLACE_PLUGIN


def planned(choices: Choices) -> list[edits.Change]:
    """
    Return what installing would change.

    Raises:
        ConfigError: choices that do not go together, a token file that cannot be used.
        EditError: a file is broken.
    """
    _check(choices)
    return edits.changes([*_claude_values(choices), *_capture_values(choices), *_telemetry_values(choices)])


def unchanged_telemetry(choices: Choices) -> str:
    """Return where Claude Code's own telemetry goes on going, by an earlier install, if that is elsewhere; else empty."""
    goes_to = edits.ours(_user_settings(), journal()).get(("env", ENDPOINT))
    is_touched = choices.has_telemetry or choices.telemetry_endpoint is not None
    is_elsewhere = goes_to is not None and goes_to != _captured("endpoint", DEFAULT_ENDPOINT)
    return str(goes_to) if choices.endpoint is not None and is_elsewhere and not is_touched else ""


def install(changes: list[edits.Change]) -> list[Path]:
    """
    Assemble the plugin, point the link at it and set the values; return the copies of the files as they were.

    Raises:
        PackError: the plugin cannot be assembled.
        EditError: a file cannot be written.
    """
    folder = assemble()
    beside = current().with_name(f".current.{os.getpid()}")
    try:
        beside.unlink(missing_ok=True)
        beside.symlink_to(folder.name)
        beside.replace(current())
    except OSError as error:
        raise PackError(f"cannot write {current()}: {error.strerror}") from error
    return edits.apply(changes, journal())


def uninstall() -> list[str]:
    """
    Take back what `install` did, and return a line for each thing done or left.

    Raises:
        EditError: a file is broken or cannot be written.
    """
    said = edits.undo(journal())
    said += _forget()
    current().unlink(missing_ok=True)
    return [*said, *_what_waits()]


def _check(choices: Choices) -> None:
    if choices.has_telemetry and choices.is_for_project:
        raise ConfigError(
            "--with-telemetry needs --scope user: Claude Code ignores exporters in the settings of a project"
        )
    if choices.telemetry_protocol not in PROTOCOLS:
        raise ConfigError(f"--telemetry-protocol is one of {', '.join(PROTOCOLS)}")
    for name, url in (("--endpoint", choices.endpoint), ("--telemetry-endpoint", choices.telemetry_endpoint)):
        if url is not None and not url.startswith(("http://", "https://")):
            raise ConfigError(f"{name} must be an http:// or https:// URL (given: {url!r})")


def _what_waits() -> list[str]:
    states = (claude_folder() / "plugins" / "data").glob(f"{NAME}-*")
    waiting = [(known, state) for state in states for known in report(str(state)) if known.waiting_count]
    return [
        f"{state}: {known.waiting_count} records for {known.endpoint} wait there and are not sent any more"
        for known, state in waiting
    ]


def _claude_values(choices: Choices) -> list[edits.Value]:
    # A project's settings are shared and cannot name a folder of this machine: the marketplace is the user's.
    user_settings = _user_settings()
    chosen = Path.cwd() / ".claude" / "settings.local.json" if choices.is_for_project else user_settings
    source = {"source": {"source": "directory", "path": str(current())}}
    return [
        edits.Value(user_settings, ("extraKnownMarketplaces", NAME), source, is_own=True),
        edits.Value(chosen, ("enabledPlugins", PLUGIN_ID), value=True, is_own=True),
    ]


def _capture_values(choices: Choices) -> list[edits.Value]:
    chosen: dict[str, Any] = {
        "endpoint": choices.endpoint,
        "token_file": str(choices.token_file.expanduser().resolve()) if choices.token_file else None,
        "capture_level": choices.capture_level,
    }
    return [edits.Value(capture_file(), (key,), value) for key, value in chosen.items() if value is not None]


def _telemetry_values(choices: Choices) -> list[edits.Value]:
    token = read_secret(choices.token_file.expanduser() if choices.token_file else _captured_token_file(choices))
    if not choices.has_telemetry:
        return _telemetry_in_step(choices, token)
    endpoint = choices.telemetry_endpoint or choices.endpoint or _captured("endpoint", DEFAULT_ENDPOINT)
    variables = native_variables(endpoint, choices.telemetry_protocol, token)
    settings = _user_settings()
    return [edits.Value(settings, ("env", name), value, is_secret=name == SECRET) for name, value in variables.items()]


def _telemetry_in_step(choices: Choices, token: str | None) -> list[edits.Value]:
    """Return what an earlier install set of Claude Code's own telemetry and its user left so, for what is set now."""
    settings = _user_settings()
    ours = edits.ours(settings, journal())
    address, secret = ("env", ENDPOINT), ("env", SECRET)
    if address not in ours:
        return []
    why = "an earlier install set it: in step with the plugin's"
    values = []
    follows = choices.endpoint if ours[address] == _captured("endpoint", DEFAULT_ENDPOINT) else None
    if endpoint := choices.telemetry_endpoint or follows:
        values.append(edits.Value(settings, address, endpoint, why=why))
    is_free = secret in ours or SECRET not in _object(settings).get("env", {})
    if token and is_free:
        values.append(edits.Value(settings, secret, header_of(token), is_secret=True, why=why))
    return values


def _captured(key: str, otherwise: str) -> str:
    value = _object(capture_file()).get(key)
    return value if isinstance(value, str) and value else otherwise


def _captured_token_file(choices: Choices) -> Path | None:
    """Return the token file that was set before, if it is for the endpoint that holds."""
    file = Path(_captured("token_file", "")).expanduser()
    is_for_it = choices.endpoint in (None, _captured("endpoint", DEFAULT_ENDPOINT))
    return file if is_for_it and file.is_file() else None


def _user_settings() -> Path:
    return claude_folder() / "settings.json"


def _forget() -> list[str]:
    """Take the plugin out of what Claude Code noted of it when it loaded it, as its own uninstalling would."""
    folder = claude_folder() / "plugins"
    marketplaces, plugins = _object(folder / "known_marketplaces.json"), _object(folder / "installed_plugins.json")
    if marketplaces.get(NAME, {}).get("installLocation") != str(current()):
        return []  # another one of this name
    del marketplaces[NAME]
    edits.replace(folder / "known_marketplaces.json", json.dumps(marketplaces, indent=2).encode())
    if plugins.get("plugins", {}).pop(PLUGIN_ID, None) is not None:
        edits.replace(folder / "installed_plugins.json", json.dumps(plugins, indent=2).encode())
    return [f"{folder}: Claude Code's own note of the plugin is taken out"]


def _object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
