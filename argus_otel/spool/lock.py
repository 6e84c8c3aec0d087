"""One process per spool: two writers would reuse each other's sequences. The kernel drops the lock with the process."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def lock_folder(folder: Path) -> int:
    """
    Create the folder if need be, 0700, and take it for this process; closing the returned descriptor gives it up.

    Raises:
        ConfigError: another process has it, or it cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        lock_file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot use spool folder {folder}: {error.strerror}") from error
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock_file)
        raise ConfigError(
            f"another process uses spool folder {folder}: stop it, or choose another data folder"
        ) from error
    return lock_file
