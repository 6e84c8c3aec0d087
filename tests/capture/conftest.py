from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from capture_doubles import NOBODY, Machine, Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, receiver: Receiver) -> Iterator[Machine]:
    """A machine whose hooks reach the receiver."""
    made = Machine(tmp_path / "machine", receiver.url)
    yield made
    made.stop_shippers()


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose receiver is away."""
    made = Machine(tmp_path / "lonely", NOBODY)
    yield made
    made.stop_shippers()
