"""
How far a move is, on disk: DATA_DIR/move.json, replaced as a whole. The engine's folder, once it is set aside, says the rest.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from argus_otel.moving.errors import MoveError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class MoveRecord:
    """One move of one folder to one server."""

    server: str
    """Host and port, without the login."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    """In the names of the staging databases."""

    copied: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    """By table and partition id: rows and hash, as they were found equal at both ends."""

    totals: dict[str, int] = field(default_factory=dict)
    """Of the views, equal at both ends, when all was copied."""

    is_attached: bool = False
    """All of it stands in the server's tables; the staging databases may go."""


def read_record(data_dir: Path) -> MoveRecord | None:
    """
    Return the record of a move that is not finished; None if there is none.

    Raises:
        MoveError: it cannot be read.
    """
    try:
        fields: dict[str, Any] = json.loads(_path(data_dir).read_text())
        return MoveRecord(**fields)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise MoveError(f"{_path(data_dir)} cannot be read: {error}") from error


def write_record(data_dir: Path, record: MoveRecord) -> None:
    """
    Make the record durable.

    Raises:
        MoveError: the disk refuses; the record before still stands.
    """
    temporary = _path(data_dir).with_suffix(".tmp")
    try:
        with temporary.open("w") as file:
            json.dump(asdict(record), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(_path(data_dir))
        _sync_folder(data_dir)
    except OSError as error:
        raise MoveError(f"{_path(data_dir)} cannot be written: {error.strerror}") from error


def remove_record(data_dir: Path) -> None:
    """Forget the move, which is finished or given up."""
    _path(data_dir).unlink(missing_ok=True)


def aside_folder(data_dir: Path, record: MoveRecord) -> Path:
    """Return where the engine's folder stands once all of it was copied and checked."""
    return data_dir / f"clickhouse.moved-{record.id}"


def set_aside(data_dir: Path, record: MoveRecord) -> None:
    """Give the engine's folder another name: a service that starts meanwhile begins an engine of its own."""
    (data_dir / "clickhouse").rename(aside_folder(data_dir, record))
    _sync_folder(data_dir)


def _path(data_dir: Path) -> Path:
    return data_dir / "move.json"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
