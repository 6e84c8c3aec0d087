"""
One session of the user's own Claude Code with both legs pointed at a service; no file of the user is changed.

The child gets our terminal, our standard streams and every signal, and gives us its exit code. What it has to know
stands in its environment, and in a settings file of its own, which wins over what the user's settings say of the same.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus_otel.capture.errors import CaptureError, TokenRefusedError
from argus_otel.capture.hook import spool_folder
from argus_otel.capture.otlp import encode
from argus_otel.capture.settings import ShipSettings, load_settings, token_of
from argus_otel.capture.ship import ship
from argus_otel.capture.spool import report
from argus_otel.config import read_secret
from argus_otel.errors import ArgusError
from argus_otel.plugin.install import claude_folder
from argus_otel.plugin.native import native_variables
from argus_otel.plugin.pack import MARKETPLACE_PLUGIN, NAME, assemble
from argus_otel.running import NotRunningError, command, read_run_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.config import Config

_START_S_MAX = 60
"""The first start makes every table; on a slow disk that takes seconds."""

_STOP_S_MAX = 30
"""Longer than the service's own bound for draining."""

_SHIP_S_MAX = 15
"""The shipper outlives the session; a service of this session's own waits for it so long."""

_ANSWER_S_MAX = 5.0
_POLL_S = 0.05
_ASKED_FOR_NO_SESSION = ("--version", "-v", "--help", "-h")
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_PASSED_ON = (signal.SIGINT, *_ENDING, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - how a listener on all is reached from here


class SessionError(ArgusError):
    """There is no `claude`, or nobody who would take its session."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known when the session is over."""

    exit_code: int
    session_ids: list[str]
    """Of those of which something was received."""

    is_served: bool
    """The service goes on; otherwise it was this session's own and is stopped."""

    trouble: str = ""
    """Why what the plugin recorded was not received; empty if it was."""


def find_claude(named: str | None) -> str:
    """
    Return the path of the user's `claude`.

    Raises:
        SessionError: there is none.
    """
    found = shutil.which(named or "claude")
    if found is None:
        where = f"{named} is no program" if named else "there is no `claude` on PATH"
        raise SessionError(f"{where}: install Claude Code, or name it with --claude-bin or ARGUS_OTEL_CLAUDE")
    return found


def run_claude(
    settings: Config, config: Path | None, claude: str, arguments: list[str], token_file: Path | None = None
) -> Ended:
    """
    Run `claude` with `arguments` until it ends.

    Args:
        settings: where the service is, or is to be.
        config: the file that they come from, for a service that is started.
        claude: the program.
        arguments: what it is given after our own.
        token_file: holds the token of the service, if that is another than its settings name.

    Raises:
        ConfigError: a token file cannot be read.
        SessionError: the service did not start, is not reached, or does not take the token.
        PackError: the plugin cannot be assembled.
    """
    if arguments and arguments[0] in _ASKED_FOR_NO_SESSION:
        return Ended(_run([claude, *arguments], dict(os.environ)), [], is_served=True)
    plugin = assemble() / MARKETPLACE_PLUGIN
    with ExitStack() as stack:
        # Until the session runs and after it: an end that leaves no service and no file behind.
        stack.enter_context(_on_signals(_ENDING, signal.default_int_handler))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="argus-otel-claude-")))
        addresses, is_served = stack.enter_context(_service(settings, config, scratch))
        endpoint = _endpoint(settings, addresses["otlp_http"])
        token = _token(settings, token_file, endpoint)
        _greet(endpoint, token)
        variables = _variables(endpoint, token)
        seen = scratch / "sessions"
        options = ["--plugin-dir", str(plugin)]
        if "--settings" not in [argument.partition("=")[0] for argument in arguments]:
            options += ["--settings", str(_settings_file(scratch, variables, seen))]
        begun_at_ns = time.time_ns()
        exit_code = _run([claude, *options, *arguments], os.environ | variables)
        if not is_served:
            _wait_until_shipped(endpoint)
        trouble, is_received = _trouble(endpoint, begun_at_ns)
        return Ended(exit_code, _session_ids(seen) if is_received else [], is_served, trouble)


@contextmanager
def _service(settings: Config, config: Path | None, scratch: Path) -> Iterator[tuple[dict[str, str], bool]]:
    """Yield the addresses of the service on the data folder, and whether it was there; if not, one runs until the end."""
    if running := _running(settings):
        yield running, True
        return
    log = scratch / "service.log"
    with log.open("w") as stderr:
        # A group of its own: Ctrl-C in the session is not for the service.
        process = subprocess.Popen(  # noqa: S603 - our own command
            _serve_command(settings, config),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    with process:
        try:
            yield _first_line(process, log), False
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def _running(settings: Config) -> dict[str, str] | None:
    try:
        command(settings.data_dir, "GET", "/status")  # a run.json may be left of one that was killed
        return read_run_file(settings.data_dir)
    except NotRunningError:
        return None


def _serve_command(settings: Config, config: Path | None) -> list[str]:
    listening = [f"--{name}=127.0.0.1:0" for name in ("otlp-grpc", "otlp-http", "clickhouse-http")]
    file = [f"--config={config}"] if config else []
    return [sys.executable, "-m", "argus_otel", "serve", f"--data-dir={settings.data_dir}", *listening, *file]


def _first_line(process: subprocess.Popen[str], log: Path) -> dict[str, str]:
    import select

    assert process.stdout is not None, "it was asked for"
    ready, _, _ = select.select([process.stdout], [], [], _START_S_MAX)
    line = process.stdout.readline() if ready else ""
    if not line:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
        raise SessionError(f"no service runs, and starting one failed; the end of its log:\n{tail}")
    addresses: dict[str, str] = json.loads(line)
    return addresses


def _endpoint(settings: Config, address: str) -> str:
    host, _, port = address.rpartition(":")
    scheme = "https" if settings.tls_certificate else "http"
    return f"{scheme}://{_ANY_ADDRESS.get(host, host)}:{port}"


def _token(settings: Config, token_file: Path | None, endpoint: str) -> str | None:
    """Return the token that is named for this session, else the service's, else the one of captures on this machine."""
    named = read_secret(token_file.expanduser() if token_file else settings.token_file)
    if named:
        return named
    try:
        captures = load_settings(os.environ)
        is_for_this_one = captures.endpoint == endpoint or bool(os.environ.get("ARGUS_OTEL_TOKEN"))
        return token_of(captures) or None if is_for_this_one else None
    except CaptureError:
        return None  # whatever is wrong with them, this session does not go by them


def _greet(endpoint: str, token: str | None) -> None:
    """Send nothing, to see whether the session would be taken: its hooks have nobody whom they could tell."""
    try:
        ship(encode([]), ShipSettings(endpoint, token or "", _ANSWER_S_MAX))
    except TokenRefusedError as error:
        which = "does not take this token" if token else "wants a token"
        raise SessionError(
            f"nothing was started: the service at {endpoint} {which}: name the file that holds it with --token-file "
            "or ARGUS_OTEL_TOKEN_FILE, or the service's own --config"
        ) from error
    except CaptureError as error:
        raise SessionError(f"nothing was started: {error}") from error


def _trouble(endpoint: str, begun_at_ns: int) -> tuple[str, bool]:
    """Return why what was recorded since is not taken (empty: it is), and whether any of it was."""
    for known in report(str(_state_folder())):
        if known.endpoint == endpoint and known.last_error_at_ns > max(begun_at_ns, known.last_shipped_at_ns):
            waits = f"; {known.waiting_count} records wait here for the next session's hooks"
            trouble = known.last_error + (waits if known.waiting_count else "")
            return trouble, known.last_shipped_at_ns > begun_at_ns
    return "", True


def _variables(endpoint: str, token: str | None) -> dict[str, str]:
    capture = {"ARGUS_OTEL_ENDPOINT": endpoint} | ({"ARGUS_OTEL_TOKEN": token} if token else {})
    return native_variables(endpoint, "http/protobuf", token) | capture


def _settings_file(scratch: Path, variables: dict[str, str], seen: Path) -> Path:
    # The session's id is in what its first hook is told; /clear and resuming begin another one.
    note = {"type": "command", "command": f"cat >> {shlex.quote(str(seen))} || :"}
    content = {"env": variables, "hooks": {"SessionStart": [{"hooks": [note]}]}}
    file = scratch / "settings.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(content))
    return file


def _run(arguments: list[str], environment: dict[str, str]) -> int:
    early: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        # Ctrl-C at a terminal reaches the child by itself, and twice means something else.
        if number == signal.SIGINT and os.isatty(0):
            return
        if process is None:
            early.append(number)
        else:
            process.send_signal(number)

    process: subprocess.Popen[bytes] | None = None
    with _on_signals(_PASSED_ON, pass_on):
        process = subprocess.Popen(arguments, env=environment)  # noqa: S603 - the user's own claude
        for number in early:
            process.send_signal(number)
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _on_signals(numbers: tuple[signal.Signals, ...], handler: Any) -> Iterator[None]:
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, restored in before:
            signal.signal(number, restored)


def _wait_until_shipped(endpoint: str) -> None:
    spool = Path(spool_folder(str(_state_folder()), endpoint))
    give_up_at = time.monotonic() + _SHIP_S_MAX
    while time.monotonic() < give_up_at and any((*spool.glob("*.raw"), *spool.glob("*.spans"))):
        time.sleep(_POLL_S)


def _state_folder() -> Path:
    """Return where the hooks of a plugin that was named by --plugin-dir keep their state."""
    return claude_folder() / "plugins" / "data" / f"{NAME}-inline"


def _session_ids(seen: Path) -> list[str]:
    try:
        text = seen.read_text(errors="replace")
    except FileNotFoundError:
        return []
    ids = []
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        try:
            told, end = decoder.raw_decode(text)
        except ValueError:
            break
        text = text[end:]
        if isinstance(told, dict) and isinstance(told.get("session_id"), str):
            ids.append(told["session_id"])
    return list(dict.fromkeys(ids))
