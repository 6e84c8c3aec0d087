"""
One query on a fresh handle: limits first, then read-only, then the guard, then the answer, as a stream where the format
can be cut into pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argus_otel.privacy.redaction import quote
from argus_otel.serve.exceptions import QueryError, from_engine
from argus_otel.store import READ_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from argus_otel.serve.endpoint import EndpointSettings
    from argus_otel.serve.guard import Guard
    from argus_otel.serve.query import Query

STREAMED_FORMATS = frozenset(
    {
        "native",
        "rowbinary",
        "csv",
        "tsv",
        "tabseparated",
        "tsvraw",
        "tabseparatedraw",
        "jsoneachrow",
        "ndjson",
        "jsoncompacteachrow",
    }
)
"""Formats whose pieces, one after the other, are the whole: they have no head and no tail."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Pieces of a result, and what is known of it; `close` must be called."""

    pieces: Iterator[bytes]
    format: str
    summary: dict[str, str]
    close: Callable[[], None]


class Session:
    """
    Runs one query. All methods block.

    Raises:
        QueryError: as ClickHouse would say it.
    """

    def __init__(self, handle: Any, settings: EndpointSettings, guard: Guard) -> None:
        self._handle = handle
        self._settings = settings
        self._guard = guard

    def run(self, query: Query, tag: str) -> Answer:
        """Return the answer; the handle is closed with it. By its `tag`, the setting log_comment, the query can be killed."""
        try:
            self._prepare(query, tag)
            sql = self._text("SELECT formatQuery({argus_otel_query:String})").rstrip("\n")
            kind = self._guard.check(sql, self._text)
            wanted = _format_of(sql) or query.format
            if kind.startswith("Select") and wanted.lower() in STREAMED_FORMATS:
                return self._stream(sql, wanted)
            return self._whole(sql, wanted)
        except QueryError:
            self._handle.close()
            raise
        except RuntimeError as error:
            self._handle.close()
            raise from_engine(error) from error

    def _prepare(self, query: Query, tag: str) -> None:
        settings = self._settings
        if query.database:
            if query.database not in settings.databases and query.database != "default":
                raise QueryError(81, f"Database {query.database} is not readable here", "UNKNOWN_DATABASE")
            self._handle.query(f"USE {query.database}")
        limits = {
            **READ_SETTINGS,
            **query.settings,
            "max_execution_time": settings.seconds_max,
            "max_memory_usage": settings.memory_bytes_max,
            "max_result_rows": settings.result_rows_max,
            "max_result_bytes": settings.result_bytes_max,
            "result_overflow_mode": "throw",
            "max_threads": settings.threads_max,
            "log_comment": tag,
        }
        for name, value in limits.items():
            self._handle.query(f"SET {_identifier(name)} = {quote(str(value))}")
        for name, value in {**query.parameters, "argus_otel_query": query.sql}.items():
            self._handle.query(
                f"SET param_{_identifier(name)} = {quote(_escaped(value) if name == 'argus_otel_query' else value)}"
            )
        self._handle.query("SET readonly = 1")

    def _text(self, sql: str) -> str:
        answer: bytes = self._handle.query(sql, "TSVRaw").bytes()
        return answer.decode()

    def _whole(self, sql: str, wanted: str) -> Answer:
        result = self._handle.query(sql, wanted)
        data = result.bytes()
        summary = {
            "read_rows": str(result.storage_rows_read()),
            "read_bytes": str(result.storage_bytes_read()),
            "result_rows": str(result.rows_read()),
            "elapsed_ns": str(int(result.elapsed() * 1e9)),
        }
        return Answer(iter((data,)), wanted, summary, self._handle.close)

    def _stream(self, sql: str, wanted: str) -> Answer:
        stream = self._handle.send_query(sql, wanted)
        pieces = self._pieces(stream)
        first = next(pieces, b"")  # an error before the first piece still has a status

        def all_pieces() -> Iterator[bytes]:
            yield first
            yield from pieces

        def close() -> None:
            stream.cancel()
            self._handle.close()

        return Answer(all_pieces(), wanted, {}, close)

    @staticmethod
    def _pieces(stream: Any) -> Iterator[bytes]:
        for piece in stream:
            yield piece.bytes()


def _format_of(sql: str) -> str:
    """Return the format that the (formatted) statement itself names; its clause is its last line but for settings."""
    for line in reversed(sql.splitlines()):
        if line.startswith("FORMAT "):
            return line.removeprefix("FORMAT ").strip()
    return ""


def _identifier(name: str) -> str:
    if not name.isidentifier():
        raise QueryError(36, f"{name[:40]!r} is no name of a parameter or setting", "BAD_ARGUMENTS")
    return name


def _escaped(text: str) -> str:
    """A parameter's value is read as TSV: its escapes must survive."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
