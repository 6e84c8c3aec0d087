"""
`argus-otel demo`: a service of its own, real OTLP in, and what can be read then.

Leaves nothing behind: no process, no folder, whether it ends by itself, by an error, by Ctrl-C or by SIGTERM.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from rich.progress import track
from rich.text import Text

from argus_otel.demo import recordings, team
from argus_otel.demo.sender import sender
from argus_otel.demo.service import ServiceError, serving
from argus_otel.errors import ArgusError
from argus_otel.query import SessionFilter, cost_by_day, list_sessions, read_session
from argus_otel.query.present import days_table, sessions_table, transcript_of
from argus_otel.running import command
from argus_otel.store import ServerStore

if TYPE_CHECKING:
    from rich.console import Console

    from argus_otel.demo.otlp import Request
    from argus_otel.demo.sender import Sender
    from argus_otel.demo.service import Service

_SEED = 2026
_ARGUS = "argus"
_VISIBLE_S_MAX = 120
_POLL_S = 0.02
_SESSIONS_SHOWN = 8
_TURNS_SHOWN, _ROWS_SHOWN = 4, 9


@dataclass(frozen=True, slots=True)
class _Traffic:
    """All that is sent; `last` is the request by which the way from acknowledgement to visible is timed."""

    requests: list[Request]
    last: Request
    last_session_id: str
    session_count: int


def run_demo(keep: bool, console: Console) -> int:  # noqa: FBT001 - the command's one flag
    """Run the demo, print what it shows, and return the exit code; with `keep`, serve on until Ctrl-C."""
    restored = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="argus-otel-demo-") as folder:
            _demonstrate(Path(folder), console, keep=keep)
    except (ArgusError, grpc.RpcError) as error:
        console.print(Text(f"the demo failed: {_told(error)}", "red"))
        return 1
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        return 0 if keep else 130
    finally:
        signal.signal(signal.SIGTERM, restored)
    return 0


def _demonstrate(folder: Path, console: Console, *, keep: bool) -> None:
    with console.status("starting the service, embedded engine included"), serving_in(folder) as service:
        pass
