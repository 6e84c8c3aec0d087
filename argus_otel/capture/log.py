"""
What went wrong -> a line in `<state>/capture.log`, for `plugin status` and for whoever looks. Never content of a session.

Two files of at most 256 KiB: the one before is `capture.log.1`. Many processes write at once, a whole line each.
"""

from __future__ import annotations

import os
import time

LOG_BYTES_MAX = 256 * 1024
_LINE_BYTES_MAX = 2048


def note(state: str, text: str) -> None:
    """Append a line with the time; where that is not possible, say nothing."""
    path = log_file(state)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    one_line = text.replace("\r", " ").replace("\n", " ")
    line = f"{now} {os.getpid()} {one_line}".encode("utf-8", "replace")[:_LINE_BYTES_MAX] + b"\n"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            is_full = os.fstat(fd).st_size + len(line) > LOG_BYTES_MAX
            if not is_full:
                os.write(fd, line)
        finally:
            os.close(fd)
        if is_full:
            os.replace(path, f"{path}.1")  # noqa: PTH105 - pathlib costs milliseconds at start
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(fd, line)
            finally:
                os.close(fd)
    except OSError:
        return


def log_file(state: str) -> str:
    """Return the path of the log in a state folder."""
    return f"{state}/capture.log"
