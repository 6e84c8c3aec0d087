"""
`argus-otel capture`: one hook's JSON on stdin -> OTLP/HTTP.

As a hook it prints nothing and exits 0 whatever happens: stdout would go into the session, exit code 2 would block it.
`--check` is for people: it explains on stderr and exits 1 if the records did not arrive.
"""

from __future__ import annotations

import json
import os.path
import sys
import time
from typing import TYPE_CHECKING

from argus_otel.capture.errors import CaptureError, HookInputError
from argus_otel.capture.otlp import encode
from argus_otel.capture.records import content_records
from argus_otel.capture.settings import capture_settings, ship_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

_USAGE = """\
usage: argus-otel capture [--check] < hook.json

Send what a hook of Claude Code or the Agent SDK is told to argus-otel. As a hook: prints nothing, exits 0.

  --check   explain on stderr what was sent or why not, exit 1 if it did not arrive

environment:
  ARGUS_OTEL_ENDPOINT          OTLP/HTTP receiver (http://127.0.0.1:4318)
  ARGUS_OTEL_TOKEN             bearer token, or
  ARGUS_OTEL_TOKEN_FILE        a file that holds it
  ARGUS_OTEL_CAPTURE_LEVEL     full, metadata (no text) or off (full)
  ARGUS_OTEL_VALUE_BYTES_MAX   longer values keep head and tail (65536)
"""
_FILE_BYTES_MAX = 1024 * 1024


def main(argv: Sequence[str], stdin: BinaryIO, environ: Mapping[str, str]) -> int:
    """
    Run the command and return the exit code: 0, or 1 with `--check` or with arguments that do not exist. Never 2.

    Writes nothing to stdout; reads `stdin` to its end. Only the variables that `capture_settings`, `ship_settings` and
    `content_records` name are read from `environ`.
    """
    is_check = list(argv) == ["--check"]
    if argv and not is_check:
        sys.stderr.write(_USAGE)
        return 0 if argv[0] in ("-h", "--help") else 1
    try:
        outcome = _capture(stdin, environ)
    except Exception as error:  # the session goes on whatever happens here
        # Another exception's text may quote what it stumbled over: content.
        outcome = str(error) if isinstance(error, CaptureError) else f"a defect of argus-otel: {type(error).__name__}"
        exit_code = 1
    else:
        exit_code = 0
    if not is_check:
        return 0
    sys.stderr.write(f"argus-otel capture: {outcome}\n")
    return exit_code


def _capture(stdin: BinaryIO, environ: Mapping[str, str]) -> str:
    at_ns = time.time_ns()
    settings = capture_settings(environ)
    destination = ship_settings(environ)
    spans = content_records(_read_hook(stdin), at_ns, environ, settings, _read_file)
    if not spans:
        return "nothing to send for this hook at this capture level"
    from argus_otel.capture.ship import ship  # an HTTP client costs more at start than all the rest

    ship(encode(spans), destination)
    return f"sent {', '.join(span.name for span in spans)} to {destination.endpoint}"


def _read_hook(stdin: BinaryIO) -> object:
    data = stdin.read()
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise HookInputError(f"stdin holds {len(data)} bytes that are no JSON: pipe in what a hook is told") from error


def _read_file(path: str) -> bytes | None:
    try:
        with open(os.path.expanduser(path), "rb") as file:  # noqa: PTH111, PTH123 - pathlib costs milliseconds at start
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError:
        return None
    return data if len(data) <= _FILE_BYTES_MAX else None
