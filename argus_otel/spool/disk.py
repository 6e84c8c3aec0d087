"""
The system calls on which durability rests, in one place: the seam through which tests make a disk fail.

Never retries, never hides an error: OSError goes up.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "darwin":
    import fcntl

    def _sync_data(file: int) -> None:
        # fsync on macOS leaves the data in the drive's cache.
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)

else:
    _sync_data = os.fdatasync


class Disk:
    """Files by descriptor; safe from several threads as far as the descriptors are distinct."""

    def create(self, path: Path) -> int:
        """Create a new file, 0600, for writing."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, file: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`; after an error any part of it may be there."""
        view = memoryview(data)
        while view:
            written = os.pwrite(file, view, offset)
            if written == 0:
                raise OSError(errno.EIO, "the disk wrote nothing")
            view, offset = view[written:], offset + written

    def sync(self, file: int) -> None:
        """Return when the file's data is durable."""
        _sync_data(file)

    def truncate(self, file: int | Path, size_bytes: int) -> None:
        """Cut a file to `size_bytes`."""
        os.truncate(file, size_bytes)

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in a folder are durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
