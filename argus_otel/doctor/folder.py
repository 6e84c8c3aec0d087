"""The data folder: rights, room, and what a spool without a service holds."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from argus_otel.doctor.finding import Finding
from argus_otel.spool.segment import DAMAGED_SUFFIX

if TYPE_CHECKING:
    from argus_otel.config import Config


def check_folder(config: Config) -> Finding:
    """Say whether the data folder is there, ours and nobody else's."""
    folder = config.data_dir
    if not folder.exists():
        return Finding("data folder", "warning", f"{folder} does not exist", "`argus-otel serve` makes it")
    if not folder.is_dir():
        return Finding("data folder", "failed", f"{folder} is no folder", "name another with --data-dir")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding(
            "data folder", "failed", f"{folder} cannot be written", "give it to the user that runs the service"
        )
    if strangers := sorted({path.name for path in folder.iterdir() if path.stat().st_uid != folder.stat().st_uid}):
        return Finding(
            "data folder",
            "failed",
            f"{', '.join(strangers)} in {folder} belongs to another user than the folder",
            f"chown -R {folder.stat().st_uid} {folder}: a service was started as another user",
        )
    if folder.stat().st_mode & 0o077:
        return Finding("data folder", "warning", f"{folder} can be read by others", f"chmod 700 {folder}")
    return Finding("data folder", "ok", str(folder))


def check_disk(config: Config) -> Finding:
    """Say whether the spool has the room that it may take."""
    folder = next(path for path in (config.data_dir, *config.data_dir.parents) if path.is_dir())
    free_bytes = shutil.disk_usage(folder).free
    said = f"{free_bytes / 2**30:.1f} GiB free, the spool may take {config.spool_bytes_max / 2**30:.1f} GiB"
    if free_bytes < config.spool_bytes_max:
        return Finding("disk", "warning", said, "free some, or lower spool_bytes_max")
    return Finding("disk", "ok", said)


def check_spool(config: Config) -> Finding:
    """Say how full the spool is, and whether some of it could not be read."""
    folder = config.data_dir / "spool"
    try:
        files = {path: path.stat().st_size for path in folder.iterdir()} if folder.is_dir() else {}
    except OSError as error:
        return Finding(
            "spool", "failed", f"{folder} cannot be read: {error.strerror}", "run doctor as the service's user"
        )
    if damaged := sorted(path.name for path in files if path.name.endswith(DAMAGED_SUFFIX)):
        return Finding(
            "spool",
            "warning",
            f"{', '.join(damaged)} could not be read",
            "a disk lost it: keep it, and look at the disk",
        )
    used_bytes = sum(size for path, size in files.items() if path.suffix == ".seg")
    said = f"{used_bytes / 2**20:.1f} MiB of at most {config.spool_bytes_max / 2**20:.0f}"
    if used_bytes > 0.8 * config.spool_bytes_max:
        return Finding("spool", "failed", said, "senders are about to be told to retry: mend ClickHouse, see `loads`")
    return Finding("spool", "ok", said)
