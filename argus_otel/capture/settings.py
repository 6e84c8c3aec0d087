"""
What a user may set, and where it is looked for -> typed settings.

Every key is looked for in this order: variable `ARGUS_OTEL_<KEY>` (the two of the spool: `ARGUS_OTEL_CAPTURE_<KEY>`,
as the service has variables of the other name), the plugin's option as Claude Code hands it on
(`CLAUDE_PLUGIN_OPTION_<KEY>`), `~/.config/argus-otel/capture.json`, the plugin's own `config.json`, the default. Unset,
empty and null are the same. A value that is not understood never falls back to sending more than was asked for: it is an
error that names the key, and nothing is sent.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture.errors import SettingsError
from argus_otel.capture.hook import DEFAULT_ENDPOINT, config_files, home
from argus_otel.capture.private import has_marker_file, host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

LEVELS = ("full", "metadata", "off")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_KEYS_WITH_LONGER_VARIABLE = ("spool_bytes_max", "spool_age_s_max")
_CONFIG_BYTES_MAX = 1024 * 1024


class CaptureSettings(NamedTuple):
    """What of a value becomes content."""

    level: str = "full"
    """full: names, measures and text. metadata: no text, and no hash of it. off: nothing."""

    value_bytes_max: int = 64 * 1024
    """A longer value keeps its head and its tail: enough to read what happened, small enough to ship from a laptop."""


class ShipSettings(NamedTuple):
    """Where the spans go. The repr leaves the token out."""

    endpoint: str = DEFAULT_ENDPOINT
    """Base URL of an OTLP/HTTP receiver; `/v1/traces` is appended, as OTEL_EXPORTER_OTLP_ENDPOINT has it."""

    token: str = ""
    """Bearer token; empty for none."""

    timeout_s: float = 1.0
    """For connecting and for each read: SessionEnd hooks are cut off after 1.5 s."""

    def __repr__(self) -> str:
        return f"ShipSettings(endpoint={self.endpoint!r}, timeout_s={self.timeout_s})"


class Settings(NamedTuple):
    """All of them. The repr leaves the token out."""

    endpoint: str = DEFAULT_ENDPOINT
    """Base URL of the OTLP/HTTP receiver, http:// or https://."""

    token: str = ""
    """Bearer token for it. Never written to the spool."""

    token_file: str = ""
    """File that holds the token, read each time something is sent; `token` goes first."""

    capture_level: str = "full"
    """full: names, measures and text. metadata: no text, and no hash of it. off: nothing is recorded."""

    value_bytes_max: int = 64 * 1024
    """A value longer than this keeps its head and its tail, its true size and its SHA-256."""

    exclude_tools: tuple[str, ...] = ()
    """Tools whose input and output are not recorded: shell patterns of names, e.g. mcp__mail__*."""

    exclude_paths: tuple[str, ...] = ()
    """Files whose content is not recorded when a tool reads or writes them: shell patterns of paths, e.g. */.ssh/*."""

    exclude_projects: tuple[str, ...] = ()
    """Projects of which nothing is recorded: shell patterns of folders."""

    redaction: bool = True
    """What looks like a secret is replaced before it is sent."""

    announce: bool = False
    """At the start of a session a line says what is captured and where it goes."""

    private: bool = False
    """Opts out for good: every session is as if /private had been typed at its start."""

    transcript: bool = False
    """Text that no hook tells is completed from the session's transcript."""

    spool_bytes_max: int = 256 * 1024 * 1024
    """Bound of what waits on disk, per endpoint; beyond it the oldest is dropped, counted."""

    spool_age_s_max: int = 7 * 24 * 3600
    """What could not be sent for longer than this is dropped, counted."""

    def __repr__(self) -> str:
        shown = {name: value for name, value in self._asdict().items() if name != "token"}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def capture(self) -> CaptureSettings:
        """What of a value becomes content."""
        return CaptureSettings(self.capture_level, self.value_bytes_max)


def load_settings(environ: Mapping[str, str], own_environ: Mapping[str, str] | None = None) -> Settings:
    """
    Return the settings that hold for an environment.

    Args:
        environ: where variables and options are looked for: a hook's.
        own_environ: tells the home folder, if that is another: a shipper has its own, a hook's record has none.

    Raises:
        SettingsError: permanent; a value that is not allowed, an unknown key in a file, a file that is no JSON.
    """
    files = [(path, read_config(path)) for path in config_files(environ if own_environ is None else own_environ)]
    values: dict[str, Any] = {}
    for key in Settings._fields:
        places = [(variable_of(key), environ), (f"CLAUDE_PLUGIN_OPTION_{key.upper()}", environ)]
        written: list[tuple[str, Any]] = [(name, place.get(name)) for name, place in places]
        written += [(f"{key} in {path}", document.get(key)) for path, document in files]
        for where, value in written:
            if value is not None and value != "":
                values[key] = _READ[key](where, value)
                break
    return Settings(**values)


def variable_of(key: str) -> str:
    """Return the environment variable of a key."""
    return f"ARGUS_OTEL_{'CAPTURE_' if key in _KEYS_WITH_LONGER_VARIABLE else ''}{key.upper()}"


def read_config(path: str) -> dict[str, Any]:
    """
    Return the keys of a config file, none if there is no such file.

    Raises:
        SettingsError: it cannot be read, is no JSON object, or has a key that is unknown.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs milliseconds at start
            data = file.read(_CONFIG_BYTES_MAX)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is no JSON") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path} holds no JSON object of settings")
    unknown = sorted(set(document) - set(Settings._fields))
    if unknown:
        raise SettingsError(f"{path} has the unknown key {unknown[0]!r}: the keys are {', '.join(Settings._fields)}")
    return document


def loose_config_files(environ: Mapping[str, str]) -> list[str]:
    """Return the config files that others than their owner may write: whoever does decides where a session goes."""
    if os.name == "nt":
        return []
    return [path for path in config_files(environ) if _is_writable_by_others(path)]


def capture_settings(environ: Mapping[str, str]) -> CaptureSettings:
    """Return what of a value becomes content. Raises SettingsError as `load_settings`."""
    return load_settings(environ).capture


def ship_settings(environ: Mapping[str, str]) -> ShipSettings:
    """Return endpoint and token. Raises SettingsError as `load_settings`, and for a token file that cannot be read."""
    settings = load_settings(environ)
    return ShipSettings(settings.endpoint, token_of(settings))


def token_of(settings: Settings) -> str:
    """
    Return the token, of its file if need be; empty for none.

    Raises:
        SettingsError: the file cannot be read.
    """
    if settings.token or not settings.token_file:
        return settings.token.strip()
    try:
        with open(os.path.expanduser(settings.token_file), encoding="utf-8") as file:  # noqa: PTH111, PTH123
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        # The reason by name alone: a decoder quotes what it stumbled over.
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"ARGUS_OTEL_TOKEN_FILE is {settings.token_file!r}, which cannot be read: {why}") from error


def is_opted_out(settings: Settings, project: str, environ: Mapping[str, str]) -> bool:
    """Say whether a setting or a file in the project keeps all sessions private."""
    return settings.private or has_marker_file(project, home(environ))


def announcement(environ: Mapping[str, str]) -> str:
    """Return the line that a user reads at the start of a session: what is captured and where it goes."""
    try:
        settings = load_settings(environ)
    except SettingsError as error:
        return f"argus-otel: nothing of this session is recorded: {error}"
    if is_opted_out(settings, environ.get("CLAUDE_PROJECT_DIR", ""), environ):
        return "argus-otel: this session is private. Nothing of it is sent."
    what = {
        "full": "prompts, tool calls and answers with their text",
        "metadata": "which tools and prompts ran, without any text",
        "off": "nothing",
    }[settings.capture_level]
    redacted = (
        " (what looks like a secret is replaced)" if settings.redaction and settings.capture_level == "full" else ""
    )
    return f"argus-otel records {what}{redacted} and sends it to {host_of(settings.endpoint)}. /private stops it."


def _is_writable_by_others(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & 0o022)  # noqa: PTH116
    except OSError:
        return False


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{where} is {value!r}: set a text")
    return value


def _token(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip().isprintable():
        raise SettingsError(f"{where} holds what can be no token: set one line of text")
    return value.strip()


def _endpoint(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.startswith(("http://", "https://")) or not value.isprintable():
        raise SettingsError(f"{where} is {value!r}: set an http:// or https:// URL")
    return value.rstrip("/")


def _level(where: str, value: object) -> str:
    if value not in LEVELS:
        raise SettingsError(f"{where} is {value!r}: set one of {', '.join(LEVELS)}")
    return str(value)


def _positive(where: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and int(value) > 0:
        return int(value)
    unit = "seconds" if "_s_max" in where.lower() else "bytes"
    raise SettingsError(f"{where} is {value!r}: set a whole number of {unit}, at least 1")


def _switch(where: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise SettingsError(f"{where} is {value!r}: set true or false")


def _patterns(where: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)  # a list of options may be handed on as JSON
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{where} is {value!r}: set patterns, separated by commas") from error
    parts = value.replace("\n", ",").split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise SettingsError(f"{where} is {value!r}: set a list of patterns")
    return tuple(part.strip() for part in parts if part.strip())


_READ: Mapping[str, Callable[[str, object], Any]] = {
    "endpoint": _endpoint,
    "token": _token,
    "token_file": _text,
    "capture_level": _level,
    "value_bytes_max": _positive,
    "exclude_tools": _patterns,
    "exclude_paths": _patterns,
    "exclude_projects": _patterns,
    "redaction": _switch,
    "announce": _switch,
    "private": _switch,
    "transcript": _switch,
    "spool_bytes_max": _positive,
    "spool_age_s_max": _positive,
}
