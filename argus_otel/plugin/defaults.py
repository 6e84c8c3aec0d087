"""
What is asked for on the command line -> the plugin's config.json, each value checked as the hook will read it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from argus_otel.capture.errors import SettingsError
from argus_otel.capture.settings import Settings, load_settings, variable_of
from argus_otel.config import read_secret
from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def packed_defaults(
    endpoint: str | None,
    token_file: Path | None,
    token_variable: str | None,
    capture_level: str | None,
    also: list[str],
) -> dict[str, Any]:
    """
    Return the settings that were given, and no other.

    Raises:
        ConfigError: a key that is unknown, a value that is not allowed, a token that cannot be read.
    """
    token = read_secret(token_file.expanduser() if token_file else None) or _token_of(token_variable)
    named = {"endpoint": endpoint, "token": token, "capture_level": capture_level}
    texts = {key: value for key, value in named.items() if value is not None}
    for item in also:
        key, equals, value = item.partition("=")
        if not equals or key not in Settings._fields:
            raise ConfigError(f"--set {item}: write KEY=VALUE; the keys are {', '.join(Settings._fields)}")
        texts[key] = value
    try:
        # A home that is none: what its user has set is no matter of this plugin.
        checked = load_settings({variable_of(key): value for key, value in texts.items()}, {"HOME": os.devnull})
    except SettingsError as error:
        raise ConfigError(_as_given(str(error), texts, also)) from error
    values = {key: getattr(checked, key) for key in texts}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def _as_given(message: str, keys: dict[str, str], also: list[str]) -> str:
    """Name what was written on the command line, not the variable that stood in for it."""
    for key in keys:
        is_set = any(item.partition("=")[0] == key for item in also)
        given = f"--set {key}" if is_set else f"--{key.replace('_', '-')}"
        message = message.replace(f"{variable_of(key)} is ", f"{given} is ")
    return message


def _token_of(variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise ConfigError(f"--token-env {variable}: there is no such variable")
    return os.environ[variable].strip()
