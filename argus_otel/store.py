"""
ClickHouse, embedded or a server, behind one small interface; the only place that turns its errors into ours.

Embedded is chDB: the engine lives in this process, one data folder per process, any number of handles. A server is
reached over HTTP. Both run the same SQL; only the way of an INSERT's bytes differs: a file that the engine reads itself, or
a request body.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, Protocol

import chdb
import clickhouse_connect
import clickhouse_connect.common
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from clickhouse_connect.driver.httpclient import HttpClient

from argus_otel.errors import ConfigError, StoreError, StoreRefusedError, StoreUnavailableError
from argus_otel.schema.render import protobuf_schema

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from clickhouse_connect.driver import Client

PERMANENT_CODES = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        407,  # DECIMAL_OVERFLOW
        436,  # PROTOBUF_BAD_CAST
        444,  # UNKNOWN_PROTOBUF_FORMAT
    }
)
"""What only the data can be at fault for. Everything else, memory, time, network and disk above all, may pass."""

LOAD_SETTINGS: dict[str, str] = {
    "async_insert": "0",  # the loader batches
    "max_block_size": "8192",  # the views shape so many records at a time: their columns stay in the cache
    "materialized_views_ignore_errors": "0",  # a fact that fails must fail the load
    "max_insert_threads": "1",
    "max_partitions_per_insert_block": "0",  # old data arrives months at once
    "parallel_view_processing": "0",
    "query_plan_enable_optimizations": "0",  # they take longer than the views' queries, which are written in order
}

YIELDING_SETTINGS: dict[str, str] = {
    "os_threads_nice_value_query": "10",
    "os_threads_nice_value_materialized_view": "10",
}
"""A load on the embedded engine gives way to the receiver's answers; without CAP_SYS_NICE the engine ignores it."""

READ_SETTINGS: dict[str, str] = {
    "max_block_size": "32768",  # with the next: a filter on sessions keeps few rows of a block, so many small ones cost
    "preferred_block_size_bytes": "10000000",
    "query_plan_remove_unused_columns": "0",  # the analysis has removed them; a second look costs a tenth of a short query
    "use_statistics": "0",  # to order joins; on a view they cost more than the join
}
"""For reading the views on the embedded engine."""


class Store(Protocol):
    """A ClickHouse. Methods may block; each may be called from any thread."""

    def execute(self, sql: str) -> None:
        """Run a statement that returns nothing."""

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Run a query with `{name:Type}` parameters; 64-bit integers are int, times are text."""

    def insert(self, segments: Sequence[Path], table: str) -> None:
        """Insert files of length-delimited envelopes into one landing table, all in one INSERT."""

    def close(self) -> None:
        """Release the engine or the connection; may be called twice."""


class EmbeddedStore:
    """
    The engine in this process, on one folder that no other process may have open.

    Raises:
        ConfigError: the folder is in use by another process, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # The engine lives as long as one handle is open.
            self._keeper = chdb.connect(str(folder))  # type: ignore[no-untyped-call] # chDB has no types
        except RuntimeError as error:
            raise ConfigError(
                f"cannot open the engine on {folder}: is another argus-otel running on it? ({error})"
            ) from error

    def connect(self) -> Any:
        """Return a new handle on the engine, about a millisecond; settings are its own."""
        return chdb.connect(str(self._folder))  # type: ignore[no-untyped-call] # chDB has no types

    def execute(self, sql: str) -> None:
        with self._handle() as handle:
            handle.query(sql)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        with self._handle() as handle:
            for name, value in READ_SETTINGS.items():
                handle.query(f"SET {name} = {value}")
            for name, value in (parameters or {}).items():
                handle.query(f"SET param_{name} = {_quote(_escaped(value))}")
            answer = handle.query(f"{sql} SETTINGS output_format_json_quote_64bit_integers = 0", "JSON").bytes()
        rows: list[dict[str, Any]] = json.loads(answer)["data"]
        return rows

    def insert(self, segments: Sequence[Path], table: str) -> None:
        # A schema file, not a string: the engine would cache a string in the working directory.
        with (
            resources.as_file(resources.files("argus_otel.schema").joinpath("otlp.proto")) as proto,
            self._handle() as handle,
        ):
            settings = {**LOAD_SETTINGS, **YIELDING_SETTINGS, "format_schema": f"{proto.with_suffix('')}:Envelope"}
            rendered = ", ".join(f"{name} = {_quote(value)}" for name, value in settings.items())
            with handle.send_insert(f"INSERT INTO {table} SETTINGS {rendered}", "Protobuf") as inserter:
                for chunk in _chunks(segments):
                    inserter.append(chunk)
                inserter.finish()

    def close(self) -> None:
        self._keeper.close()

    @contextmanager
    def _handle(self) -> Iterator[Any]:
        handle = self.connect()
        try:
            yield handle
        except RuntimeError as error:
            raise _error_of(str(error)) from error
        finally:
            handle.close()


class ServerStore:
    """
    A ClickHouse server, by a URL like `http://user:password@host:8123` (https: 8443).

    Connects at the first use, so that a server that is away stops nobody from starting.
    """

    def __init__(self, url: str, connect_timeout_s: int = 10, query_timeout_s: int = 300) -> None:
        self._url = url
        self._connect_timeout_s = connect_timeout_s
        self._query_timeout_s = query_timeout_s
        self._connecting = threading.Lock()
        self._client: Client | None = None

    def execute(self, sql: str) -> None:
        with _translated():
            self._connected().command(sql)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        with _translated():
            return list(self._connected().query(sql, parameters=dict(parameters or {})).named_results())

    def insert(self, segments: Sequence[Path], table: str) -> None:
        settings = {
            **LOAD_SETTINGS,
            "format_schema_source": "string",
            "format_schema": protobuf_schema(),
            "format_schema_message_name": "Envelope",
        }
        # Whole, not as a stream: what is sent again, after a redirect say, must be what was sent.
        block = b"".join(_chunks(segments))
        with _translated():
            self._connected().raw_insert(table, insert_block=block, fmt="Protobuf", settings=settings)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None:
                # The server decides on settings: the client would guess from what a read-only login sees.
                clickhouse_connect.common.set_setting("invalid_setting_action", "send")
                for name in ("clickhouse_connect", "urllib3"):
                    logging.getLogger(name).setLevel(logging.CRITICAL)  # what they log is raised as well
                client = clickhouse_connect.get_client(
                    dsn=self._url,
                    connect_timeout=self._connect_timeout_s,
                    send_receive_timeout=self._query_timeout_s,
                    autogenerate_session_id=False,
                )
                assert isinstance(client, HttpClient), "the URL says so"
                client.http_retries = 0  # the loader retries, and says so
                self._client = client
            return self._client


def open_store(clickhouse: str, embedded_folder: Path) -> EmbeddedStore | ServerStore:
    """Return the store that the configuration names: `embedded`, or the URL of a server."""
    if clickhouse == "embedded":
        return EmbeddedStore(embedded_folder)
    return ServerStore(clickhouse)


_CHUNK_BYTES = 1 << 20


def _chunks(segments: Sequence[Path]) -> Generator[bytes, None, None]:
    for path in segments:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        raise _server_error(error) from error
    except OSError as error:
        raise StoreUnavailableError(f"clickhouse cannot be reached: {error}") from error


def _server_error(error: ClickHouseError) -> StoreError:
    code = getattr(error, "code", None)
    if isinstance(error, DatabaseError) and isinstance(code, int) and code > 0:
        return _classified(str(error), code)
    if reason := _network_reason(error):
        return StoreUnavailableError(f"clickhouse cannot be reached: {reason}")
    return _error_of(str(error))


def _network_reason(error: BaseException | None) -> str:
    """Return what the operating system said of a connection; empty if that is not what failed."""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror.lower()
        error = error.__cause__ or error.__context__
    return ""


def _error_of(text: str) -> StoreError:
    match = re.search(r"Code: (\d+)", text)
    return _classified(text, int(match[1]) if match else 0)


def _classified(text: str, code: int) -> StoreError:
    if code in PERMANENT_CODES:
        return StoreRefusedError(text, code)
    return StoreUnavailableError(text, code)


def _escaped(text: str) -> str:
    """Return a parameter's value as the engine reads it: like a field of TSV."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
