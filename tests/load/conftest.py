from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def telemetry() -> Iterator[Telemetry]:
    telemetry = Telemetry()
    yield telemetry
    telemetry.close()
