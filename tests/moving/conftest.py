"""A data folder with recorded sessions of both legs, made once; each test moves a copy of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from clickhouse_process import clickhouse
from moves import Folder, snapshot
from services import serving

from argus_otel.demo.recordings import NAMES, content, requests
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import ServerStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    data_dir = tmp_path_factory.mktemp("original") / "data"
    with serving(data_dir) as service:
        for kind, body in [item for name in NAMES for item in [*requests(name), *content(name)]]:
            service.send(kind, body)
        service.wait_until_loaded()
        found = snapshot(lambda sql: service.query(sql, "TSVWithNames"))
    return Folder(data_dir, found)


@pytest.fixture
def folder(original: Folder, tmp_path: Path) -> Folder:
    shutil.copytree(original.data_dir, tmp_path / "data", symlinks=True)
    return Folder(tmp_path / "data", original.snapshot)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that was migrated and is empty."""
    folder = tmp_path_factory.mktemp("migrated") / "server"
    with clickhouse(folder) as url:
        store = ServerStore(url)
        migrate(store, SchemaSettings())
        store.close()
    return folder


@pytest.fixture
def server(migrated: Path, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty server; faults are files in tmp_path / "server"."""
    shutil.copytree(migrated, tmp_path / "server", symlinks=True)
    with clickhouse(tmp_path / "server") as url:
        yield url


@pytest.fixture
def bare_server(tmp_path: Path) -> Iterator[str]:
    """A server with nothing in it."""
    with clickhouse(tmp_path / "server") as url:
        yield url
