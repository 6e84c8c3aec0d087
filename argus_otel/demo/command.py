"""
`argus-otel demo`: a service of its own, real OTLP in, and what can be read then.

Leaves nothing behind, neither process nor folder, whether it ends by itself, by an error, by Ctrl-C or by SIGTERM.
"""

from __future__ import annotations

import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from rich.progress import track
from rich.text import Text

from argus_otel.demo import recordings, report, team
from argus_otel.demo.page import write_page
from argus_otel.demo.sender import sender
from argus_otel.demo.service import ServiceError, serving
from argus_otel.enrichment import Budget, Invoice, InvoiceLine, as_document
from argus_otel.errors import ArgusError
from argus_otel.running import command
from argus_otel.store import ServerStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from argus_otel.demo.otlp import Request
    from argus_otel.demo.sender import Sender
    from argus_otel.demo.service import Service
    from argus_otel.enrichment.changes import Scope

_SEED = 2026
_VISIBLE_S_MAX = 120
_POLL_S = 0.02
_BUDGETS: tuple[tuple[Scope, str, float], ...] = (
    ("workspace", "default", 150),
    ("team", "payments", 80),
    ("team", "search", 40),
)


@dataclass(frozen=True, slots=True)
class _Traffic:
    """All that is sent; by `last`, the events of one session, the way from acknowledgement to visible is timed."""

    requests: list[Request]
    last: Request
    last_session_id: str
    session_count: int


def run_demo(console: Console, page: Path | None, *, keep: bool) -> int:
    """
    Run the demo, print what it shows, and return the exit code.

    Args:
        page: where to write the dashboards as one page; None for no page.
        keep: serve on until Ctrl-C.
    """
    # SIGINT too: a shell starts its background jobs with it ignored.
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    restored = [(number, signal.signal(number, signal.default_int_handler)) for number in signals]
    try:
        with tempfile.TemporaryDirectory(prefix="argus-otel-demo-") as folder:
            _demonstrate(Path(folder), console, page, keep=keep)
    except (ArgusError, grpc.RpcError) as error:
        console.print(Text(f"the demo failed: {_told(error)}", "red"))
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 0 if keep else 130
    finally:
        for number, handler in restored:
            signal.signal(number, handler)
    return 0


def _demonstrate(folder: Path, console: Console, page: Path | None, *, keep: bool) -> None:
    console.print("Starting the service on the embedded engine, in a temporary folder …")
    with serving(folder) as service:
        reader = ServerStore(f"http://{service.clickhouse_http}")
        try:
            visible_s = _feed(service, reader, console)
            _set_budgets(service)
            _import_bill(service, reader)
            report.show(reader, console)
            if page is not None:
                written = write_page(reader, page, time.time_ns() // 10**6, console)
                report.show_page(console, page, written)
        finally:
            reader.close()
        console.print(f"From acknowledged to visible in the views: {visible_s * 1000:.0f} ms", highlight=False)
        report.show_next_commands(console, service.data_dir if keep else None)
        if keep:
            report.show_addresses(console, service)
            service.process.wait()
            service.check()


def _feed(service: Service, reader: ServerStore, console: Console) -> float:
    """Send everything, wait until it is visible, and return how long the last request took from its acknowledgement."""
    traffic = _traffic(time.time_ns())
    try:
        with sender(service.otlp_grpc) as otlp:
            acknowledged = otlp.send_all(traffic.requests)
            told = f"Sending {traffic.session_count} sessions over OTLP/gRPC"
            for _ in track(acknowledged, told, len(traffic.requests), console=console):
                pass
            console.print("Acknowledged; waiting until all of it is visible …")
            _wait_until(service, lambda: _is_all_visible(service, reader, traffic), "what was sent")
            return _acknowledged_to_visible_s(service, reader, otlp, traffic)
    except grpc.RpcError:
        service.check()
        raise


def _set_budgets(service: Service) -> None:
    for scope, name, month_usd in _BUDGETS:
        command(Path(service.data_dir), "POST", "/enrichment", as_document(Budget(scope, name, month_usd)))


def _import_bill(service: Service, reader: ServerStore) -> None:
    """A made-up bill of the days before today: a little more than what the clients reported, as bills are."""
    days = reader.rows(
        "SELECT toDate(hour) AS day, toDate(hour) + 1 AS next, sum(cost_nanousd) AS reported FROM argus.cost_hourly"
        " WHERE toDate(hour) BETWEEN toDate(now('UTC')) - 14 AND toDate(now('UTC')) - 1"
        " GROUP BY day, next HAVING reported > 0 ORDER BY day"
    )
    lines = tuple(
        InvoiceLine(str(row["day"]), str(row["next"]), "", "", "", row["reported"] * (101 + number % 4) // 100)
        for number, row in enumerate(days)
    )
    command(Path(service.data_dir), "POST", "/enrichment", as_document(Invoice("made up", "", lines)))


def _traffic(now_ns: int) -> _Traffic:
    sessions = team.sessions(_SEED, now_ns)
    # Without spans: from them a call of the API is known already.
    last = next(session for session in reversed(sessions) if session.surface != "agent-sdk")
    *rest, events = team.requests_of(last)
    recorded = [
        request for name in recordings.NAMES for request in (*recordings.requests(name), *recordings.content(name))
    ]
    made = [request for session in sessions if session is not last for request in team.requests_of(session)]
    return _Traffic([*recorded, *made, *rest], events, last.session_id, len(recordings.NAMES) + len(sessions))


def _is_all_visible(service: Service, reader: ServerStore, traffic: _Traffic) -> bool:
    accounting: dict[str, int] = command(Path(service.data_dir), "GET", "/status")["accounting"]
    if accounting["dead_lettered"]:
        raise ServiceError(f"{accounting['dead_lettered']} records were refused by the engine and set aside")
    [row] = reader.rows("SELECT count() AS sessions FROM argus.sessions")
    return accounting["spooled"] == 0 and row["sessions"] >= traffic.session_count - 1  # the last one is yet to come


def _acknowledged_to_visible_s(service: Service, reader: ServerStore, otlp: Sender, traffic: _Traffic) -> float:
    otlp.send(traffic.last)
    acknowledged_at = time.perf_counter()
    query = (
        "SELECT count() AS calls FROM argus.api_requests"
        " WHERE session_id = {session_id:String} AND cost_source = 'events'"
    )
    asked = {"session_id": traffic.last_session_id}
    _wait_until(service, lambda: reader.rows(query, asked)[0]["calls"] > 0, "the last session")
    return time.perf_counter() - acknowledged_at


def _wait_until(service: Service, is_reached: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + _VISIBLE_S_MAX
    while not is_reached():
        service.check()
        if time.monotonic() > give_up_at:
            raise ServiceError(f"{what} was not visible after {_VISIBLE_S_MAX} s: see {service.log}")
        time.sleep(_POLL_S)


def _told(error: Any) -> str:
    if isinstance(error, grpc.RpcError):
        return f"the receiver answered {error.code().name}: {error.details()}"
    return str(error)
