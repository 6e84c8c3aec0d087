"""The engines that the mode must work on: the one of today, and older ones in environments of their own."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from argus_otel.errors import StoreError
from argus_otel.privacy.redaction import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
VERSIONS = {"2.1.1": "24.8", "3.7.2": "25.8"}
"""Of chDB, and which ClickHouse it is."""


def environment_of(version: str) -> Path:
    """Return the Python that has this chDB, or skip: `make engines` installs it, and writes why it could not."""
    folder = ROOT / "build" / "engines"
    python = folder / f"chdb-{version}" / "bin" / "python"
    if not (folder / f".installed-{version}").exists():
        log = folder / f"{version}.log"
        lines = log.read_text().splitlines() if log.exists() else []
        pytest.skip(f"chdb {version} is not installed (make engines): {lines[-1] if lines else 'never tried'}")
    return python


class Engine:
    """A store over the process of an older engine; `rows` as EmbeddedStore has them."""

    def __init__(self, version: str, folder: Path) -> None:
        self.version = version
        self._process = subprocess.Popen(
            [environment_of(version), Path(__file__).with_name("engine_process.py"), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def execute(self, sql: str) -> None:
        self._ask(sql, "")

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        for name, value in (parameters or {}).items():
            sql = re.sub(rf"{{{name}:String}}", lambda _, value=value: quote(value), sql)
        answer = self._ask(f"{sql} SETTINGS output_format_json_quote_64bit_integers = 0", "JSON")
        rows: list[dict[str, Any]] = json.loads(answer)["data"] if answer else []
        return rows

    def close(self) -> None:
        """As a store has it; the process ends with the context."""

    def _ask(self, sql: str, output: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"sql": sql, "format": output}) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        if "error" in told:
            raise StoreError(told["error"])
        answer: str = told["answer"]
        return answer
