"""
What every command does at the terminal: rows as a table or JSON, errors as one sentence and an exit code.
"""

from __future__ import annotations

import enum
import json
import math
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus_otel.errors import ArgusError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Format(enum.StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"


Output = Annotated[Format, typer.Option("--format", help="How to print rows.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def show(rows: Any, output: Format, table: Any) -> None:
    """Print `rows` as JSON, or what `table()` makes of them."""
    if output is Format.JSON:
        typer.echo(json.dumps(_as_json(rows), ensure_ascii=False, indent=2))
        return
    from rich.console import Console

    Console().print(table())


def _as_json(value: Any) -> Any:
    """Return what JSON can hold: times as RFC 3339, what is no number as null."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


@contextmanager
def failures() -> Iterator[None]:
    """Turn our errors into a sentence on stderr and an exit code: 2 for what was asked wrongly, 1 for what failed."""
    try:
        yield
    except ConfigError as error:
        typer.echo(_told(error), err=True)
        raise typer.Exit(2) from None
    except ArgusError as error:
        typer.echo(_told(error), err=True)
        raise typer.Exit(1) from None


def _told(error: ArgusError) -> str:
    # A sender's id may be in it, and with it what a terminal would obey.
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in f"argus-otel: {error}")
