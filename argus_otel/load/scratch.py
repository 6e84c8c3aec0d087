"""Parts of a refused batch in, a file of each for one INSERT out; nothing here outlives the INSERT."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from argus_otel.load.spooled import read_all

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from argus_otel.load.spooled import SpooledEnvelope


class Scratch:
    """A folder of its own, 0700, emptied when opened; for one thread. Not durable: the spool has it all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob("*.seg"):
            left.unlink()
        # Never the same name twice: the engine may still read the last one when its INSERT timed out.
        self._numbers = itertools.count(1)

    def write(self, envelopes: Iterable[SpooledEnvelope]) -> Path:
        """
        Write the envelopes to a new file and return its path.

        Raises:
            OSError: nothing of it is left.
        """
        path = self._folder / f"{next(self._numbers)}.seg"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(file, "wb") as out:  # noqa: PTH123 - a descriptor has no path
                out.writelines(read_all(envelopes))
        except OSError:
            self.remove(path)
            raise
        return path

    def remove(self, path: Path) -> None:
        """Remove a file that was loaded or refused."""
        path.unlink(missing_ok=True)
