"""
Where a command reads: the options that say so -> the configuration, and a reader of the ClickHouse that they name.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional
from urllib.parse import quote

import typer

from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.config import Config
    from argus_otel.store import ServerStore

DataDir = Annotated[
    Optional[Path], typer.Option("--data-dir", envvar="ARGUS_OTEL_DATA_DIR", help="Data folder of the service.")
]
ConfigFile = Annotated[Optional[Path], typer.Option("--config", envvar="ARGUS_OTEL_CONFIG", help="Config file (TOML).")]
Url = Annotated[
    Optional[str],
    typer.Option(
        "--url", envvar="ARGUS_OTEL_URL", help="ClickHouse HTTP interface to read from, e.g. http://127.0.0.1:8123."
    ),
]
ClickHouse = Annotated[
    Optional[str], typer.Option("--clickhouse", help="URL of a ClickHouse server to read from, with user and password.")
]


def configured(flags: dict[str, Any], file: Path | None) -> Config:
    """
    Return the configuration of flags, environment and file.

    Raises:
        ConfigError: what cannot be used.
    """
    from argus_otel.config import load_config

    return load_config(flags, file)


@contextmanager
def reader_of(
    data_dir: Path | None, config: Path | None, url: str | None, clickhouse: str | None
) -> Iterator[tuple[ServerStore, Config]]:
    """
    Open what the options name: a URL, a server, or the engine of the service that runs on the data folder.

    Raises:
        ConfigError: they name two.
        NotRunningError: there is no service.
    """
    from argus_otel.store import ServerStore

    if url and clickhouse:
        raise ConfigError("--url and --clickhouse both say where to read: give one")
    if url and not url.startswith(("http://", "https://")):
        raise ConfigError(f"--url must be a URL like http://127.0.0.1:8123 (given: {url!r})")
    settings = configured({"data_dir": data_dir, "clickhouse": clickhouse}, config)
    reader = ServerStore(url) if url else store_of(settings)
    try:
        yield reader, settings
    finally:
        reader.close()


def store_of(settings: Config) -> ServerStore:
    """Return the configured server, or the engine of the running service; NotRunningError if there is none."""
    from argus_otel.store import ServerLogin, ServerStore

    if settings.clickhouse == "embedded":
        return ServerStore(endpoint_of_service(settings))
    return ServerStore(settings.clickhouse, ServerLogin.of(settings))


def endpoint_of_service(settings: Config) -> str:
    """Return the URL of the running service's engine, with its login; NotRunningError if there is none."""
    from argus_otel.config import read_secret
    from argus_otel.running import read_run_file

    password = read_secret(settings.clickhouse_http_password_file)
    login = f"{settings.clickhouse_http_user}:{quote(password, safe='')}@" if password else ""
    return f"http://{login}{read_run_file(settings.data_dir)['clickhouse_http']}"
