"""
`argus-otel drain`: take nothing new, load all that is acknowledged -> a data folder that may go.

A running service is asked through its control socket, as often as one likes; of a folder that a stopped one left, what is in
it is loaded here, without a door.
"""

from __future__ import annotations

import asyncio
import os
import time
from signal import SIGTERM
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional

import typer

from argus_otel.errors import ArgusError, ConfigError
from argus_otel.reading import ConfigFile, DataDir, configured
from argus_otel.running import NotRunningError, command
from argus_otel.terminal import failures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from argus_otel.config import Config

_POLL_S = 0.2
_STOP_S_MAX = 60.0
"""How long a stop may take: ten seconds of loading, five of erasing, and an INSERT under way."""


class NotDrainedError(ArgusError):
    """Something is left at the time-out; the message says what, and why as far as it is known."""


class Drained(NamedTuple):
    """A folder without acknowledged data; counts of records, of the whole life of the folder."""

    loaded: int
    dead_lettered: int
    pid: int
    """Of the service; of this process where none ran."""


def drain_service(data_dir: Path, timeout_s: float) -> Drained:
    """
    Have the running service refuse senders for now and load its spool; return when that is empty.

    Raises:
        NotRunningError: no service runs on the folder.
        NotDrainedError: something is left; the service goes on loading, and refuses senders still.
    """
    deadline_s = time.monotonic() + timeout_s
    state = command(data_dir, "POST", "/drain", {"is_draining": True})
    while state["requests_under_way"] or state["accounting"]["spooled"]:
        if time.monotonic() >= deadline_s:
            raise _not_drained(state["accounting"]["spooled"], state["last_error"], timeout_s)
        time.sleep(_POLL_S)
        state = command(data_dir, "GET", "/drain")
    return Drained(state["accounting"]["loaded"], state["accounting"]["dead_lettered"], state["pid"])


def take_again(data_dir: Path) -> None:
    """Have a service that was drained take requests again."""
    command(data_dir, "POST", "/drain", {"is_draining": False})


def stop_service(data_dir: Path, pid: int) -> None:
    """
    Stop a service that was drained, as SIGTERM does, and return when another process may have its folder.

    Raises:
        NotDrainedError: it goes on running.
    """
    try:
        os.kill(pid, SIGTERM)
    except ProcessLookupError:
        return
    if not _within(_STOP_S_MAX, lambda: not (data_dir / "run.json").exists()):
        raise NotDrainedError(f"the service, pid {pid}, was told to stop and still runs: see its log")


def drain_folder(config: Config, timeout_s: float) -> Drained:
    """
    Load what a stopped service left in its folder into the ClickHouse of the configuration.

    Raises:
        ConfigError: there is no such folder, another process has it, or its service loaded into a server that nobody named.
        NotDrainedError: something is left, and stays in the folder.
    """
    if not (config.data_dir / "spool").is_dir():
        raise ConfigError(f"{config.data_dir} is no data folder of a service: there is no spool in it")
    if "clickhouse" not in config.model_fields_set and not (config.data_dir / "clickhouse").is_dir():
        raise ConfigError(
            f"{config.data_dir} has no embedded engine: name the server that it loaded into with --clickhouse URL"
        )
    return asyncio.run(_drain_folder(config, timeout_s))


async def _drain_folder(config: Config, timeout_s: float) -> Drained:
    from argus_otel.app import Service

    service = Service(config)
    loader = await service.start_loading()
    try:
        deadline_s = time.monotonic() + timeout_s
        while (accounting := loader.accounting()).spooled and time.monotonic() < deadline_s:
            await asyncio.sleep(_POLL_S)
        if accounting.spooled:
            raise _not_drained(accounting.spooled, loader.status.last_error, timeout_s)
        return Drained(accounting.loaded, accounting.dead_lettered, os.getpid())
    finally:
        await asyncio.to_thread(loader.close)  # its time is up, or it has nothing to do
        await service.stop()


def _not_drained(spooled: int, error: str, timeout_s: float) -> NotDrainedError:
    why = f": {error}" if error else ""
    return NotDrainedError(f"{spooled} records are in the spool still after {timeout_s:.0f} s{why}")


def _within(seconds_max: float, is_done: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + seconds_max
    while not (done := is_done()) and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    return done


def drain(
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for an empty spool.")
    ] = 300.0,
    stop: Annotated[bool, typer.Option("--stop", help="Then stop the service, as SIGTERM does.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Have a drained service take requests again.")] = False,
    clickhouse: Annotated[
        Optional[str],
        typer.Option(help="Of a stopped service's folder: `embedded`, or the URL of the server to load into."),
    ] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Take nothing new, load all that was acknowledged, and return when the spool is empty; 1 if it is not in time."""
    with failures():
        settings = configured({"data_dir": data_dir, "clickhouse": clickhouse}, config)
        if cancel:
            take_again(settings.data_dir)
            typer.echo("the service takes requests again")
            return
        try:
            drained: Any = drain_service(settings.data_dir, timeout)
        except NotRunningError:
            drained = drain_folder(settings, timeout)
        else:
            if stop:
                stop_service(settings.data_dir, drained.pid)
        aside = f"; {drained.dead_lettered} were refused for good and stay in its dead-letter folder"
        typer.echo(
            f"drained: the spool of {settings.data_dir} is empty, {drained.loaded} records were loaded in its life"
            f"{aside if drained.dead_lettered else ''}"
        )
