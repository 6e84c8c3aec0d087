"""
`argus-otel capture`: one hook's JSON on stdin -> the spool, and from there by a shipper to the receiver, as the plugin does.

As a hook it prints nothing and exits 0 whatever happens, the answer to `/private` excepted: other output would go into
the session, exit code 2 would block it. `--check` is for people: it sends at once, past the spool, explains on stderr and
exits 1 if the records did not arrive.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from argus_otel.capture import private
from argus_otel.capture.errors import CaptureError, HookInputError
from argus_otel.capture.hook import INPUT_BYTES_MAX, parse, record, state_folder, state_folders
from argus_otel.capture.log import note
from argus_otel.capture.prepare import encoded, prepare, private_record, request_of, run_of
from argus_otel.capture.settings import ShipSettings, is_opted_out, load_settings, token_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

_USAGE = """\
usage: argus-otel capture [--check] < hook.json

Record what a hook of Claude Code or the Agent SDK is told, without the plugin. As a hook: prints nothing but the answer to
/private, exits 0; the record is sent by a process that stays in the background.

  --check   send it now; explain on stderr what was sent or why not, exit 1 if it did not arrive

environment, before ~/.config/argus-otel/capture.json with keys of the same names in lower case:
  ARGUS_OTEL_ENDPOINT          OTLP/HTTP receiver (http://127.0.0.1:4318)
  ARGUS_OTEL_TOKEN             bearer token, or
  ARGUS_OTEL_TOKEN_FILE        a file that holds it
  ARGUS_OTEL_CAPTURE_LEVEL     full, metadata (no text) or off (full)
  ARGUS_OTEL_VALUE_BYTES_MAX   longer values keep head and tail (65536)
  ARGUS_OTEL_EXCLUDE_TOOLS, ARGUS_OTEL_EXCLUDE_PATHS, ARGUS_OTEL_EXCLUDE_PROJECTS
                               shell patterns, separated by commas
  ARGUS_OTEL_REDACTION         replace what looks like a secret (true)
  ARGUS_OTEL_PRIVATE           every session is private from its start (false)
  ARGUS_OTEL_ANNOUNCE          a line at the start of a session says what is captured (false)
  ARGUS_OTEL_TRANSCRIPT        complete text from the session's transcript (false)
  ARGUS_OTEL_CAPTURE_SPOOL_BYTES_MAX, ARGUS_OTEL_CAPTURE_SPOOL_AGE_S_MAX
                               bounds of what waits on disk (256 MiB, 7 days)
"""


def main(argv: Sequence[str], stdin: BinaryIO, environ: Mapping[str, str]) -> int:
    """
    Run the command and return the exit code: 0, or 1 with `--check` or with arguments that do not exist. Never 2.

    Reads `stdin` to its end. Of `environ` only what `hook` and `settings` name is read.
    """
    if list(argv) == ["--check"]:
        return _check(stdin, environ)
    if argv:
        sys.stderr.write(_USAGE)
        return 0 if argv[0] in ("-h", "--help") else 1
    try:
        _record(stdin, environ)
    except Exception as error:
        _note_safely(environ, f"a hook was not recorded: {_explained(error)}")
    return 0


def _record(stdin: BinaryIO, environ: Mapping[str, str]) -> None:
    at_ns = time.time_ns()
    told = stdin.read(INPUT_BYTES_MAX + 1)
    if len(told) > INPUT_BYTES_MAX:
        raise HookInputError(f"it is told more than {INPUT_BYTES_MAX} bytes")
    hook = parse(told) if told.strip() else {}
    event = hook.get("hook_event_name") if isinstance(hook, dict) else None
    answer = record(event if isinstance(event, str) else "", told, at_ns, environ)
    if answer:
        sys.stdout.write(answer.decode())
        sys.stdout.flush()


def _check(stdin: BinaryIO, environ: Mapping[str, str]) -> int:
    try:
        outcome, exit_code = _sent(stdin, environ), 0
    except Exception as error:
        outcome, exit_code = _explained(error), 1
    sys.stderr.write(f"argus-otel capture: {outcome}\n")
    return exit_code


def _sent(stdin: BinaryIO, environ: Mapping[str, str]) -> str:
    at_ns = time.time_ns()
    settings = load_settings(environ)
    destination = ShipSettings(settings.endpoint, token_of(settings))
    run = run_of(stdin.read(), at_ns, environ)
    if run.asks_for_privacy:
        prompt_id = run.told.get("prompt_id")
        spans = private_record(run.session_id, at_ns, prompt_id if isinstance(prompt_id, str) else "")
    elif _is_private(run.session_id, environ) or is_opted_out(settings, run.project, environ):
        return "nothing to send: this session is private"
    else:
        spans = prepare(run, settings)
    if not spans:
        return "nothing to send for this hook at this capture level"
    from argus_otel.capture.ship import ship  # an HTTP client costs more at start than all the rest

    ship(request_of([encoded(spans)]), destination)
    return f"sent {', '.join(span.name for span in spans)} to {destination.endpoint}"


def _is_private(session_id: str, environ: Mapping[str, str]) -> bool:
    return any(private.marker_name(session_id) in private.names(state) for state in state_folders(environ))


def _explained(error: Exception) -> str:
    # Another exception's text may quote what it stumbled over: content.
    if isinstance(error, CaptureError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"a defect of argus-otel: {type(error).__name__}"


def _note_safely(environ: Mapping[str, str], text: str) -> None:
    try:
        note(state_folder(environ), text)
    except OSError:
        return
