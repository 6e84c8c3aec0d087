"""
The composition root: a configuration in, a running service out. The only place where the stages meet.

    receive ──append──▶ spool ◀──take── load ──insert──▶ store (embedded engine or server) ◀──query── serve
                          ▲                                   ▲
                       control (a socket in the data folder) erase, roll

Starts from the back to the front, so that nothing is accepted before it can be kept; stops from the front to the back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import threading
from dataclasses import asdict, dataclass
from signal import SIGHUP, SIGINT, SIGTERM
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from argus_otel import __version__, enrichment
from argus_otel.config import Config, read_secret, read_workspace_tokens, server_urls
from argus_otel.envelope import Signal
from argus_otel.erase import Eraser
from argus_otel.errors import ConfigError, SchemaError, ShuttingDownError, StoreError, StoreUnavailableError
from argus_otel.load import DeadLetters, DeadLetterSettings, Ledger, Loader, LoadSettings
from argus_otel.load.dead_letters import observe_dead_letters
from argus_otel.own_metrics import OwnMetrics
from argus_otel.privacy.redaction import load_redaction
from argus_otel.receive import Receiver, ReceiveSettings, request_as_document, without_words
from argus_otel.roll import Roller, RollSettings
from argus_otel.schema.cluster import READING_SETTINGS, missing_settings
from argus_otel.schema.migrate import migrate, plan
from argus_otel.schema.probes import erase_probe
from argus_otel.schema.render import SchemaSettings
from argus_otel.serve.control import Control
from argus_otel.serve.endpoint import Endpoint, EndpointSettings
from argus_otel.serve.erasures import erasures_route
from argus_otel.serve.operations import operations_routes
from argus_otel.spool import Spool, SpoolSettings, observe_spool
from argus_otel.spool.segment import DAMAGED_SUFFIX
from argus_otel.store import EmbeddedStore, ServerStore, open_store
from argus_otel.telemetry import Metric, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from starlette.routing import Route

logger = logging.getLogger(__name__)

DRAIN_S_MAX = 10.0
"""How long a stop may go on loading; what is left stays in the spool and loads at the next start."""


ERASE_S_MAX = 5.0
"""How long a stop may go on erasing; what is left is erased after the next start."""


@dataclass(frozen=True, slots=True)
class RunningAddresses:
    """Where a running service is; the first line on stdout and DATA_DIR/run.json."""

    otlp_grpc: str
    otlp_http: str
    clickhouse_http: str
    data_dir: str
    control_socket: str


@dataclass(frozen=True, slots=True)
class _Behind:
    """What stands behind the doors: what is acknowledged gets into ClickHouse without them."""

    telemetry: Telemetry
    spool: Spool
    store: EmbeddedStore | ServerStore
    dead_letters: DeadLetters
    loader: Loader


def schema_settings(config: Config) -> SchemaSettings:
    """Return what the configuration says of the schema."""
    return SchemaSettings(
        otel_database=config.otel_database,
        argus_database=config.argus_database,
        cluster=config.cluster,
        redaction=load_redaction(config.redaction_enable, config.redaction_disable, config.redaction_file),
        drop_events=config.drop_events,
    )


class Service:
    """
    One running argus-otel. `start` once, then `stop`; a stop without a start is harmless.

    Raises:
        ConfigError: at construction or start: a file is missing, a port is taken, another process has the data folder.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._schema = schema_settings(config)
        self._token = read_secret(config.token_file)
        self._workspace_tokens = read_workspace_tokens(config.workspace_tokens_file)
        if self._token in self._workspace_tokens:
            raise ConfigError(
                f"{config.workspace_tokens_file} has the token of token_file: a token is for one workspace"
            )
        self._endpoint_password = read_secret(config.clickhouse_http_password_file)
        self._schema_lock = threading.Lock()
        self._is_schema_ready = False
        self._is_ready = False
        self._receiver: Receiver | None = None
        self._cleanups: list[Callable[[], Any]] = []

    async def start(self) -> RunningAddresses:
        """Bring everything up and return the addresses; what was started is stopped again if a part fails."""
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def start_loading(self) -> Loader:
        """Bring up only what empties the spool, without a door, and return it; `stop` as after `start`."""
        try:
            return (await self._start_behind()).loader
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop accepting, load what is in the spool for at most DRAIN_S_MAX, and close. May be called twice."""
        self._is_ready = False
        while self._cleanups:
            outcome = self._cleanups.pop()()
            if asyncio.iscoroutine(outcome):
                await outcome

    def _later(self, cleanup: Callable[[], Any]) -> None:
        self._cleanups.append(cleanup)

    async def _start_behind(self) -> _Behind:
        config = self._config
        _private_folder(config.data_dir)
        loader_folder = config.data_dir / "load"
        ledger = Ledger(loader_folder / "ledger")
        self._later(ledger.close)
        spool = Spool(
            SpoolSettings(config.data_dir / "spool", bytes_max=config.spool_bytes_max),
            loaded_through=ledger.entry.loaded_through,
            received_records=ledger.entry.received_records,
        )
        # Goes once the spool is given up: who waits for that may take the folder then. Not before the spool is ours: it may be
        # the file of another service.
        self._later(lambda: (config.data_dir / "run.json").unlink(missing_ok=True))
        self._later(spool.close)
        telemetry = Telemetry(
            config.telemetry_otlp, _instance(config.otlp_http), is_stored=config.own_metrics_interval_s > 0
        )
        self._later(telemetry.close)
        store = open_store(config)
        self._later(store.close)
        if isinstance(store, EmbeddedStore):
            await asyncio.to_thread(self._prepare_schema, store)
        dead_letters = self._open_dead_letters(telemetry, ledger, spool)
        eraser = Eraser(
            store, lambda: self._schema, lambda private: _strip_aside(dead_letters, config.data_dir / "spool", private)
        )
        loader = Loader(
            spool,
            lambda segments, signal: self._insert(store, segments, signal),
            dead_letters,
            ledger,
            telemetry,
            LoadSettings(loader_folder / "scratch", expanded_bytes_max=config.load_expanded_bytes_max),
            on_private=eraser.wake,
        )
        eraser.start()
        self._later(lambda: asyncio.to_thread(eraser.close, ERASE_S_MAX))
        loader.start()
        self._later(lambda: asyncio.to_thread(loader.close, DRAIN_S_MAX))
        return _Behind(telemetry, spool, store, dead_letters, loader)

    async def _start(self) -> RunningAddresses:
        config = self._config
        behind = await self._start_behind()
        telemetry, spool, store, loader = behind.telemetry, behind.spool, behind.store, behind.loader
        roller = Roller(store, lambda: self._schema, telemetry, RollSettings(margin_s=config.rollup_margin_s))
        roller.start()
        self._later(lambda: asyncio.to_thread(roller.close))
        own_metrics = OwnMetrics(
            telemetry.otlp, lambda body: receiver.take_own(Signal.METRICS, body), config.own_metrics_interval_s
        )
        self._later(own_metrics.stop)
        observe_spool(telemetry, spool)
        telemetry.observe_each(Metric.ACCOUNTING_RECORDS, "state", lambda: _sums(loader))
        routes = operations_routes(self._health, telemetry)
        clickhouse_http = await self._start_endpoint(store, telemetry, routes)
        control_socket = await self._start_control(behind)

        def workspace_of(authorization: Callable[[], str]) -> str:
            return receiver.workspace_of(authorization)

        erasures = erasures_route(workspace_of, lambda workspace, session: self._erasure(store, workspace, session))
        receiver = Receiver(self._receive_settings(), spool.append, telemetry, extra_routes=[*routes, erasures])
        self._receiver = receiver
        self._later(lambda: receiver.stop(grace_s=5.0))
        endpoints = await receiver.start()
        addresses = RunningAddresses(
            endpoints.grpc, endpoints.http, clickhouse_http, str(config.data_dir), control_socket
        )
        _write_run_file(config.data_dir, addresses)
        own_metrics.start()
        self._is_ready = True
        return addresses

    def _open_dead_letters(self, telemetry: Telemetry, ledger: Ledger, spool: Spool) -> DeadLetters:
        settings = DeadLetterSettings(
            self._config.data_dir / "dead-letter",
            bytes_max=self._config.dead_letter_bytes_max,
            age_s_max=self._config.dead_letter_age_s_max,
        )
        dead_letters = DeadLetters(settings, ledger, spool.sequences)
        observe_dead_letters(telemetry, dead_letters)
        return dead_letters

    async def _start_endpoint(
        self, store: EmbeddedStore | ServerStore, telemetry: Telemetry, routes: Sequence[Route]
    ) -> str:
        if not isinstance(store, EmbeddedStore):
            return ",".join(urlsplit(url).netloc.rpartition("@")[2] for url in server_urls(self._config.clickhouse))
        config = self._config
        endpoint = Endpoint(
            EndpointSettings(
                address=config.clickhouse_http,
                user=config.clickhouse_http_user,
                password=self._endpoint_password,
                databases=(config.otel_database, config.argus_database),
                seconds_max=config.query_seconds_max,
                memory_bytes_max=config.query_memory_bytes_max,
                result_rows_max=config.query_result_rows_max,
                concurrency_max=config.query_concurrency_max,
            ),
            store.connect,
            telemetry,
            routes,
        )
        self._later(endpoint.stop)
        return await endpoint.start()

    async def _start_control(self, behind: _Behind) -> str:
        store, loader, dead_letters, spool = behind.store, behind.loader, behind.dead_letters, behind.spool
        loop = asyncio.get_running_loop()
        control = Control(
            self._config.data_dir,
            status=lambda: self._status(store, loader),
            migrate=lambda: self._migrate_again(store),
            dead_letters=dead_letters,
            forget=lambda asked, workspace: spool.append_blocking(asked.envelope(workspace, asked.asked_at_ns)),
            enrich=lambda document: enrichment.apply(
                store, self._schema.argus_database, enrichment.of_document(document)
            ),
            erase_probe=lambda session_id: erase_probe(store, self._schema, session_id),
            show=lambda letter_id: self._show_letter(dead_letters, letter_id),
            retry=loader.retry_dead_letters,
            drain=lambda is_draining: asyncio.run_coroutine_threadsafe(self._drain(is_draining), loop).result(),
            drained=lambda: self._drained(loader),
        )
        self._later(control.stop)
        return await control.start()

    def _receive_settings(self) -> ReceiveSettings:
        config = self._config
        return ReceiveSettings(
            grpc_address=config.otlp_grpc,
            http_address=config.otlp_http,
            body_bytes_max=config.body_bytes_max,
            expanded_bytes_max=config.expanded_bytes_max,
            token=self._token,
            workspace_tokens=self._workspace_tokens,
            tls_certificate=config.tls_certificate,
            tls_key=config.tls_key,
        )

    def _insert(self, store: EmbeddedStore | ServerStore, segments: Sequence[Path], signal: Signal) -> None:
        self._prepare_schema(store)
        store.insert(segments, f"{self._schema.otel_database}.otlp_{signal.name.lower()}")

    def _prepare_schema(self, store: EmbeddedStore | ServerStore) -> None:
        with self._schema_lock:
            if self._is_schema_ready:
                return
            if self._schema.cluster:
                self._check_profile(store)
            if isinstance(store, EmbeddedStore) or self._config.migrate:
                migrate(store, self._schema)
            elif pending := [step for step in plan(store, self._schema) if step.action != "unchanged"]:
                raise StoreUnavailableError(
                    f"the server's schema lacks {len(pending)} statements: "
                    "run `argus-otel migrate --clickhouse URL`, or serve with --migrate"
                )
            self._is_schema_ready = True

    def _check_profile(self, store: EmbeddedStore | ServerStore) -> None:
        names = ", ".join(f"'{name}'" for name in READING_SETTINGS)
        rows = store.rows(f"SELECT name, value FROM system.settings WHERE name IN ({names})")
        if missing := missing_settings(rows):
            raise StoreUnavailableError(
                f"the login's profile on the cluster lacks {', '.join(missing)}: `argus-otel migrate --print-grants` has it"
            )

    def _migrate_again(self, store: EmbeddedStore | ServerStore) -> list[dict[str, str]]:
        """Apply the configuration's rules of this moment: a redaction file may have changed since the start."""
        self._schema = schema_settings(self._config)
        steps = migrate(store, self._schema)
        return [{"statement": step.statement.name, "action": step.action} for step in steps]

    def _show_letter(self, dead_letters: DeadLetters, letter_id: str) -> dict[str, Any]:
        """Return why a letter was refused and its request as JSON: content, so redacted as what lands is."""
        letter = dead_letters.letter(letter_id)
        request = self._schema.redaction.redact_document(request_as_document(dead_letters.read(letter_id)))
        return {**asdict(letter), "request": request}

    def _health(self) -> dict[str, Any]:
        return {"ready": self._is_ready and not self._is_draining, "version": __version__}

    @property
    def _is_draining(self) -> bool:
        return self._receiver is not None and self._receiver.is_draining

    async def _drain(self, is_draining: bool) -> None:  # noqa: FBT001 - what is asked of the control socket
        if self._receiver is None or not self._is_ready:
            raise ShuttingDownError("the service is starting or stopping: ask again")
        await self._receiver.drain(is_draining=is_draining)

    def _drained(self, loader: Loader) -> dict[str, Any]:
        """Return what stands between this moment and an empty spool."""
        return {
            "pid": os.getpid(),
            "is_draining": self._is_draining,
            "requests_under_way": self._receiver.requests_under_way if self._receiver else 0,
            "accounting": _sums(loader),
            "last_error": loader.status.last_error if loader.status.consecutive_failures else "",
        }

    def _status(self, store: EmbeddedStore | ServerStore, loader: Loader) -> dict[str, Any]:
        try:
            version = store.rows("SELECT version() AS version")[0]["version"]
        except (StoreUnavailableError, SchemaError) as error:
            version = f"unreachable: {error}"
        return {
            "version": __version__,
            "pid": os.getpid(),
            "dropped_records": self._dropped_records(store),
            "erasures": self._erasures(store),
            "clickhouse_version": version,
            "accounting": _sums(loader),
            "loader": asdict(loader.status),
        }

    def _erasure(self, store: EmbeddedStore | ServerStore, workspace: str, session_id: str) -> dict[str, Any] | None:
        rows = store.rows(
            "SELECT session_id, toString(asked_at) AS asked_at, toString(unreadable_at) AS unreadable_at,"
            f" toString(gone_at) AS gone_at FROM {self._schema.argus_database}.erasures"
            " WHERE workspace = {workspace:String} AND session_id = {session_id:String}",
            {"workspace": workspace, "session_id": session_id},
        )
        return {name: _rfc3339(name, value) for name, value in rows[0].items()} if rows else None

    def _erasures(self, store: EmbeddedStore | ServerStore) -> dict[str, int]:
        try:
            [row] = store.rows(
                "SELECT count() AS private, countIf(gone_at IS NULL) AS waiting"
                f" FROM {self._schema.argus_database}.erasures"
            )
        except StoreError:
            return {"private": 0, "waiting": 0}  # what is wrong is said elsewhere
        return row

    def _dropped_records(self, store: EmbeddedStore | ServerStore) -> int:
        if not self._config.drop_events:
            return 0
        try:
            rows = store.rows(f"SELECT sum(record_count) AS dropped FROM {self._schema.argus_database}.dropped_records")
        except StoreError:
            return 0  # what is wrong is said elsewhere
        return int(rows[0]["dropped"])


def _instance(otlp_http: str) -> str:
    """Return the host and the port that senders know, as Prometheus names a target."""
    return f"{socket.gethostname()}:{otlp_http.rpartition(':')[2]}"


def _sums(loader: Loader) -> dict[str, int]:
    accounting = loader.accounting()
    return {**asdict(accounting), "missing": accounting.missing}


def _strip_aside(dead_letters: DeadLetters, spool_folder: Path, private: Collection[tuple[str, str]]) -> None:
    """Take the words of private sessions out of what was set aside; what nobody can read goes whole."""
    dead_letters.rewrite(lambda envelope: without_words(envelope, private))
    for path in spool_folder.glob(f"*{DAMAGED_SUFFIX}"):
        data = path.read_bytes()
        if any(session_id.encode() in data for _, session_id in private):
            path.unlink()
            logger.warning("%s held words of a private session and was deleted", path.name)


def _rfc3339(name: str, value: str | None) -> str | None:
    return f"{value.replace(' ', 'T')}Z" if value and name.endswith("_at") else value


def run(config: Config) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP; prints the addresses as the first line on stdout."""
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (SIGTERM, SIGINT, SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    service = Service(config)
    addresses = await service.start()
    print(json.dumps(asdict(addresses)), flush=True)  # noqa: T201 - the contract: the first line on stdout
    logger.info("serving")
    await stopping.wait()
    logger.info("draining")
    await service.stop()
    logger.info("stopped")


def _private_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"data_dir {folder} cannot be made or is not yours: {error.strerror}") from error


def _write_run_file(folder: Path, addresses: RunningAddresses) -> None:
    path = folder / "run.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(addresses)) + "\n")
    temporary.chmod(0o600)
    temporary.replace(path)
