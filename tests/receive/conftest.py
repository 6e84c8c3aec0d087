"""One receiver with small limits for all tests that need no other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from receiving import Receiving, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _shared() -> Iterator[Receiving]:
    with receiving(body_bytes_max=1 << 20, expanded_bytes_max=4 << 20) as state:
        yield state


@pytest.fixture
def receiver(_shared: Receiving) -> Iterator[Receiving]:
    """A body may have 1 MiB, and expand to 4 MiB."""
    _shared.reset()
    yield _shared
    _shared.reset()
