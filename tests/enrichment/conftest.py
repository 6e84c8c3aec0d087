"""The real engine, once for the tests of this folder; each gets empty databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import Databases

from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import EmbeddedStore

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    opened = EmbeddedStore(tmp_path_factory.mktemp("engine") / "clickhouse")
    yield opened
    opened.close()


@pytest.fixture
def databases(store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    settings = SchemaSettings()
    migrate(store, settings)
    made = Databases(store, settings, tmp_path_factory.mktemp("segments"))
    yield made
    made.drop()
