"""The door: who may send, and whether the secrets that say so are kept."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from argus_otel.config import read_secret, read_workspace_tokens
from argus_otel.doctor.finding import Finding
from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from argus_otel.config import Config


def check_door(config: Config) -> Iterator[Finding]:
    """Say who may send, and look at the files with tokens and passwords."""
    try:
        has_token = bool(read_secret(config.token_file) or read_workspace_tokens(config.workspace_tokens_file))
        read_secret(config.clickhouse_http_password_file)
        read_secret(config.clickhouse_password_file)
    except ConfigError as error:
        yield Finding("token", "failed", str(error), "write the secret there, and let the service's user read it")
        return
    yield _door(config, has_token=has_token)
    secrets = (
        *(config.token_file, config.workspace_tokens_file),
        *(config.clickhouse_http_password_file, config.clickhouse_password_file, config.clickhouse_key),
    )
    for file in filter(None, secrets):
        yield from _kept(file)


def _door(config: Config, *, has_token: bool) -> Finding:
    public = [address for address in (config.otlp_grpc, config.otlp_http) if not is_loopback(address)]
    if public and not has_token:
        return Finding(
            "token",
            "warning",
            f"whoever reaches {' and '.join(public)} may send",
            "set token_file, or listen on 127.0.0.1",
        )
    if public and config.tls_certificate is None:
        return Finding(
            "token",
            "warning",
            f"tokens and content come in the clear to {' and '.join(public)}",
            "set tls_certificate and tls_key, unless something in front of it ends TLS",
        )
    return Finding("token", "ok", "senders present a token" if has_token else "none: only this machine can send")


def _kept(file: Path) -> Iterator[Finding]:
    if not file.exists():
        yield Finding("token", "failed", f"{file} does not exist", "mend the setting, or put the file there")
    elif file.stat().st_mode & 0o007:
        yield Finding("token", "warning", f"{file} can be read by everybody here", f"chmod 600 {file}")


def is_loopback(address: str) -> bool:
    """Return whether HOST:PORT is reached from this machine only."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
