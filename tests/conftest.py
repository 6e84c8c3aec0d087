"""
The real engine, once per file of tests: a process can have one folder open, so none may outlive its file. Each test gets
databases of its own in it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from databases import Databases
from hypothesis import HealthCheck, settings

from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import EmbeddedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How fast a machine draws examples is nothing that a test may fail for.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_numbers = itertools.count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    opened = EmbeddedStore(tmp_path_factory.mktemp("engine") / "clickhouse")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def fresh(store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Databases]:
    """Return a function that makes migrated, empty databases."""

    def make(**settings: object) -> Databases:
        number = next(_numbers)
        names = SchemaSettings(otel_database=f"otel_{number}", argus_database=f"argus_{number}", **settings)  # type: ignore[arg-type] # settings of the test's own choosing
        migrate(store, names)
        return Databases(store, names, tmp_path_factory.mktemp("segments"))

    return make


@pytest.fixture
def databases(fresh: Callable[..., Databases]) -> Iterator[Databases]:
    made = fresh()
    yield made
    made.drop()
