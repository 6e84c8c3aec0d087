"""
Transcripts that are on a machine already -> content spans -> OTLP/HTTP: what `argus-otel import` does.

    path ──▶ sessions' files ──▶ capture.transcript, line by line ──▶ batches ──▶ POST, again if need be ──▶ state file

A record has the identity that its hook would have given it, so importing a file twice adds nothing. The state file only
saves the work: one JSON line per file says how far it was acknowledged, by which receiver, with which settings.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from argus_otel.capture import private
from argus_otel.capture.errors import RefusedError, RejectedError, SettingsError, ShipError
from argus_otel.capture.exclude import ALL, is_excluded
from argus_otel.capture.hook import setting, state_folders
from argus_otel.capture.otlp import encode
from argus_otel.capture.prepare import EMPTY_REQUEST_BYTES, encoded, request_of
from argus_otel.capture.settings import Settings, ShipSettings, is_opted_out, load_settings, token_of
from argus_otel.capture.ship import ship
from argus_otel.capture.transcript import agent_of, main_file, outline_of, read_transcript
from argus_otel.errors import ArgusError, ConfigError
from argus_otel.running import NotRunningError, read_run_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console

    from argus_otel.capture.otlp import Span
    from argus_otel.capture.transcript import Outline, Piece
    from argus_otel.config import Config

BATCH_BYTES_MAX = 2 * 1024 * 1024
_TIMEOUT_S = 60.0
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Before each further attempt, unless the receiver says when."""

_WAIT_MAX_S = 60.0
_OTHER_FOLDERS = frozenset({"tool-results"})


class ImportFailedError(ArgusError):
    """The receiver is not there, or does not take what it is sent."""


class Destination(NamedTuple):
    """Where records go. The repr leaves the token out."""

    endpoint: str
    token: str

    def __repr__(self) -> str:
        return f"Destination({self.endpoint!r})"


class SessionFiles(NamedTuple):
    """The files of one session that are to be read; of a subagent alone the main file is only looked through."""

    main: Path
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be imported, and how."""

    path: Path
    settings: Settings
    destination: Destination
    state_file: Path
    again: bool = False
    """Read what was imported before, too."""

    dry_run: bool = False
    since_ns: int = 0
    """Leave out what is older."""


@dataclass(slots=True)
class Summary:
    """What came of it."""

    sessions: set[str] = field(default_factory=set)
    files: int = 0
    files_left_out: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    read_bytes: int = 0
    sent_bytes: int = 0
    refused: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Sessions of which nothing was sent, by reason."""

    skipped: Counter[str] = field(default_factory=Counter)
    """Lines that say nothing here, by reason."""

    def as_json(self) -> dict[str, Any]:
        """Return it with names for people and programs."""
        return {
            "sessions": len(self.sessions),
            "files": self.files,
            "files_left_out": dict(sorted(self.files_left_out.items())),
            "records": dict(sorted(self.records.items())),
            "records_refused": self.refused,
            "bytes_read": self.read_bytes,
            "bytes_sent": self.sent_bytes,
            "sessions_left_out": dict(sorted(self.left_out.items())),
            "lines_skipped": dict(sorted(self.skipped.items())),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return it as rows of a table."""
        rows = []
        for what, value in self.as_json().items():
            name = what.replace("_", " ")
            counts = value.items() if isinstance(value, dict) else [("", value)]
            rows += [{"what": f"{name}: {kind}" if kind else name, "count": count} for kind, count in counts]
        return rows


def settings_of(environ: Mapping[str, str], level: str | None, *, redaction: bool) -> Settings:
    """
    Return the settings of a capture on this machine, with those that the command line names.

    Raises:
        ConfigError: one of them cannot be used, or nothing is to be captured at all.
    """
    named = {"ARGUS_OTEL_CAPTURE_LEVEL": level} if level else {}
    try:
        settings = load_settings({**environ, **named})
    except SettingsError as error:
        raise ConfigError(str(error)) from error
    if settings.capture_level == "off":
        raise ConfigError("the capture level is off, so nothing can be imported: give --capture-level full or metadata")
    return settings._replace(redaction=settings.redaction and redaction)


def destination_of(
    endpoint: str | None, token_file: Path | None, settings: Settings, config: Config, environ: Mapping[str, str]
) -> Destination:
    """
    Return the receiver that is named, else the one that is set for captures, else the service that runs here.

    Raises:
        ConfigError: an endpoint that is no URL, a token file that cannot be read.
    """
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ConfigError(f"--endpoint is {endpoint!r}: give an http:// or https:// URL")
    named = settings
    if token_file:
        named = settings._replace(token="", token_file=str(token_file))
    elif endpoint and setting("endpoint", environ) and endpoint.rstrip("/") != settings.endpoint:
        # A config file's token is for the endpoint of that file.
        variables = (environ.get("ARGUS_OTEL_TOKEN", ""), environ.get("ARGUS_OTEL_TOKEN_FILE", ""))
        named = settings._replace(token=variables[0], token_file=variables[1])
    own = "" if endpoint or setting("endpoint", environ) else _own_endpoint(config)
    if own and not (named.token or named.token_file) and config.token_file:
        named = named._replace(token_file=str(config.token_file))
    try:
        return Destination((endpoint or own or settings.endpoint).rstrip("/"), token_of(named))
    except SettingsError as error:
        raise ConfigError(str(error)) from error


def default_state_file(environ: Mapping[str, str]) -> Path:
    """Return the file in which is kept what was imported."""
    folder = environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "argus-otel" / "imported.jsonl"


def find_sessions(path: Path) -> list[SessionFiles]:
    """
    Return the sessions of a file, of a project's folder, of a `projects` folder, or of a folder that one is in.

    Raises:
        ConfigError: there is no such file or folder, or no transcript in it.
    """
    if path.is_file():
        files = [path, *sorted(path.with_suffix("").glob("**/agent-*.jsonl"))]
    elif path.is_dir():
        below = (path / "projects", path / ".claude" / "projects")
        files = sorted(next((folder for folder in below if folder.is_dir()), path).rglob("*.jsonl"))
    else:
        raise ConfigError(f"there is no {path}: name a transcript, or a folder of them like ~/.claude/projects")
    by_main: dict[Path, list[Path]] = {}
    for file in files:
        if file.is_file() and not _OTHER_FOLDERS.intersection(file.parts):
            by_main.setdefault(main_file(file) if agent_of(file) else file, []).append(file)
    if not by_main:
        raise ConfigError(f"{path} holds no transcript: they are .jsonl files, in folders like ~/.claude/projects")
    # The main conversation before its subagents.
    return [
        SessionFiles(main, tuple(sorted(of, key=lambda file: (file != main, file)))) for main, of in by_main.items()
    ]


def import_transcripts(order: Order, progress: Callable[[Progress], None]) -> Summary:
    """
    Import all that is found.

    Raises:
        ConfigError: nothing to import is found.
        ImportFailedError: the receiver is not there or does not take it; what it took is noted in the state file.
    """
    return _Import(order, progress).run()


class Progress(NamedTuple):
    """How far it is."""

    files: int
    files_total: int
    bytes: int
    bytes_total: int
    records: int


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Show how far an import is, where somebody looks; the function that is yielded takes each step."""
    columns = ("{task.description}", BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("looking", total=None)

        def show(at: Progress) -> None:
            said = f"{at.files} of {at.files_total} files, {at.records} records"
            bar.update(task, description=said, completed=at.bytes, total=at.bytes_total)

        yield show


class _Mark(NamedTuple):
    """How far a file was acknowledged; size and time of change only once that is all of it."""

    offset: int
    size: int = 0
    mtime_ns: int = 0


class _Import:
    """One run."""

    def __init__(self, order: Order, progress: Callable[[Progress], None]) -> None:
        self._order = order
        self._progress = progress
        self._summary = Summary()
        self._state = _State(order.state_file, _fingerprint(order))
        self._shipper = _Shipper(order.destination)
        self._parts: list[bytes] = []
        self._parts_bytes = EMPTY_REQUEST_BYTES
        self._marks: dict[Path, _Mark] = {}  # hold once what is in _parts is acknowledged
        self._private = _private_names(order.path)
        self._sizes: dict[Path, int] = {}
        self._total = Progress(0, 0, 0, 0, 0)

    def run(self) -> Summary:
        sessions = find_sessions(self._order.path)
        self._sizes = {file: _size(file) for session in sessions for file in session.files}
        self._total = Progress(0, len(self._sizes), 0, sum(self._sizes.values()), 0)
        if not self._order.dry_run:
            self._shipper.greet()
        for session in sessions:
            self._session(session)
        self._flush()
        return self._summary

    def _session(self, session: SessionFiles) -> None:
        fresh = []
        for file in session.files:
            reason = self._file_left_out(file)
            if reason:
                self._summary.files_left_out[reason] += 1
                self._step(file)
            else:
                fresh.append(file)
        if not fresh:
            return
        # Of a subagent's file alone: what its own lines say of the session.
        outline = outline_of(session.main if session.main.is_file() else fresh[0])
        reason = self._left_out(session.main.stem, outline)
        if reason:
            self._summary.left_out[reason] += 1
        for file in fresh:
            if not reason:
                self._file(file, outline)
            self._step(file)

    def _file_left_out(self, file: Path) -> str:
        try:
            found = file.stat()
        except OSError:
            return "cannot be read"
        if found.st_mtime_ns < self._order.since_ns:
            return "older"
        known = None if self._order.again else self._state.mark(file)
        is_done = known is not None and (known.size, known.mtime_ns) == (found.st_size, found.st_mtime_ns)
        return "imported before" if is_done else ""

    def _left_out(self, session_id: str, outline: Outline) -> str:
        if outline.is_private or private.marker_name(session_id) in self._private:
            return "private: its user typed /private"
        if is_opted_out(self._order.settings, outline.cwd, os.environ):
            return "private for good: by a setting or a file in its project"
        if is_excluded({}, outline.cwd, self._order.settings) == ALL:
            return "of a project that is excluded"
        return ""

    def _file(self, file: Path, outline: Outline) -> None:
        known = None if self._order.again or self._order.since_ns else self._state.mark(file)
        begin = known.offset if known else 0
        try:
            found = file.stat()
            for piece in read_transcript(file, self._order.settings, begin, self._summary.skipped, outline):
                self._take(file, piece)
                self._progress(self._total._replace(bytes=self._total.bytes + piece.end_offset))
        except OSError:
            self._summary.files_left_out["cannot be read"] += 1
            return
        self._summary.files += 1
        self._summary.read_bytes += max(0, found.st_size - begin)
        offset = self._marks[file].offset
        self._marks[file] = _Mark(offset, found.st_size, found.st_mtime_ns)

    def _take(self, file: Path, piece: Piece) -> None:
        for span in piece.spans:
            if span.end_ns < self._order.since_ns or self._is_private(span):
                continue
            self._summary.sessions.add(str(span.attributes["session.id"]))
            self._summary.records[str(span.attributes["argus.record"])] += 1
            self._total = self._total._replace(records=self._total.records + 1)
            part = encoded([span])
            if self._parts and self._parts_bytes + len(part) + 1 > BATCH_BYTES_MAX:
                self._flush()
            self._parts.append(part)
            self._parts_bytes += len(part) + 1
        self._marks[file] = _Mark(piece.next_offset)

    def _is_private(self, span: Span) -> bool:
        # A line says itself of which session it is.
        return private.marker_name(str(span.attributes["session.id"])) in self._private

    def _flush(self) -> None:
        if not self._order.dry_run:
            self._summary.refused += self._shipper.send(self._parts)
            self._summary.sent_bytes = self._shipper.sent_bytes
            if not self._order.since_ns:
                self._state.note(self._marks)
        self._parts, self._parts_bytes = [], EMPTY_REQUEST_BYTES
        self._marks = {}

    def _step(self, file: Path) -> None:
        done_bytes = self._sizes.get(file, 0)
        self._total = self._total._replace(files=self._total.files + 1, bytes=self._total.bytes + done_bytes)
        self._progress(self._total)


class _Shipper:
    """Encoded spans -> the receiver, until it took or refused them."""

    def __init__(self, destination: Destination) -> None:
        self._to = ShipSettings(destination.endpoint, destination.token, _TIMEOUT_S)
        self.sent_bytes = 0

    def greet(self) -> None:
        """
        Send nothing, to see whether anybody takes it.

        Raises:
            ImportFailedError: nobody does.
        """
        try:
            ship(encode([]), self._to)
        except ShipError as error:
            raise ImportFailedError(f"nothing was imported: {error}") from error

    def send(self, parts: list[bytes]) -> int:
        """
        Return how many of the spans were refused for good.

        Raises:
            ImportFailedError: the receiver did not take them, now or at any further attempt.
        """
        if not parts:
            return 0
        body = request_of(parts)
        try:
            self._send(body)
        except RejectedError as error:
            return error.count
        except RefusedError:
            # Whatever is in there that it cannot take: the rest is not to suffer for it.
            half = len(parts) // 2
            return self.send(parts[:half]) + self.send(parts[half:]) if half else 1
        self.sent_bytes += len(body)
        return 0

    def _send(self, body: bytes) -> None:
        for wait_s in (*_WAITS_S, None):
            try:
                return ship(body, self._to)
            except (RefusedError, RejectedError):
                raise
            except ShipError as error:
                if wait_s is None:
                    raise ImportFailedError(
                        f"{error}. What arrived is noted: import again to go on from there"
                    ) from error
                asked_s = wait_s if error.after_s is None else error.after_s
                time.sleep(min(asked_s, _WAIT_MAX_S))
        return None


class _State:
    """The state file, which is only ever appended to; of several lines on a file the last holds."""

    def __init__(self, path: Path, receiver: str) -> None:
        self._path = path
        self._receiver = receiver
        self._known = dict(self._read())

    def mark(self, file: Path) -> _Mark | None:
        """Return how far a file was acknowledged by this receiver with these settings."""
        return self._known.get(str(file.absolute()))

    def note(self, marks: Mapping[Path, _Mark]) -> None:
        """
        Keep how far files were acknowledged.

        Raises:
            ImportFailedError: the state file cannot be written.
        """
        if not marks:
            return
        lines = []
        for file, mark in marks.items():
            self._known[str(file.absolute())] = mark
            lines.append(json.dumps({"to": self._receiver, "path": str(file.absolute()), **mark._asdict()}))
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(fd, "a", encoding="utf-8") as out:
                out.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            raise ImportFailedError(f"{self._path} cannot be written: {error}: name another with --state") from error

    def _read(self) -> Iterator[tuple[str, _Mark]]:
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return
        for line in lines:
            try:
                said = json.loads(line)
                if said["to"] == self._receiver:
                    yield str(said["path"]), _Mark(int(said["offset"]), int(said["size"]), int(said["mtime_ns"]))
            except (ValueError, KeyError, TypeError):  # a line that a crash cut off: its file is read again
                continue


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _fingerprint(order: Order) -> str:
    """Tell receivers from each other, and what one was sent from what it would be sent with other settings."""
    settings = order.settings
    shaping = [settings.capture_level, settings.value_bytes_max, settings.redaction]
    excluded = [settings.exclude_tools, settings.exclude_paths, settings.exclude_projects]
    said = json.dumps([order.destination.endpoint, *shaping, *excluded])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _own_endpoint(config: Config) -> str:
    try:
        address = read_run_file(config.data_dir)["otlp_http"]
    except (NotRunningError, KeyError):
        return ""
    return f"{'https' if config.tls_certificate else 'http'}://{address}"


def _private_names(path: Path) -> frozenset[str]:
    """Return the names of all markers of private sessions: of the user's captures, and of the plugin's under any name."""
    beside = [folder for folder in (path, *path.absolute().parents) if (folder / "plugins").is_dir()]
    configs = [Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude"), *beside]
    data = [str(folder) for config in configs for folder in (config / "plugins" / "data").glob("*")]
    return frozenset().union(*(private.names(state) for state in (*state_folders(os.environ), *data)))
