"""`python -m benchmarks [--quick] [--json FILE] [NAME…]`: runs, prints tables, and writes the same figures as JSON."""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.anomalies import measure_anomalies
from benchmarks.hook import measure_hook
from benchmarks.path import saturate, steady
from benchmarks.report import machine, median, table
from benchmarks.stages import measure_stages
from benchmarks.views import measure_views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.traffic import Mix


@dataclass(frozen=True, slots=True)
class Size:
    """How much; `runs` are whole runs on fresh services, the median is reported."""

    runs: int
    sessions: int
    steady_s: float
    view_sessions: int
    seeds: tuple[range, ...]


TUNED_ON, HELD_OUT = range(1, 11), range(201, 211)
FULL = Size(runs=3, sessions=300, steady_s=15, view_sessions=100_000, seeds=(TUNED_ON, HELD_OUT))
QUICK = Size(runs=1, sessions=45, steady_s=3, view_sessions=2_000, seeds=(range(1, 2),))
RECORDS_PER_S = 5_000
MIXES: tuple[Mix, ...] = ("gateway", "native", "both")
SENDERS: tuple[Mix, ...] = ("native", "both")
"""Who waits for each acknowledgement, and whose records are looked for one by one."""
_ASKS = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """One target at saturation, and its CPU per record as a ratio to rotel's in the same run."""

    target: str
    traffic: str
    records: int
    requests: int
    retries: int
    records_per_s: float
    cpu_us: float
    of_which_shim_us: float
    ratio_to_rotel: float
    ratio_without_shim: float
    resident_bytes_max: int


def path(size: Size) -> list[Any]:
    """Throughput and CPU per record from gRPC to visible, beside rotel."""
    rows = [row for mix in MIXES for row in _compared(mix, size)]
    print(table("From gRPC to visible, saturated (CPU in µs a record)", rows))
    return rows


def latency(size: Size) -> list[Any]:
    """Acknowledgement and visibility at a steady load."""
    rows = [median([steady(mix, RECORDS_PER_S, size.steady_s) for _ in range(size.runs)]) for mix in SENDERS]
    print(table(f"At {RECORDS_PER_S:,} records/s offered", rows))
    return rows


def stages(size: Size) -> list[Any]:
    """What each stage costs, the floor included."""
    rows = measure_stages(min(size.sessions, 120), max(3, size.runs))
    print(table("Stages (CPU, cumulative from decode on; marginal µs a record, fixed ms an INSERT)", rows))
    return rows


def views(size: Size) -> list[Any]:
    """Questions to the views, warm."""
    fact_count, rows = measure_views(size.view_sessions, _ASKS)
    print(table(f"Views over {size.view_sessions:,} sessions, {fact_count:,} fact rows (median of {_ASKS})", rows))
    return list(rows)


def hook(size: Size) -> list[Any]:
    """What a session waits for at each hook."""
    rows = measure_hook(max(30, 10 * size.runs))
    print(table("The blocking part of a hook (wall time of the process)", rows))
    return list(rows)


def anomalies(size: Size) -> list[Any]:
    """What argus.cost_anomalies finds, and how often it is wrong."""
    sets = [measure_anomalies(seeds) for seeds in size.seeds]
    figures = [figure for figure, _ in sets]
    recalls = [recall for _, of_set in sets for recall in of_set]
    print(table("Anomalies: 300 users in 10 workspaces over 90 days a seed, 60 incidents", figures))
    print(table("Found within two hours, of those that must be", recalls))
    return [*figures, *recalls]


BENCHMARKS: dict[str, Callable[[Size], list[Any]]] = {
    "path": path,
    "latency": latency,
    "stages": stages,
    "views": views,
    "hook": hook,
    "anomalies": anomalies,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What the whole path costs; see docs/benchmarks.md."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="one small run of each: under a minute")
    parser.add_argument("--seeds", type=_seeds, metavar="A-B", help="of anomalies; 1-10 and 201-210 by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(BENCHMARKS)}")
    size = QUICK if arguments.quick else FULL
    if arguments.seeds:
        size = dataclasses.replace(size, seeds=(arguments.seeds,))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; median of {size.runs} runs")
    figures = {name: BENCHMARKS[name](size) for name in arguments.names or BENCHMARKS}
    if arguments.json:
        document = {name: [dataclasses.asdict(row) for row in rows] for name, rows in figures.items()}
        arguments.json.write_text(json.dumps({"machine": machine(), **document}, indent=2) + "\n")


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _compared(mix: Mix, size: Size) -> Sequence[Comparison]:
    # Turn about, so that what else the machine does meets both.
    runs = [
        (saturate("argus-otel", mix, size.sessions), saturate("rotel", mix, size.sessions)) for _ in range(size.runs)
    ]
    ours, theirs = (median(list(of_one)) for of_one in zip(*runs, strict=True))
    return [
        Comparison(
            name, mix, run.record_count, run.request_count, run.retry_count, run.records_per_s, run.cpu_us, run.shim_us,
            run.cpu_us / theirs.cpu_us, (run.cpu_us - run.shim_us) / (theirs.cpu_us - theirs.shim_us), run.resident_bytes_max,
        )
        for name, run in (("argus-otel", ours), ("rotel", theirs))
    ]  # fmt: skip


if __name__ == "__main__":
    main()
