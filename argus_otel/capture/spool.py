"""
What waits on disk in one folder per endpoint: one file per run of a hook, in the order of its name.

    <at_ns>-<pid>.raw       as the hook wrote it: a header line, then stdin               (hook)
    <at_ns>-<pid>.piece     the same, of a message in part: it waits for the others                 (shipper)
    <at_ns>-<pid>.spans     what is to be sent of it: a header line, then OTLP-JSON spans  (shipper)
    <at_ns>-<pid>.private   the same of a session that its user made private: goes first, is never dropped
    *.refused, *.damaged    set aside for whoever looks; bounded like all else
    endpoint                where all this goes           state.json   what happened so far           lock   a shipper runs
    transcripts.json        how far transcripts were read

One process writes at a time, the holder of the lock, except that hooks add raw files. A file has its name only when it is
whole, so a process may end at any point: what is there is right, and what is done twice gives the same spans.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture.errors import DamagedFileError
from argus_otel.capture.hook import home, write_whole
from argus_otel.capture.hook import state_folders as own_state_folders
from argus_otel.capture.private import marker_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

WAITING = (".raw", ".piece", ".spans", ".private")
_SET_ASIDE = (".refused", ".damaged")
_ALL = (*WAITING, *_SET_ASIDE)
_NS = 1_000_000_000
_TEMPORARY_AGE_S_MAX = 3600
_HEADER_BYTES_MAX = 64 * 1024


class Run(NamedTuple):
    """What is to be sent of one run of a hook. `spans` is the inside of a JSON list. The repr leaves it out."""

    session_id: str
    spans: bytes

    def __repr__(self) -> str:
        return f"Run({len(self.spans)} bytes)"


class Report(NamedTuple):
    """One spool, for people. Times are ns since the epoch, 0 for never."""

    endpoint: str
    waiting_count: int
    waiting_bytes: int
    oldest_at_ns: int
    shipped_count: int
    """Hook runs that a receiver took."""

    rejected_count: int
    """Records that a receiver took out of a request for good."""

    refused_count: int
    """Hook runs that a receiver refused; the latest of them are kept as `.refused`."""

    damaged_count: int
    dropped: Mapping[str, int]
    """Hook runs that were dropped, by reason: size, age, settings."""

    last_shipped_at_ns: int
    last_error_at_ns: int
    last_error: str
    interpreter: str
    """Of the shipper that ran last."""


class Spool:
    """One spool folder, for the holder of its lock."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.state = os.path.dirname(os.path.dirname(folder))  # noqa: PTH120 - pathlib costs milliseconds at start

    def endpoint(self) -> str:
        """
        Return where all this goes.

        Raises:
            OSError: it is not known.
        """
        return self._read("endpoint").decode()

    def names(self, *kinds: str) -> list[str]:
        """Return the names of files of these kinds (`.raw`, …), oldest first."""
        return sorted(name for name in os.listdir(self.folder) if name.endswith(kinds))  # noqa: PTH208

    def read_raw(self, name: str) -> bytes:
        """
        Return a raw file.

        Raises:
            OSError: it cannot be read; FileNotFoundError if it is gone.
        """
        return self._read(name)

    def replace_raw(self, name: str, run: Run | None, *, is_private: bool = False) -> None:
        """
        Put what is to be sent in the place of a raw file; nothing if nothing is.

        Raises:
            OSError: the raw file is still there.
        """
        if run is not None:
            self.add(_with_kind(name, ".private" if is_private else ".spans"), run)
        self.delete([name])

    def keep_piece(self, raw_name: str) -> None:
        """
        Let a raw file wait for others.

        Raises:
            OSError: it is a raw file still; FileNotFoundError if it is gone.
        """
        os.replace(self._path(raw_name), self._path(_with_kind(raw_name, ".piece")))  # noqa: PTH105

    def add(self, name: str, run: Run) -> None:
        """
        Put a run under a name of kind `.spans` or `.private`.

        Raises:
            OSError: it could not be written.
        """
        header = {"session_id": run.session_id, "bytes": len(run.spans), "crc32": zlib.crc32(run.spans)}
        write_whole(self._path(name), json.dumps(header).encode() + b"\n", run.spans)

    def is_done(self, raw_name: str) -> bool:
        """Say whether a raw file was turned into what is sent, and only not yet deleted."""
        return any(os.path.exists(self._path(_with_kind(raw_name, kind))) for kind in (".spans", ".private"))  # noqa: PTH110

    def read(self, name: str) -> Run:
        """
        Return a run.

        Raises:
            DamagedFileError: it is not what was written.
            OSError: it cannot be read; FileNotFoundError if it is gone.
        """
        header, _, spans = self._read(name).partition(b"\n")
        try:
            said = json.loads(header)
            is_whole = said["bytes"] == len(spans) and said["crc32"] == zlib.crc32(spans)
            session_id = str(said["session_id"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedFileError(f"{name} has no header") from error
        if not is_whole:
            raise DamagedFileError(f"{name} is not what was written")
        return Run(session_id, spans)

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, those that are there."""
        for name in names:
            self._delete(name)

    def set_aside(self, name: str, kind: str) -> None:
        """Keep a file where it is in nobody's way: kind `.refused` or `.damaged`."""
        try:
            os.replace(self._path(name), self._path(f"{name}{kind}"))  # noqa: PTH105
        except FileNotFoundError:
            return
        except OSError:  # what cannot be moved must not be met again and again
            self.delete([name])

    def forget(self, private_names: frozenset[str]) -> int:
        """Delete what is there of private sessions but their wishes; return how many files."""
        gone = [name for name in self.names(".spans", *_SET_ASIDE) if self._is_of(name, private_names)]
        self.delete(gone)
        return len(gone)

    def drop_oversize(self, bytes_max: int) -> int:
        """Drop the oldest until the rest is within a bound; return how many. What is private stays."""
        sizes = [(name, _size(self._path(name))) for name in self.names(*_ALL)]
        over_bytes = sum(size for _, size in sizes) - bytes_max
        gone = []
        for name, size in sizes:
            if over_bytes <= 0:
                break
            if not name.endswith(".private"):
                gone.append(name)
                over_bytes -= size
        self.delete(gone)
        return len(gone)

    def drop_aged(self, age_s_max: int) -> int:
        """Drop what is older than a bound; return how many. What is private stays."""
        oldest_ns = time.time_ns() - age_s_max * _NS
        gone = [name for name in self.names(".raw", ".piece", ".spans", *_SET_ASIDE) if at_ns_of(name) < oldest_ns]
        self.delete(gone)
        return len(gone)

    def tidy(self) -> None:
        """Delete what a hook or a shipper that was killed left half written."""
        oldest_s = time.time() - _TEMPORARY_AGE_S_MAX
        self.delete(name for name in self.names(".tmp") if _changed_at_s(self._path(name)) < oldest_s)

    def note(self, **told: Any) -> None:
        """Keep what happened: a number that ends in `_count` or a reason of `dropped` is added, all else replaced."""
        known = _state(self.folder)
        for key, value in told.items():
            if key == "dropped":
                dropped = dict(known.get("dropped") or {})
                for reason, count in value.items():
                    dropped[reason] = dropped.get(reason, 0) + count
                known["dropped"] = dropped
            else:
                known[key] = known.get(key, 0) + value if key.endswith("_count") else value
        try:
            write_whole(self._path("state.json"), json.dumps(known).encode())
        except OSError:
            return

    def offsets(self) -> dict[str, int]:
        """Return how far transcripts were read, by path."""
        known = _read_json(self._path("transcripts.json"))
        return {path: offset for path, offset in known.items() if isinstance(offset, int)}

    def keep_offsets(self, offsets: Mapping[str, int]) -> None:
        """
        Keep how far transcripts were read.

        Raises:
            OSError: it could not be written.
        """
        if offsets != self.offsets():
            write_whole(self._path("transcripts.json"), json.dumps(offsets).encode())

    def _delete(self, name: str) -> None:
        try:  # noqa: SIM105 - contextlib costs a millisecond at start
            os.unlink(self._path(name))  # noqa: PTH108
        except FileNotFoundError:
            pass

    def _is_of(self, name: str, private_names: frozenset[str]) -> bool:
        try:
            with open(self._path(name), "rb") as file:  # noqa: PTH123
                if name.endswith(".damaged"):  # whose it is cannot be read in it, but it holds the id if it is of it
                    data = file.read()
                    return any(private.encode() in data for private in private_names)
                header = json.loads(file.readline(_HEADER_BYTES_MAX))
            return marker_name(str(header["session_id"])) in private_names
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False  # when its turn comes it is set aside

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def _read(self, name: str) -> bytes:
        with open(self._path(name), "rb") as file:  # noqa: PTH123
            return file.read()


def at_ns_of(name: str) -> int:
    """Return when the hook ran, by the name of its file; a name that does not tell is as old as can be."""
    digits = name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0


def state_folders(environ: Mapping[str, str]) -> list[str]:
    """
    Return the folders that the state of any installation may be in, for people; they need not exist.

    Claude Code gives each installation of the plugin a data folder, by its name and where it came from.
    """
    config = environ.get("CLAUDE_CONFIG_DIR") or f"{home(environ)}/.claude"
    data = f"{config}/plugins/data"
    try:
        installed = sorted(name for name in os.listdir(data) if name.startswith("argus-otel"))  # noqa: PTH208
    except OSError:
        installed = []
    return list(dict.fromkeys([*(f"{data}/{name}" for name in installed), *own_state_folders(environ)]))


def report(state: str) -> list[Report]:
    """Return what is known of each spool of a state folder, by endpoint. Disturbs no shipper."""
    return sorted(_report(folder) for folder in folders(state))


def folders(state: str) -> list[str]:
    """Return the spools of a state folder."""
    try:
        found = sorted(os.listdir(f"{state}/spool"))  # noqa: PTH208
    except OSError:
        return []
    return [f"{state}/spool/{name}" for name in found if os.path.isdir(f"{state}/spool/{name}")]  # noqa: PTH112


def _report(folder: str) -> Report:
    spool, known = Spool(folder), _state(folder)
    waiting = spool.names(*WAITING)
    try:
        endpoint = spool.endpoint()
    except OSError:
        endpoint = ""
    return Report(
        endpoint,
        len(waiting),
        sum(_size(f"{folder}/{name}") for name in waiting),
        min(map(at_ns_of, waiting), default=0),
        known.get("shipped_count", 0),
        known.get("rejected_count", 0),
        known.get("refused_count", 0),
        known.get("damaged_count", 0),
        known.get("dropped") or {},
        known.get("last_shipped_at_ns", 0),
        known.get("last_error_at_ns", 0),
        known.get("last_error", ""),
        known.get("interpreter", ""),
    )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except FileNotFoundError:  # sent in the meantime
        return 0


def _changed_at_s(path: str) -> float:
    try:
        return os.stat(path).st_mtime  # noqa: PTH116
    except FileNotFoundError:
        return time.time()


def _state(folder: str) -> dict[str, Any]:
    return _read_json(f"{folder}/state.json")


def _read_json(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            known = json.load(file)
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _with_kind(raw_name: str, kind: str) -> str:
    return raw_name[: -len(".raw")] + kind
