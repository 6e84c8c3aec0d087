"""A home of its own for every test, and a service that wants a token."""

from __future__ import annotations

import fcntl
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from plugin_user import User
from services import Service, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_shipper_is_left(tmp_path: Path) -> Iterator[None]:
    """One whose endpoint is away would go on trying; a running one holds its spool's lock."""
    yield
    for lock in tmp_path.rglob("spool/*/lock"):
        while _is_held(lock):
            _kill_shippers(lock.parent)
            time.sleep(0.01)


def _is_held(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _kill_shippers(spool: Path) -> None:
    for process in psutil.process_iter(["cmdline"]):
        if str(spool) in (process.info["cmdline"] or []):
            process.kill()


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path / "home")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    token = tmp_path_factory.mktemp("secrets") / "token"
    token.write_text("a-token-of-tests\n")
    with serving(tmp_path_factory.mktemp("service") / "data", "--token-file", str(token)) as running:
        yield running
