"""Appends to a spool from many tasks until it is killed; each number goes to stdout once it is acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from spool_doubles import envelope, settings

from argus_otel.spool import Spool


async def append_forever(spool: Spool, first: int, step: int) -> None:
    number = first
    while True:
        await spool.append(envelope(number, size_bytes=number % 3_000))
        os.write(1, b"%d\n" % number)
        number += step


async def main(folder: Path, first: int) -> None:
    spool = Spool(settings(folder, segment_bytes_max=50_000))
    await asyncio.gather(*(append_forever(spool, first + task, 8) for task in range(8)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
