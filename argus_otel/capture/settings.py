"""
Environment variables -> settings. Reads the variables named here and no other; never falls back to sending more than
was asked for: a capture level that is not understood is an error, and nothing is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS = ("full", "metadata", "off")


class CaptureSettings(NamedTuple):
    """What of a session becomes content spans."""

    level: str = "full"
    """full: names, measures and text. metadata: no text, and no hash of it. off: nothing."""

    value_bytes_max: int = 64 * 1024
    """A longer value keeps its head and its tail: enough to read what happened, small enough to ship from a laptop."""


class ShipSettings(NamedTuple):
    """Where the spans go. The repr leaves the token out."""

    endpoint: str = "http://127.0.0.1:4318"
    """Base URL of an OTLP/HTTP receiver; `/v1/traces` is appended, as OTEL_EXPORTER_OTLP_ENDPOINT has it."""

    token: str = ""
    """Bearer token; empty for none."""

    timeout_s: float = 1.0
    """For connecting and for each read: SessionEnd hooks are cut off after 1.5 s."""

    def __repr__(self) -> str:
        return f"ShipSettings(endpoint={self.endpoint!r}, timeout_s={self.timeout_s})"


def capture_settings(environ: Mapping[str, str]) -> CaptureSettings:
    """
    Read ARGUS_OTEL_CAPTURE_LEVEL and ARGUS_OTEL_VALUE_BYTES_MAX; unset or empty means the default.

    Raises:
        SettingsError: a value that is not allowed.
    """
    default = CaptureSettings()
    level = environ.get("ARGUS_OTEL_CAPTURE_LEVEL") or default.level
    if level not in LEVELS:
        raise SettingsError(f"ARGUS_OTEL_CAPTURE_LEVEL is {level!r}: set one of {', '.join(LEVELS)}")
    bytes_max = environ.get("ARGUS_OTEL_VALUE_BYTES_MAX") or str(default.value_bytes_max)
    if not (bytes_max.isascii() and bytes_max.isdigit()) or int(bytes_max) == 0:
        raise SettingsError(f"ARGUS_OTEL_VALUE_BYTES_MAX is {bytes_max!r}: set a whole number of bytes, at least 1")
    return CaptureSettings(level, int(bytes_max))


def ship_settings(environ: Mapping[str, str]) -> ShipSettings:
    """
    Read ARGUS_OTEL_ENDPOINT and ARGUS_OTEL_TOKEN, or the file that ARGUS_OTEL_TOKEN_FILE names.

    Raises:
        SettingsError: an endpoint that is no http(s) URL, a token file that cannot be read.
    """
    endpoint = environ.get("ARGUS_OTEL_ENDPOINT") or ShipSettings().endpoint
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(f"ARGUS_OTEL_ENDPOINT is {endpoint!r}: set an http:// or https:// URL")
    return ShipSettings(endpoint.rstrip("/"), _token(environ))


def _token(environ: Mapping[str, str]) -> str:
    path = environ.get("ARGUS_OTEL_TOKEN_FILE", "")
    token = environ.get("ARGUS_OTEL_TOKEN", "")
    if token or not path:
        return token.strip()
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs milliseconds at start
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"ARGUS_OTEL_TOKEN_FILE is {path!r}, which cannot be read: {error}") from error
