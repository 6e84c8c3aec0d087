"""Send, wait, compare, clean up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argus_otel.doctor.finding import Finding
from argus_otel.doctor.through.arrival import Landed, changed, is_seen, landed, lost
from argus_otel.doctor.through.probe import new_session_id, probe_requests
from argus_otel.doctor.through.sending import destination_of
from argus_otel.errors import ArgusError, ConfigError, StoreUnavailableError
from argus_otel.reading import store_of
from argus_otel.running import command
from argus_otel.schema.probes import erase_probe, left_probes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from argus_otel.config import Config
    from argus_otel.doctor.through.probe import Request
    from argus_otel.doctor.through.sending import Answer
    from argus_otel.schema.render import SchemaSettings
    from argus_otel.store import ServerStore

_POLL_S = 0.5
_FACTS_S_MAX = 5.0
_SETTLE_S = 1.0
_CLEANING_S_MAX = 30.0
_WORKS_WITHOUT = frozenset(
    {
        "resource argus.probe",
        "resource os.type",
        "resource service.version",
        "terminal.type",
        "gen_ai.system",
        "gen_ai.response.id",
        "event.sequence",
    }
)
"""Attributes that no figure, join or text is made of."""


@dataclass(slots=True)
class _Leg:
    """How far one request came."""

    request: Request
    answer: Answer
    row: Landed | None = None
    landed_s: float = 0.0
    is_seen: bool = False
    took_s: float = 0.0


def probe_through(
    config: Config, url: str, headers: Sequence[str], timeout_s: float, told: Callable[[str], Any]
) -> list[Finding]:
    """
    Return one finding per leg, and one of the cleaning up.

    Args:
        told: is given a line of progress.

    Raises:
        ConfigError: the URL or a header cannot be used.
        NotRunningError, StoreError: there is nothing to look into for what arrives; nothing was sent.
    """
    destination = destination_of(url, headers)
    reader = store_of(config)
    try:
        session_id, sent_at_s = new_session_id(), time.monotonic()
        reader.rows(f"SELECT 1 FROM {config.argus_database}.session_facts LIMIT 1")
        received = _received(config)
        legs = [_Leg(request, destination.send(request)) for request in probe_requests(session_id, time.time_ns())]
        _wait(reader, config, legs, session_id, sent_at_s, timeout_s, told)
        between = _between(config, received)
        findings = [_finding(leg, timeout_s, between) for leg in legs]
        return [*findings, _cleaned(config, reader, session_id)]
    finally:
        reader.close()


def _wait(
    reader: ServerStore,
    config: Config,
    legs: list[_Leg],
    session_id: str,
    sent_at_s: float,
    timeout_s: float,
    told: Callable[[str], Any],
) -> None:
    waiting = [leg for leg in legs if not leg.answer.problem]
    while waiting and time.monotonic() < sent_at_s + timeout_s:
        for leg in waiting:
            if leg.row is None and (row := landed(reader, config, leg.request, session_id)):
                leg.row, leg.landed_s = row, time.monotonic()
            leg.is_seen = leg.row is not None and is_seen(reader, config, leg.request.leg, session_id)
            leg.took_s = time.monotonic() - sent_at_s
        waiting = [leg for leg in waiting if not leg.is_seen and not _is_beyond_seeing(leg)]
        if waiting:
            names = ", ".join(leg.request.leg for leg in waiting)
            told(f"{time.monotonic() - sent_at_s:.0f} of {timeout_s:.0f} s: waiting for {names}")
            time.sleep(_POLL_S)


def _is_beyond_seeing(leg: _Leg) -> bool:
    """What landed without what the views find it by will not be in them: facts are made when it lands, just after."""
    if leg.row is None or time.monotonic() < leg.landed_s + _FACTS_S_MAX:
        return False
    return bool(_missed(leg.request, leg.row))


def _finding(leg: _Leg, timeout_s: float, between: tuple[str, str]) -> Finding:
    check = f"{leg.request.leg} leg"
    if leg.row is None:
        if leg.answer.problem:
            stopped = f"stopped at the collector: {leg.answer.problem}, {leg.answer.said}"
            return Finding(check, "failed", stopped, leg.answer.advice)
        said, advice = between
        return Finding(check, "failed", f"accepted by the collector, not landed in {timeout_s:.0f} s: {said}", advice)
    return _arrived(check, leg, leg.row)


def _arrived(check: str, leg: _Leg, row: Landed) -> Finding:
    gone, other = lost(leg.request, row), changed(leg.request, row)
    way = f"landed in workspace {row.workspace} after {leg.took_s:.1f} s"
    differs = "".join((f"; lost: {', '.join(gone)}" if gone else "", f"; changed: {', '.join(other)}" if other else ""))
    if not leg.is_seen:
        return Finding(
            check,
            "failed",
            f"{way}, is in no view{differs}",
            "a processor of the collector takes away what it is found by: let those attributes pass toward argus-otel"
            if differs
            else "`argus-otel migrate`, and look at `loads` of `argus-otel doctor`",
        )
    if missed := _missed(leg.request, row):
        advice = f"figures, joins or text are made of {', '.join(missed)}: let them pass toward argus-otel"
        return Finding(check, "warning", f"{way}, in the views{differs}", advice)
    advice = "nothing that argus-otel needs" if differs else ""
    return Finding(check, "ok", f"{way}, in the views{differs}", advice)


def _missed(request: Request, row: Landed) -> list[str]:
    return [name for name in [*lost(request, row), *changed(request, row)] if name not in _WORKS_WITHOUT]


def _received(config: Config) -> int | None:
    """Return how many records the service on this machine has received; None if none runs here."""
    try:
        return int(command(config.data_dir, "GET", "/status")["accounting"]["received"])
    except ArgusError:
        return None


def _between(config: Config, received_before: int | None) -> tuple[str, str]:
    """Return what is known of what left the collector and did not land, and what to do."""
    if received_before is None:
        return (
            "no service runs on this data folder, so it is not known whether argus-otel received it",
            "run this beside argus-otel serve; look at the collector's log for its exporter's errors",
        )
    try:
        status = command(config.data_dir, "GET", "/status")
    except ArgusError as error:
        return f"the service went away: {error}", "look at its log"
    sums, loader = status["accounting"], status["loader"]
    if sums["spooled"]:
        reason = f" ({loader['last_error']})" if loader["consecutive_failures"] else ""
        return (
            f"argus-otel has {sums['spooled']} records that are not loaded{reason}",
            "`argus-otel doctor`, the row loads",
        )
    if sums["received"] == received_before:
        return (
            "argus-otel received nothing at all",
            "the collector has no pipeline from this receiver to argus-otel, or its exporter fails: see its log",
        )
    return (
        "argus-otel received records meanwhile, not this one",
        "the collector drops it (filter, routing, sampling), sends it elsewhere, or batches for longer: raise --timeout",
    )


def _erased(config: Config, reader: ServerStore, settings: SchemaSettings, session_id: str) -> int:
    """Delete one probe where it may be done, and return in how many tables it was."""
    if config.clickhouse != "embedded":
        return erase_probe(reader, settings, session_id)
    return int(command(config.data_dir, "POST", "/probes/erase", {"session_id": session_id})["table_count"])


def _cleaned(config: Config, reader: ServerStore, session_id: str) -> Finding:
    """Delete this probe, and what arrived late of those before."""
    until_s = time.monotonic() + _CLEANING_S_MAX
    from argus_otel.app import schema_settings

    settings = schema_settings(config)
    try:
        for probe in dict.fromkeys([session_id, *left_probes(reader, settings)]):
            # An INSERT that is under way reaches one table after the other.
            while _erased(config, reader, settings, probe) and time.monotonic() < until_s:
                time.sleep(_SETTLE_S)
        if session_id in left_probes(reader, settings):
            raise StoreUnavailableError("it comes again and again")
    except ConfigError:
        raise
    except ArgusError as error:
        said = f"it is still there, as session {session_id} of 0 USD: {str(error).partition(chr(10))[0]}"
        return Finding("probe", "warning", said, "a user that may ALTER DELETE; the next probe tries again")
    return Finding("probe", "ok", "deleted; what arrives later is deleted by the next probe")
