"""Any order of appends, failures, loads and restarts: what was acknowledged is there once, and the counts agree."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from spool_doubles import FailingDisk, envelope, numbers_in, settings

from argus_otel.errors import SpoolWriteError
from argus_otel.spool import Spool

FAILURES = st.sets(st.sampled_from(["create", "write", "sync", "truncate", "sync_folder"]), max_size=3)


class SpoolStates(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.disk = FailingDisk()
        self.next_number = 0
        self.acknowledged: list[int] = []
        self.loaded: list[int] = []
        self.loaded_through = self.received_then = 0
        self.open()

    def open(self) -> None:
        self.spool = Spool(
            settings(self.folder, segment_bytes_max=400, segment_age_s_max=1e9),
            loaded_through=self.loaded_through,
            received_records=self.received_then,
            disk=self.disk,
        )

    @rule(failing=FAILURES, size_bytes=st.integers(10, 300))
    def append(self, failing: set[str], size_bytes: int) -> None:
        self.disk.failing = set(failing)
        number, self.next_number = self.next_number, self.next_number + 1
        try:
            self.spool.append_blocking(envelope(number, size_bytes=size_bytes))
            self.acknowledged.append(number)
        except SpoolWriteError:
            pass
        self.disk.failing = set()

    @rule(expanded_bytes_max=st.integers(1, 1_000), is_told=st.booleans())
    def load(self, expanded_bytes_max: int, is_told: bool) -> None:
        """With `is_told` false the process dies between the load and the ledger: it loads again."""
        segments = self.spool.take(expanded_bytes_max, 0.0)
        if segments and is_told:
            self.loaded += numbers_in(segments)
            self.loaded_through, self.received_then = segments[-1].sequence, segments[-1].received_through
            self.spool.delete_through(self.loaded_through)

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.open()

    @invariant()
    def counts_agree(self) -> None:
        received, spooled = self.spool.counts()
        assert received == len(self.acknowledged)
        assert received == len(self.loaded) + spooled

    def teardown(self) -> None:
        self.spool.close()
        self.open()
        while segments := self.spool.take(1 << 40, 0.0):
            self.loaded += numbers_in(segments)
            self.spool.delete_through(segments[-1].sequence)
        self.spool.close()
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)
        assert self.loaded == self.acknowledged


TestSpoolStates = SpoolStates.TestCase
TestSpoolStates.settings = hypothesis_settings(max_examples=60, stateful_step_count=25, deadline=None)
