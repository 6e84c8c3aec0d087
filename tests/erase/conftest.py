"""The real engine on a folder that a test may search, as for the schema's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import Databases

from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import EmbeddedStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[Databases]:
    store = EmbeddedStore(tmp_path / "clickhouse")
    migrate(store, SchemaSettings())
    yield Databases(store, SchemaSettings(), tmp_path)
    store.close()
