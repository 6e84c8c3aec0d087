from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def _running(folder: Path, **options: Any) -> Iterator[str]:
    script = Path(__file__).parent / "endpoint_process.py"
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder / "engine"), json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="session")
def endpoint_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a context manager that runs an endpoint with settings of its own and yields HOST:PORT."""
    return lambda **options: _running(tmp_path_factory.mktemp("endpoint"), **options)


@pytest.fixture(scope="session")
def endpoint(endpoint_with: Callable[..., Any]) -> Iterator[str]:
    with endpoint_with(seconds_max=5, result_rows_max=500_000) as address:
        yield address
