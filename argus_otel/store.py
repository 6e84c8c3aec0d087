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
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

import clickhouse_connect
import clickhouse_connect.common
import lz4.frame
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from clickhouse_connect.driver.httpclient import HttpClient
from urllib3.exceptions import InsecureRequestWarning

from argus_otel.config import read_secret, server_urls
from argus_otel.errors import ConfigError, StoreError, StoreRefusedError, StoreUnavailableError
from argus_otel.replicas import Replicas
from argus_otel.schema.render import protobuf_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from clickhouse_connect.driver import Client

    from argus_otel.config import Config

logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

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

REPLICA_CODES = frozenset(
    {
        0,  # the network, a proxy, or nothing that speaks ClickHouse's HTTP
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED: it is going down
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        279,  # ALL_CONNECTION_TRIES_FAILED
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        999,  # KEEPER_EXCEPTION
    }
)
"""What one replica may be at fault for, so that another is asked. Any may have taken the INSERT that failed: rows may land twice,
and facts are keyed."""

ADVICE: dict[int, str] = {
    81: "the server has no such database: run `argus-otel migrate --clickhouse URL`",
    164: "the login is read-only, by `readonly` of its profile: it needs the grants of `argus-otel migrate --print-grants`",
    192: "the server does not know this user",
    193: "the password is wrong",
    452: "the login's profile forbids a setting that a load needs",
    497: "the login lacks a right: `argus-otel migrate --print-grants` prints what each login needs",
    516: "the user or the password is wrong: give both in the URL, or the password in clickhouse_password_file",
}
"""What to do about an error number, where it is not the engine's to say."""

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
        ConfigError: the folder is in use by another process or cannot be written, or the engine is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # The engine lives as long as one handle is open.
            self._keeper = _chdb().connect(str(folder))
        except RuntimeError as error:
            raise ConfigError(
                f"cannot open the engine on {folder}: is another argus-otel running on it? ({error})"
            ) from error

    def connect(self) -> Any:
        """Return a new handle on the engine, about a millisecond; settings are its own."""
        return _chdb().connect(str(self._folder))

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

    def stream(self, sql: str) -> Iterator[bytes]:
        """Yield the rows of a query as blocks in Native format, a few thousand rows at a time."""
        with self._handle() as handle:
            for name, value in {
                "max_threads": "2",
                "max_block_size": "8192",
                "preferred_block_size_bytes": "1000000",
            }.items():
                handle.query(f"SET {name} = {value}")
            blocks = handle.send_query(sql, "Native")
            try:
                for block in blocks:
                    yield block.bytes()
            finally:
                blocks.cancel()

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


@dataclass(frozen=True, slots=True)
class ServerLogin:
    """How to reach servers beyond their URLs; paths are of PEM files, None for what the URL or the system has."""

    password: str | None = None
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    is_verified: bool = True
    connect_timeout_s: int = 10
    query_timeout_s: int = 300

    @classmethod
    def of(cls, config: Config) -> ServerLogin:
        """
        Return what the configuration says.

        Raises:
            ConfigError: the password file cannot be read.
        """
        return cls(
            password=read_secret(config.clickhouse_password_file),
            ca_file=config.clickhouse_ca_file,
            certificate=config.clickhouse_certificate,
            key=config.clickhouse_key,
            is_verified=config.clickhouse_verify,
            query_timeout_s=config.clickhouse_timeout_s,
        )


class ServerStore:
    """
    A ClickHouse server, by a URL like `http://user:password@host:8123` (https: 8443), or several that hold the same: URLs
    with commas between them. What one fails at for reasons of its own, another is asked.

    Connects at the first use, so that a server that is away stops nobody from starting.
    """

    def __init__(self, urls: str, login: ServerLogin = ServerLogin()) -> None:
        self._urls = server_urls(urls)
        self._login = login
        self._replicas = Replicas(len(self._urls))
        self._connecting = threading.Lock()
        self._clients: dict[int, Client] = {}

    def execute(self, sql: str) -> None:
        self._ask(lambda client: client.command(sql))

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self._ask(lambda client: list(client.query(sql, parameters=dict(parameters or {})).named_results()))

    def insert(self, segments: Sequence[Path], table: str) -> None:
        settings = {
            "format_schema_source": "string",
            "format_schema": protobuf_schema(),
            "format_schema_message_name": "Envelope",
        }
        # Whole, not as a stream: what is sent again, after a redirect say or to another replica, must be what was sent.
        block = b"".join(_chunks(segments))
        self._ask(
            lambda client: client.raw_insert(
                table, insert_block=block, fmt="Protobuf", settings={**load_settings(client), **settings}
            )
        )

    def insert_native(self, table: str, columns: Sequence[str], blocks: bytes) -> None:
        """Insert blocks in Native format, in one INSERT, and on one server only: nothing keys these rows."""
        settings = {"async_insert": "0", "insert_deduplicate": "0", "max_partitions_per_insert_block": "0"}
        self._ask(
            lambda client: client.raw_insert(
                table, columns, lz4.frame.compress(blocks), settings=settings, fmt="Native", compression="lz4"
            ),
            is_once=True,
        )

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _ask(self, question: Callable[[Client], _Answer], *, is_once: bool = False) -> _Answer:
        for index in (order := self._replicas.in_order()):
            try:
                with _translated():
                    answer = question(self._connected(index))
            except StoreError as error:
                if error.code not in REPLICA_CODES:
                    raise
                self._replicas.failed(index)
                if is_once or index == order[-1]:
                    raise
                logger.info("a replica failed (code %d): another one is asked", error.code)
            else:
                self._replicas.answered(index)
                return answer
        raise AssertionError("there is at least one server")

    def _connected(self, index: int) -> Client:
        if client := self._clients.get(index):
            return client  # whoever has one need not wait until another server answers
        with self._connecting:
            if index not in self._clients:
                self._clients[index] = _connect(self._urls[index], self._login)
            return self._clients[index]


def open_store(config: Config) -> EmbeddedStore | ServerStore:
    """Return the store that the configuration names: `embedded`, or the URLs of servers."""
    if config.clickhouse == "embedded":
        return EmbeddedStore(config.data_dir / "clickhouse")
    return ServerStore(config.clickhouse, ServerLogin.of(config))


def _connect(url: str, login: ServerLogin) -> Client:
    # The server decides on settings: the client would guess from what a read-only login sees.
    clickhouse_connect.common.set_setting("invalid_setting_action", "send")
    for name in ("clickhouse_connect", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they log is raised as well
    if not login.is_verified:
        logger.warning("clickhouse_verify is off: the server's certificate is not checked")
        urllib3.disable_warnings(InsecureRequestWarning)  # said once, not with each request
    given: dict[str, Any] = {
        "ca_cert": login.ca_file and str(login.ca_file),
        "client_cert": login.certificate and str(login.certificate),
        "client_cert_key": login.key and str(login.key),
        "verify": None if login.is_verified else False,
        "password": login.password,
    }
    if login.certificate and (login.password or urlsplit(url).password):
        given["tls_mode"] = "strict"  # the certificate opens the connection, the password logs in
    client = clickhouse_connect.get_client(
        dsn=url,
        interface=urlsplit(url).scheme,  # the client guesses from the port
        connect_timeout=login.connect_timeout_s,
        send_receive_timeout=login.query_timeout_s,
        autogenerate_session_id=False,
        **{name: value for name, value in given.items() if value is not None},
    )
    assert isinstance(client, HttpClient), "the URL says so"
    client.http_retries = 0  # the loader retries, and says so
    return client


def load_settings(client: Client) -> dict[str, str]:
    """
    Return LOAD_SETTINGS as far as the login may set them.

    Raises:
        StoreUnavailableError: its profile fixes one on which it depends that what is acknowledged is stored.
    """
    fixed = {name: str(setting.value) for name, setting in client.server_settings.items() if setting.readonly}
    otherwise = {name: fixed[name] for name, value in LOAD_SETTINGS.items() if fixed.get(name, value) != value}
    settings = {name: value for name, value in LOAD_SETTINGS.items() if name not in otherwise}
    if "materialized_views_ignore_errors" in otherwise:
        raise StoreUnavailableError(
            "the login's profile fixes materialized_views_ignore_errors = 1: facts that fail would be lost unseen; let it be 0"
        )
    if "async_insert" in otherwise:
        if fixed.get("wait_for_async_insert", "1") != "1":
            raise StoreUnavailableError(
                "the login's profile fixes async_insert = 1 with wait_for_async_insert = 0: the server would say that it has "
                "what it may lose; let argus-otel's login set async_insert, or fix wait_for_async_insert = 1"
            )
        # Slower by a flush, but answered when it is stored.
        if "wait_for_async_insert" not in fixed:
            settings["wait_for_async_insert"] = "1"
    _tell_fixed(tuple(sorted(otherwise)))
    return settings


@cache
def _tell_fixed(names: tuple[str, ...]) -> None:
    if names:
        logger.warning("the login's profile fixes %s: loads go on with its values", ", ".join(names))


def _chdb() -> Any:
    """Return the engine's module, a gigabyte that whoever has a server does without."""
    try:
        import chdb
    except ImportError as error:
        raise ConfigError(
            f"the embedded engine is not installed ({error}): `pip install chdb`, or name a server with --clickhouse URL"
        ) from error
    return chdb


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
    if "is for clickhouse-client program" in str(error):
        return StoreUnavailableError("this is the server's native port: give its HTTP port, 8123, or 8443 for https")
    return _error_of(str(error))


def _network_reason(error: BaseException | None) -> str:
    """Return what the operating system said of a connection; empty if that is not what failed."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({error.verify_message}): give the CA's in clickhouse_ca_file"
        if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            return "the port does not speak TLS: give the https port, 8443, or http://"
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
    if code in ADVICE:
        text = f"{ADVICE[code]} ({text.strip()})" if "DB::" not in text else f"{ADVICE[code]}: {text}"
    return StoreUnavailableError(text, code)


def _escaped(text: str) -> str:
    """Return a parameter's value as the engine reads it: like a field of TSV."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
