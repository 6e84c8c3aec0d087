"""
What waits in one spool -> its receiver, in order, until nothing waits any more; apart from the session that said it.

    python -I -S …/capture/shipper.py SPOOL [LOCK_FD]

A hook starts it with the lock of the spool already taken. It turns each raw file into what is sent, sends that in
batches, deletes what was taken, and stays a moment for the next hook. Before every request it looks who became private.
It may be killed at any point: what is on disk is right, and a span that is sent twice is the same span.

A receiver that is away is asked again, ever more seldom, for a few minutes; the rest waits for the next hook. One that
does not take the token is not asked again: the next hook's shipper may have been given another.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time

if __name__ == "__main__":  # a script of its own: nothing else says where the package is
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120

from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture import private
from argus_otel.capture.completion import complete, in_parts
from argus_otel.capture.errors import (
    CaptureError,
    DamagedFileError,
    ReceiverFailedError,
    RefusedError,
    RejectedError,
    SettingsError,
    ShipError,
    TokenRefusedError,
)
from argus_otel.capture.log import note
from argus_otel.capture.pieces import is_piece, messages
from argus_otel.capture.prepare import (
    EMPTY_REQUEST_BYTES,
    encoded,
    prepare,
    private_record,
    read_run,
    request_of,
)
from argus_otel.capture.settings import (
    Settings,
    ShipSettings,
    is_opted_out,
    load_settings,
    loose_config_files,
    token_of,
)
from argus_otel.capture.ship import ship
from argus_otel.capture.spool import WAITING, Run, Spool, folders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argus_otel.capture.prepare import HookRun

BATCH_BYTES_MAX = 2 * 1024 * 1024
_TIMEOUT_S = 10.0
_FAILURES_MAX = 5
_MANY_WAITING = 1000


class Pace(NamedTuple):
    """How long it waits for what, in seconds."""

    poll_s: float = 0.1
    """Between two looks into the spool."""

    linger_s: float = 2.0
    """For the next hook, after nothing waits any more."""

    life_s: float = 600.0
    """For a receiver that takes nothing."""

    delay_first_s: float = 0.5
    delay_max_s: float = 30.0
    """Between two tries: doubled each time."""

    asked_delay_max_s: float = 300.0
    """As much as a receiver may ask for."""


class Shipper:
    """The work on one spool, by the holder of its lock."""

    def __init__(self, folder: str, environ: Mapping[str, str], pace: Pace) -> None:
        self._spool = Spool(folder)
        self._state = self._spool.state
        self._environ = environ
        self._pace = pace
        self._endpoint = self._spool.endpoint()
        self._private_names: frozenset[str] = frozenset()
        self._said: set[str] = set()
        self._failures = 0
        self._has_usable_token = True
        self._delay_s = pace.delay_first_s
        self._try_at_s = 0.0
        self.is_stopping = False

    def work(self) -> bool:
        """Ship until nothing waits and nothing comes; False if something is left for the next hook."""
        self._begin()
        active_at_s = taken_at_s = time.monotonic()
        while not self.is_stopping:
            waiting_count, is_stuck = self._look()
            now_s = time.monotonic()
            if not waiting_count and not is_stuck:
                if now_s - active_at_s > self._pace.linger_s:
                    return True
            elif waiting_count and now_s >= self._try_at_s and self._ship_next():
                active_at_s = taken_at_s = time.monotonic()
                continue
            elif self._is_given_up(now_s - taken_at_s):
                return False
            else:
                active_at_s = now_s
            time.sleep(self._pace.poll_s * (10 if waiting_count > _MANY_WAITING else 1))
        return False

    def _is_given_up(self, taking_nothing_for_s: float) -> bool:
        is_over = taking_nothing_for_s > self._pace.life_s or self._failures >= _FAILURES_MAX
        return is_over or not self._has_usable_token

    def has_work(self) -> bool:
        """Say whether something waits; asked after the lock was given away."""
        return bool(self._spool.names(*WAITING))

    # Before anything is sent

    def _begin(self) -> None:
        version = ".".join(map(str, sys.version_info[:3]))
        self._spool.note(interpreter=f"{sys.executable} ({version})")
        self._spool.tidy()
        for path in loose_config_files(self._environ):
            note(self._state, f"{path} can be written by others: whoever does decides where sessions go")
        self._private_names = private.names(self._state)
        for folder in folders(self._state):  # those of endpoints that are not set any more have no shipper
            Spool(folder).forget(self._private_names)
            if folder != self._spool.folder:
                Spool(folder).drop_aged(self._settings().spool_age_s_max)
        self._recover_wishes()

    def _recover_wishes(self) -> None:
        """A wish that is in no file any more, or never came into one, is made of its marker."""
        self._look()
        under_way = {run.session_id for run in self._batch(self._spool.names(".private")).values()}
        for wish in private.sessions(self._state):
            is_ours = wish.sent_at_ns is None and wish.endpoint == self._endpoint
            if is_ours and wish.session_id not in under_way:
                spans = private_record(wish.session_id, wish.asked_at_ns, wish.prompt_id)
                self._spool.add(f"{wish.asked_at_ns:019d}-0.private", Run(wish.session_id, encoded(spans)))

    def _look(self) -> tuple[int, bool]:
        """Turn what hooks wrote into what is sent; return how many files wait, and if one could not be turned."""
        self._forget_private()
        is_stuck = False
        for name in self._spool.names(".raw"):
            if self.is_stopping:
                break
            try:
                self._prepare(name)
            except OSError as error:
                is_stuck = self._is_stuck(error)
                break
        try:
            is_stuck = self._join_pieces() or is_stuck
        except OSError as error:
            is_stuck = self._is_stuck(error)
        dropped = self._spool.drop_oversize(self._settings().spool_bytes_max)
        self._count_dropped("size", dropped)
        return len(self._spool.names(".spans", ".private")), is_stuck

    def _is_stuck(self, error: OSError) -> bool:
        self._say(f"a hook's record cannot be prepared: {error.strerror}")
        return True

    def _forget_private(self) -> None:
        names = private.names(self._state)
        if names != self._private_names:
            self._spool.forget(names)
            self._private_names = names

    def _prepare(self, name: str) -> None:
        if self._spool.is_done(name):
            self._spool.delete([name])
            return
        try:
            run = read_run(self._spool.read_raw(name))
        except FileNotFoundError:
            return
        except CaptureError as error:
            self._set_aside(name, ".damaged", str(error))
            return
        if is_piece(run):
            self._spool.keep_piece(name)
        else:
            self._prepare_run(name, run)

    def _join_pieces(self) -> bool:
        """Turn messages that are whole, or given up, into what is sent; say whether pieces wait still."""
        pieces = [(name, run) for name in self._spool.names(".piece") if (run := self._read_piece(name)) is not None]
        now_ns = time.time_ns()
        is_waiting = False
        for message in messages(pieces):
            if message.is_whole() or message.is_given_up(now_ns) or self._is_private(message.joined()):
                last = max(message.pieces)
                self._prepare_run(f"{last[: -len('.piece')]}.raw", message.joined())
                self._spool.delete(message.pieces)
            else:
                is_waiting = True
        return is_waiting

    def _read_piece(self, name: str) -> HookRun | None:
        try:
            return read_run(self._spool.read_raw(name))
        except FileNotFoundError:
            return None
        except CaptureError as error:
            self._set_aside(name, ".damaged", str(error))
            return None

    def _prepare_run(self, name: str, run: HookRun) -> None:
        try:
            is_private, sent = self._what_is_sent(run, name)
        except SettingsError as error:
            self._say(f"nothing is sent: {error}")
            self._spool.note(last_error=str(error), last_error_at_ns=time.time_ns())
            self._spool.delete([name])
            self._count_dropped("settings", 1)
        except OSError:
            raise
        except Exception as error:
            self._set_aside(name, ".damaged", f"a defect of argus-otel: {type(error).__name__}")
        else:
            self._spool.replace_raw(name, sent, is_private=is_private)

    def _what_is_sent(self, run: HookRun, name: str) -> tuple[bool, Run | None]:
        if not run.asks_for_privacy:
            if self._is_private(run):
                return True, None
            settings = load_settings(run.env, self._environ)
            if settings.capture_level == "off":
                return False, None
            if not is_opted_out(settings, run.project, self._environ):
                spans = prepare(run, settings)
                if settings.transcript:
                    self._complete(run, name, settings)
                return False, Run(run.session_id, encoded(spans)) if spans else None
        private.ask(self._state, run.session_id, run.at_ns, self._endpoint)
        return True, self._wish(run)

    def _is_private(self, run: HookRun) -> bool:
        return private.marker_name(run.session_id) in private.names(self._state)

    def _complete(self, run: HookRun, name: str, settings: Settings) -> None:
        spans, offsets = complete(run, settings, self._spool.offsets())
        for number, part in enumerate(in_parts(spans)):
            self._spool.add(f"{name[: -len('.raw')]}.t{number:04d}.spans", Run(run.session_id, encoded(list(part))))
        self._spool.keep_offsets(offsets)

    def _wish(self, run: HookRun) -> Run:
        prompt_id = run.told.get("prompt_id") if run.asks_for_privacy else ""
        spans = private_record(run.session_id, run.at_ns, prompt_id if isinstance(prompt_id, str) else "")
        return Run(run.session_id, encoded(spans))

    # Sending

    def _ship_next(self) -> bool:
        """Send one batch; say whether that went well."""
        wishes = self._spool.names(".private")
        batch = self._batch(wishes or self._spool.names(".spans"))
        try:
            self._deliver(batch)
        except (ShipError, SettingsError) as error:
            self._put_off(error)
            return False
        self._failures, self._delay_s = 0, self._pace.delay_first_s
        return True

    def _batch(self, names: list[str]) -> dict[str, Run]:
        batch: dict[str, Run] = {}
        total_bytes = EMPTY_REQUEST_BYTES
        for name in names:
            try:
                run = self._spool.read(name)
            except FileNotFoundError:
                continue
            except DamagedFileError as error:
                self._set_aside(name, ".damaged", str(error))
                continue
            except OSError as error:
                self._set_aside(name, ".damaged", f"{name} cannot be read: {error.strerror}")
                continue
            total_bytes += len(run.spans) + 1
            if batch and total_bytes > BATCH_BYTES_MAX:
                break
            batch[name] = run
        return batch

    def _deliver(self, batch: dict[str, Run]) -> None:
        """
        Send a batch; halves of it where it is refused, down to the one that is.

        Raises:
            ShipError: not now.
            SettingsError: the token cannot be read.
        """
        batch = self._without_private(batch)
        if not batch:
            return
        settings = ShipSettings(self._endpoint, token_of(self._settings()), _TIMEOUT_S)
        try:
            ship(request_of([run.spans for run in batch.values()]), settings)
        except RejectedError as error:
            self._say(str(error))
            self._spool.note(rejected_count=error.count, last_error=str(error))
        except RefusedError as error:
            if len(batch) == 1:
                self._set_aside(next(iter(batch)), ".refused", str(error))
                return
            names = list(batch)
            for part in (names[: len(names) // 2], names[len(names) // 2 :]):
                if not self.is_stopping:
                    self._deliver({name: batch[name] for name in part})
            return
        self._done(batch)

    def _without_private(self, batch: dict[str, Run]) -> dict[str, Run]:
        self._forget_private()
        return {
            name: run
            for name, run in batch.items()
            if name.endswith(".private") or private.marker_name(run.session_id) not in self._private_names
        }

    def _done(self, batch: dict[str, Run]) -> None:
        now_ns = time.time_ns()
        for name, run in batch.items():
            if name.endswith(".private"):
                try:
                    private.mark_sent(self._state, run.session_id, self._endpoint, now_ns)
                except OSError as error:
                    self._say(f"that a session's wish was delivered cannot be noted: {error.strerror}")
        self._spool.delete(batch)
        self._spool.note(shipped_count=len(batch), last_shipped_at_ns=now_ns)

    def _put_off(self, error: ShipError | SettingsError) -> None:
        self._spool.note(last_error=str(error), last_error_at_ns=time.time_ns())
        self._say(f"waiting to be sent: {error}")
        if isinstance(error, ReceiverFailedError):
            self._failures += 1
        if isinstance(error, (TokenRefusedError, SettingsError)):
            self._has_usable_token = False
        asked_s = error.after_s if isinstance(error, ShipError) else None
        # Not all at once when a receiver is back.
        delay_s = self._delay_s * random.uniform(0.5, 1.0)  # noqa: S311
        if asked_s is not None:
            delay_s = min(max(asked_s, delay_s), self._pace.asked_delay_max_s)
        self._try_at_s = time.monotonic() + delay_s
        self._delay_s = min(2 * self._delay_s, self._pace.delay_max_s)
        dropped = self._spool.drop_aged(self._settings().spool_age_s_max)
        self._count_dropped("age", dropped)

    # What is told

    def _settings(self) -> Settings:
        """Return what holds for this process: the token and the bounds, not what shapes records."""
        try:
            return load_settings(self._environ)
        except SettingsError:
            return Settings()

    def _set_aside(self, name: str, kind: str, why: str) -> None:
        self._spool.set_aside(name, kind)
        note(self._state, f"{name} set aside as {kind}: {why}")
        now_ns = time.time_ns()
        if kind == ".refused":
            self._spool.note(refused_count=1, last_error=why, last_error_at_ns=now_ns)
        else:
            self._spool.note(damaged_count=1, last_error=why, last_error_at_ns=now_ns)

    def _count_dropped(self, reason: str, count: int) -> None:
        if count:
            note(self._state, f"{count} records dropped: {reason}")
            self._spool.note(dropped={reason: count})

    def _say(self, text: str) -> None:
        """Note once what may happen again and again."""
        if text not in self._said:
            self._said.add(text)
            note(self._state, text)


class Lock:
    """Only one process ships a spool."""

    def __init__(self, folder: str, fd: int | None) -> None:
        self.is_held = fd is not None
        self._fd = os.open(f"{folder}/lock", os.O_RDWR | os.O_CREAT, 0o600) if fd is None else fd
        os.set_inheritable(self._fd, False)  # noqa: FBT003 - a positional argument of the system's

    def take(self) -> bool:
        """Take it if nobody has it."""
        try:
            if os.name == "nt":
                _msvcrt_locking(self._fd, "LK_NBLCK")
            else:
                import fcntl

                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.is_held = True
        except OSError:
            self.is_held = False
        return self.is_held

    def give_away(self) -> None:
        if os.name == "nt":
            _msvcrt_locking(self._fd, "LK_UNLCK")
        else:
            import fcntl

            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self.is_held = False


def _msvcrt_locking(fd: int, mode: str) -> None:
    msvcrt = __import__("msvcrt")
    os.lseek(fd, 0, os.SEEK_SET)
    msvcrt.locking(fd, getattr(msvcrt, mode), 1)


def run_shipper(
    folder: str,
    environ: Mapping[str, str],
    lock_fd: int | None = None,
    pace: Pace | None = None,
    on_start: Callable[[Shipper], None] = lambda _: None,
) -> None:
    """
    Ship a spool until nothing waits, or a receiver takes nothing; do nothing if another process does it already.

    Args:
        folder: the spool.
        environ: where the token, the bounds and the home folder are looked for.
        lock_fd: the lock of the spool, if it was taken already.
        pace: how long to wait for what.
        on_start: is told the shipper that works from now on, to stop it.

    Raises:
        OSError: the spool cannot be read or written.
    """
    lock = Lock(folder, lock_fd)
    while lock.is_held or lock.take():
        shipper = Shipper(folder, environ, pace or Pace())
        on_start(shipper)
        is_done = shipper.work()
        lock.give_away()
        # A hook that came while the lock was held started nobody.
        if not is_done or not shipper.has_work():
            return


def main(argv: list[str]) -> None:
    """Run as a process of its own that has nobody to tell how it went."""
    folder = argv[1]
    try:
        run_shipper(folder, os.environ, int(argv[2]) if len(argv) > 2 else None, on_start=_stop_on_sigterm)
    except Exception as error:  # the next hook starts another
        why = error.strerror if isinstance(error, OSError) else "a defect of argus-otel"
        note(Spool(folder).state, f"the shipper ended: {type(error).__name__}: {why}")


def _stop_on_sigterm(shipper: Shipper) -> None:
    def stop(_number: int, _frame: object) -> None:
        shipper.is_stopping = True

    signal.signal(signal.SIGTERM, stop)


if __name__ == "__main__":
    main(sys.argv)
