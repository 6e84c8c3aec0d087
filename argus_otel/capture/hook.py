"""
The blocking part of a hook: stdin -> one file in the spool, and a shipper if none runs. Then the session goes on.

    python -I -S -c '…; from argus_otel.capture import hook; hook.main(["hook", "PreToolUse"])' < what the hook is told
    python -I -S …/capture/hook.py PreToolUse < the same, compiled anew each time

It prints nothing and exits 0 whatever happens, but for two answers: to `/private`, and a line at the start of a session
where `announce` is on. It reads no more of the environment than is named here and imports next to nothing: `json` alone
would take longer than the interpreter, so the C parts below it are used, which are in every CPython since 3.9.

A raw file is a JSON line, `{"at_ns": …, "hook": …, "env": {…}}`, then stdin as it came. It gets its name when it is
whole; names sort by time. What belongs on disk where is told by `spool`, which reads what is written here.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False  # `typing` costs more than all that is done here
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

PRIVATE_COMMANDS = ("/private", "/argus-otel:private")
"""The plugin's own command, alone and with the plugin's name. `/<another plugin>:private` is that one's."""

INPUT_BYTES_MAX = 64 * 1024 * 1024
DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
PASSED_ON = (
    "CLAUDE_PROJECT_DIR",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_AGENT_SDK_VERSION",
    "CLAUDE_CODE_REMOTE",
    "TRACEPARENT",
    "CLAUDE_CONFIG_DIR",  # where its user's skills and settings are looked for; it is not sent
)
"""Variables that say something of the session."""
RECORD_SETTINGS = (
    "CAPTURE_LEVEL",
    "VALUE_BYTES_MAX",
    "EXCLUDE_TOOLS",
    "EXCLUDE_PATHS",
    "EXCLUDE_PROJECTS",
    "REDACTION",
    "PRIVATE",
    "TRANSCRIPT",
)
"""Settings that shape a record go with it into the spool; where it goes and with which token never does."""
PREFIXES = ("ARGUS_OTEL_", "CLAUDE_PLUGIN_OPTION_")
_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib costs milliseconds at start
_LIBRARY = os.path.dirname(os.path.dirname(_HERE))  # noqa: PTH120
_CHUNK_BYTES = 1 << 20
_LOCK_FD = 3


def main(argv: list[str]) -> None:
    """Run one hook and end the process with 0."""
    try:
        _end_quietly_on_signals()
        _run(argv[1] if len(argv) > 1 else "")
    except BaseException as error:
        _note_safely(f"a hook was not recorded: {_kind(error)}")
    finally:
        os._exit(0)  # no clean-up of the interpreter: nothing is open any more, and it takes a millisecond


def _run(event: str) -> None:
    at_ns = time.time_ns()
    told = read_input(0)
    _finish_despite_signals()
    if told is None:
        _note_safely(f"a hook was not recorded: it is told more than {INPUT_BYTES_MAX} bytes")
        return
    answer = record(event, told, at_ns, os.environ)
    if answer:
        write_all(1, answer)


def record(event: str, told: bytes, at_ns: int, environ: Mapping[str, str]) -> bytes:
    """
    Append what a hook is told to the spool, see that a shipper runs, and return what is to be printed, mostly nothing.

    Args:
        event: the hook's name; may be empty, then it is looked for in what was told.
        told: the hook's stdin.
        at_ns: when it ran, ns since the epoch.
        environ: the hook's environment.

    Raises:
        OSError: it could not be written.
        ValueError: there is no usable endpoint.
    """
    if not told.strip():
        return b""
    state = state_folder(environ)
    if event in ("", "UserPromptSubmit") and (b"private" in told or b"\\u" in told):
        from_user = _private_command(told)
        if from_user:
            return _make_private(state, event, told, from_user, at_ns, environ)
    if setting("capture_level", environ) == "off":
        return b""
    marker = _private_marker(state, told)
    if marker is None:
        folder = append(state, event, told, at_ns, environ)
        ship_what_waits(folder, environ)
    elif marker.get("sent_at_ns") is None:  # what its user wished was not delivered yet
        ship_what_waits(make_spool(state, environ), environ)
    return _announcement(environ) if event == "SessionStart" and _is_on(setting("announce", environ)) else b""


def read_input(fd: int) -> bytes | None:
    """Read to the end; None for more than is taken. A stdin that is closed says nothing."""
    chunks: list[bytes] = []
    total_bytes = 0
    while True:
        try:
            chunk = os.read(fd, _CHUNK_BYTES)
        except OSError:
            chunk = b""
        if not chunk:
            return b"".join(chunks) if total_bytes <= INPUT_BYTES_MAX else None
        total_bytes += len(chunk)
        if total_bytes <= INPUT_BYTES_MAX:  # the rest is read and let go: whoever writes it meets no broken pipe
            chunks.append(chunk)
        else:
            chunks.clear()


# Where things are


def home(environ: Mapping[str, str]) -> str:
    """Return the user's home, of the password file where no variable names it; empty if there is none."""
    found = environ.get("HOME") or environ.get("USERPROFILE") or _home_of_user()
    return found if os.path.isabs(found) else ""  # noqa: PTH117


def _home_of_user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        return ""


def state_folders(environ: Mapping[str, str]) -> list[str]:
    """Return the folders that this hook's state may be in, best first; they need not exist."""
    at_home = home(environ)
    user = os.getuid() if hasattr(os, "getuid") else environ.get("USERNAME", "user")
    named = environ.get("TMPDIR") or environ.get("TEMP") or environ.get("TMP") or ""
    temporary = named if os.path.isabs(named) else "/tmp"  # noqa: PTH117, S108 - whose it is, is looked at
    data = environ.get("CLAUDE_PLUGIN_DATA", "")
    return [
        *([data] if os.path.isabs(data) else []),  # noqa: PTH117 - the shipper works elsewhere
        *([f"{at_home}/.local/state/argus-otel/capture"] if at_home else []),
        f"{temporary}/argus-otel-{user}",
    ]


def state_folder(environ: Mapping[str, str]) -> str:
    """
    Return the first of `state_folders` that can be written, made if need be.

    Raises:
        OSError: none can.
    """
    folders = state_folders(environ)
    for folder in folders:
        if _is_usable(folder, is_shared_place=folder is folders[-1]):
            return folder
    raise OSError("no folder can be written, neither of the plugin nor of the user nor for temporary files")


def _is_usable(folder: str, *, is_shared_place: bool) -> bool:
    try:
        os.makedirs(folder, 0o700, exist_ok=True)  # noqa: PTH103
        if is_shared_place and hasattr(os, "getuid"):
            # Anybody may have made a folder or a link of this name, to read what is put there.
            found = os.lstat(folder)
            if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
                return False
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def endpoint_of(environ: Mapping[str, str]) -> str:
    """
    Return the endpoint that this hook's records go to.

    Raises:
        ValueError: it is no http(s) URL, or a config file is no JSON.
    """
    endpoint = setting("endpoint", environ) or DEFAULT_ENDPOINT
    if not isinstance(endpoint, str) or not endpoint.startswith(("http://", "https://")) or not endpoint.isprintable():
        raise ValueError("the endpoint is no http:// or https:// URL")
    return endpoint.rstrip("/")


def spool_folder(state: str, endpoint: str) -> str:
    """Return the spool of an endpoint: content meant for one receiver never goes to another."""
    return f"{state}/spool/{_sha256(endpoint.encode()).hexdigest()[:12]}"


def _sha256(data: bytes) -> Any:
    for module in ("_sha256", "_sha2", "hashlib"):  # hashlib loads OpenSSL; the first has the second's name since 3.12
        try:
            return __import__(module).sha256(data)
        except ImportError:  # noqa: PERF203 - three at most
            continue
    raise ValueError("this Python has no SHA-256")


def config_files(environ: Mapping[str, str]) -> list[str]:
    """Return the config files that may exist, the one that wins first: the user's, then the plugin's own."""
    at_home = home(environ)
    files = [f"{at_home}/.config/argus-otel/capture.json"] if at_home else []
    if os.path.basename(_LIBRARY) == "lib":  # noqa: PTH119 - inside a plugin's folder, not an installed package
        files.append(f"{os.path.dirname(_LIBRARY)}/config.json")  # noqa: PTH120
    return files


def setting(key: str, environ: Mapping[str, str]) -> Any:
    """Return one setting as it is written: environment, then the plugin's options, then config files; else None."""
    for prefix in PREFIXES:
        value = environ.get(prefix + key.upper())
        if value:
            return value
    for path in config_files(environ):
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                document = parse(file.read())
        except OSError:
            continue
        if isinstance(document, dict) and document.get(key) is not None:
            return document[key]
    return None


# What is written


def append(state: str, event: str, told: bytes, at_ns: int, environ: Mapping[str, str]) -> str:
    """
    Put one raw file into the spool of its endpoint, there whole or not at all, and return the spool.

    Raises:
        OSError: it could not be written.
        ValueError: there is no usable endpoint.
    """
    folder = make_spool(state, environ)
    from_session = [(name, environ[name]) for name in PASSED_ON if environ.get(name)]
    names = [prefix + name for prefix in PREFIXES for name in RECORD_SETTINGS]
    from_settings = [(name, environ[name]) for name in names if environ.get(name)]
    env = ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in [*from_session, *from_settings])
    header = f'{{"at_ns": {at_ns}, "hook": {quoted(event)}, "env": {{{env}}}}}\n'.encode()
    write_whole(f"{folder}/{at_ns:019d}-{os.getpid()}.raw", header, told)
    return folder


def make_spool(state: str, environ: Mapping[str, str]) -> str:
    """
    Return the spool of the endpoint that is set, made if need be; in it a file says which endpoint that is.

    Raises:
        OSError, ValueError: as `append`.
    """
    endpoint = endpoint_of(environ)
    folder = spool_folder(state, endpoint)
    if not os.path.exists(f"{folder}/endpoint"):  # noqa: PTH110
        os.makedirs(folder, 0o700, exist_ok=True)  # noqa: PTH103
        write_whole(f"{folder}/endpoint", endpoint.encode())
    return folder


def write_whole(path: str, *parts: bytes) -> None:
    """Write a file under a temporary name, then give it its own, over one that may be there."""
    temporary = f"{path}.{os.getpid()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    try:
        try:
            for part in parts:
                write_all(fd, part)
        finally:
            os.close(fd)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108
        raise


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


# A shipper


def ship_what_waits(folder: str, environ: Mapping[str, str]) -> None:
    """
    Start a shipper for a spool unless one runs. To be called after something was put there: a shipper that is about to
    leave looks once more after it gave its lock away, so one of the two sees it.

    Raises:
        OSError: no process could be started; the next hook tries again.
    """
    command = [sys.executable, "-I", "-S", f"{_HERE}/shipper.py", folder]
    kept = {name: value for name, value in environ.items() if _is_for_shipper(name)}
    lock = os.open(f"{folder}/lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "nt":
            _start_on_windows(command, kept, lock)
            return
        import fcntl

        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        _start_detached([*command, str(_LOCK_FD)], kept, lock)
    finally:
        os.close(lock)


def _is_for_shipper(name: str) -> bool:
    # It may outlive the session: what belongs to the session's own business, its secrets too, stays behind.
    return (
        not name.startswith(("CLAUDE", "ANTHROPIC")) or name.startswith("CLAUDE_PLUGIN_") or name == "CLAUDE_CONFIG_DIR"
    )


def _start_detached(command: list[str], environ: Mapping[str, str], lock: int) -> None:
    """
    Start a process that is in no group, session or family tree of this one, with the lock as its only inheritance.

    It is a fresh interpreter, not this one gone on: after a fork alone macOS lets nobody look up its proxies.
    """
    middle = os.fork()
    if middle == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _become(command, environ, lock)
        finally:
            os._exit(0)
    os.waitpid(middle, 0)  # until it has left the group, which may be killed as soon as this hook is done


def _become(command: list[str], environ: Mapping[str, str], lock: int) -> None:
    try:
        os.dup2(lock, _LOCK_FD)
        os.set_inheritable(_LOCK_FD, True)  # noqa: FBT003 - a positional argument of the system's
        nowhere = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nowhere, fd)
        for fd in _open_fds():
            if fd > _LOCK_FD:
                _close(fd)
        os.chdir("/")
        os.execve(command[0], command, dict(environ))  # noqa: S606 - no shell is wanted
    except BaseException as error:
        _note_safely(f"no shipper was started: {_kind(error)}")


def _close(fd: int) -> None:
    try:  # noqa: SIM105 - contextlib costs a millisecond
        os.close(fd)
    except OSError:  # the one that listed the others
        pass


def _open_fds() -> Iterator[int]:
    # A pipe of the CLI's that stays open here keeps it waiting.
    try:
        return map(int, os.listdir("/dev/fd"))  # noqa: PTH208
    except OSError:
        return iter(range(_LOCK_FD + 1, 256))


def _start_on_windows(command: list[str], environ: Mapping[str, str], lock: int) -> None:
    # After the documentation of `subprocess` and `msvcrt`; not tried. A lock is not inherited there: the shipper takes
    # its own, and one that gets none ends.
    import subprocess

    msvcrt: Any = __import__("msvcrt")
    try:
        msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
    except OSError:
        return
    msvcrt.locking(lock, msvcrt.LK_UNLCK, 1)
    flags = 0x00000008 | 0x00000200  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    null = subprocess.DEVNULL
    subprocess.Popen(command, stdin=null, stdout=null, stderr=null, env=dict(environ), creationflags=flags)  # noqa: S603


# Private sessions


def _private_command(told: bytes) -> dict[str, Any] | None:
    """Return what the hook is told if its prompt is `/private`, else None."""
    try:
        hook = parse(told)
    except ValueError:
        return None
    return hook if is_private_command(hook) and _session_id(hook) else None


def is_private_command(hook: object) -> bool:
    """Tell a prompt that is the command `/private` from any other hook."""
    if not isinstance(hook, dict) or hook.get("hook_event_name", "UserPromptSubmit") != "UserPromptSubmit":
        return False
    prompt = hook.get("prompt")
    return isinstance(prompt, str) and is_private_prompt(prompt)


def is_private_prompt(prompt: str) -> bool:
    """Tell what was typed by its first word, as Claude Code finds a command, whatever follows it."""
    return bool(words := prompt.split(None, 1)) and words[0] in PRIVATE_COMMANDS


def _make_private(
    state: str, event: str, told: bytes, hook: dict[str, Any], at_ns: int, environ: Mapping[str, str]
) -> bytes:
    sys.path.insert(0, _LIBRARY)
    from argus_otel.capture import private

    try:
        endpoint = endpoint_of(environ)
    except ValueError:
        endpoint = ""  # the session is private all the same
    try:
        private.ask(state, _session_id(hook), at_ns, endpoint, str(hook.get("prompt_id") or ""))
    except OSError as error:
        return _block(private.failure(state, error))
    reason = private.reason(state, endpoint)
    try:
        ship_what_waits(append(state, event, told, at_ns, environ), environ)
    except (OSError, ValueError) as error:  # the marker stands, and every shipper looks for markers
        _note_safely(f"the record of a private session waits for the next hook: {_kind(error)}")
    return _block(reason)


def _block(reason: str) -> bytes:
    return f'{{"decision": "block", "reason": {quoted(reason)}}}\n'.encode()


def _private_marker(state: str, told: bytes) -> dict[str, Any] | None:
    """Return the marker of the session if it is private."""
    try:
        names = os.listdir(f"{state}/private")  # noqa: PTH208
    except OSError:
        return None
    for name in names:
        if name.encode() in told and _session_id(parse(told)) == name:
            with open(f"{state}/private/{name}", "rb") as file:  # noqa: PTH123
                marker = parse(file.read())
            return marker if isinstance(marker, dict) else {}
    return None


def _session_id(hook: object) -> str:
    session_id = hook.get("session_id") if isinstance(hook, dict) else None
    return session_id if isinstance(session_id, str) else ""


# The rest


def _announcement(environ: Mapping[str, str]) -> bytes:
    sys.path.insert(0, _LIBRARY)
    from argus_otel.capture.settings import announcement

    return f'{{"systemMessage": {quoted(announcement(environ))}}}\n'.encode()


def _is_on(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("1", "true", "yes", "on"))


def quoted(text: str) -> str:
    """Return a JSON string, in ASCII."""
    try:
        from _json import encode_basestring_ascii
    except ImportError:
        from json.encoder import encode_basestring_ascii
    return encode_basestring_ascii(text)


def parse(data: bytes) -> Any:
    """
    Return a JSON document, without the two thirds of `json` that are not needed for it.

    Raises:
        ValueError: it is none.
    """
    text = data.decode("utf-8", "replace").strip()
    try:
        make_scanner: Any = __import__("_json").make_scanner
    except ImportError:
        import json

        return json.loads(text)
    try:
        return make_scanner(_Scanning())(text, 0)[0]
    except (StopIteration, RecursionError) as error:
        raise ValueError("no JSON") from error


class _Scanning:
    """What `json.JSONDecoder` tells its scanner."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def _end_quietly_on_signals() -> None:
    # While it waits for what it is told, there is nothing to lose.
    _on_signals(lambda *_: os._exit(0))


def _finish_despite_signals() -> None:
    # What was told is on disk in a moment. A handler, unlike "ignore", is not inherited by the shipper.
    _on_signals(lambda *_: None)


def _on_signals(handle: Any) -> None:
    _signal = __import__("_signal")  # `signal` makes enums of everything
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        number = getattr(_signal, name, None)
        if number is not None:
            _signal.signal(number, handle)


def _kind(error: BaseException) -> str:
    # Another exception's text may quote what it stumbled over: content.
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror or error}"
    return type(error).__name__


def _note_safely(text: str) -> None:
    try:
        sys.path.insert(0, _LIBRARY)
        from argus_otel.capture.log import note

        note(state_folder(os.environ), text)
    except BaseException:  # noqa: S110 - a note that cannot be written is no reason to disturb anybody
        pass


if __name__ == "__main__":
    main(sys.argv)
