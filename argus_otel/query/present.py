"""
Rows of the views -> what a terminal shows, by rich: tables, days with bars, a transcript by turn. Asks nothing.

Text of sessions is shown as it is, never as markup, and without control characters: a tool's output must not drive the
reader's terminal. Usable at 80 columns and in a pipe. Times are UTC.
"""

from __future__ import annotations

import re
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    Row = Mapping[str, Any]

SPIKE_FACTOR = 3.0
"""A day that costs so many times the median of the others is marked: weekdays differ by less than two."""

_BAR_CELLS = 24
_TOKEN_COLUMNS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
_KIND_STYLES = {"user": "bold cyan", "assistant": "green", "tool_call": "yellow", "subagent": "magenta"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


_COLUMNS_MAX = 12
"""More do not fit beside each other on any screen."""


def rows_table(rows: Sequence[Row]) -> RenderableType:
    """Return any rows, their keys as the columns; rows of many columns one below the other, a line for each value."""
    if rows and len(rows[0]) > _COLUMNS_MAX:
        return Group(*(_record(row) for row in rows))
    table = _table()
    for name in rows[0] if rows else ():
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text("NULL", "dim") if value is None else _plain(str(value)) for value in row.values()))
    return table


def _record(row: Row) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=False, title="")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in row.items():
        table.add_row(name, Text("NULL", "dim") if value is None else _plain(str(value)))
    return table


def sessions_table(rows: Sequence[Row]) -> Table:
    """Return rows of `list_sessions`, a line each; the id is shortened to what `argus-otel session` takes."""
    table = _table()
    table.expand = True  # the prompt has what the numbers leave
    table.add_column("Session", no_wrap=True)
    table.add_column("Started", no_wrap=True)
    table.add_column("Who", no_wrap=True, max_width=10, overflow="ellipsis")
    for name in ("Cost", "Tokens", "Tools", "Fail"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Legs", no_wrap=True)
    table.add_column("First prompt", ratio=1, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*_session_cells(row))
    return table


def _session_cells(row: Row) -> list[Text]:
    failures = row["tool_failure_count"]
    return [
        _plain(row["session_id"][:8]),
        Text(str(row["started_at"])[5:16]),
        _plain(_who(row).partition("@")[0]),
        Text(_cost(row)),
        Text(_short(sum(row[name] for name in _TOKEN_COLUMNS))),
        Text(str(row["tool_call_count"])),
        Text(str(failures), "red" if failures else ""),
        Text(row["coverage"]),
        _one_line(row["first_prompt"]) if row.get("first_prompt") else Text(_no_text(row), "dim"),
    ]


def _cost(row: Row) -> str:
    """Return what a session cost; hooks alone know nothing of it."""
    is_known = row["coverage"] != "hook" or row["cost_usd"]
    return usd(row["cost_usd"]) if is_known else "?"


def _no_text(row: Row) -> str:
    return "(private)" if row.get("is_private") else "(no text)"


def days_table(rows: Sequence[Row]) -> Table:
    """Return rows of `cost_by_day` with a bar each; a day far above the median of the others is marked."""
    table = _table()
    table.add_column("Day", no_wrap=True)
    table.add_column("Sessions", justify="right", no_wrap=True)
    table.add_column("Cost", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    highest = max((row["cost_usd"] for row in rows), default=0)
    for index, row in enumerate(rows):
        factor = _factor([day["cost_usd"] for day in rows], index)
        style = "bold red" if factor >= SPIKE_FACTOR else ""
        bar = "█" * max(1, round(_BAR_CELLS * row["cost_usd"] / highest)) if highest else ""
        note = f"spike: {factor:.1f} x the median" if style else ""
        table.add_row(
            row["day"], str(row["sessions"]), f"${row['cost_usd']:,.2f}", Text(bar, style or "blue"), note, style=style
        )
    return table


def _factor(costs: Sequence[float], index: int) -> float:
    others = [cost for at, cost in enumerate(costs) if at != index]
    ordinary = median(others) if others else 0
    return costs[index] / ordinary if ordinary else 0


def transcript_of(found: Row, turns_max: int | None = None, rows_max: int | None = None) -> RenderableType:
    """
    Return one session, by turn, each with what it cost.

    Args:
        found: what `read_session` returns; with `tool_calls` (rows of that view) failed calls are told from the others.
        turns_max: show so many turns and say how many more there are; None for all.
        rows_max: the same for the rows of each turn.
    """
    session, turns = found["session"], found["turns"]
    calls = found.get("tool_calls", ())
    failed = {call["tool_use_id"] for call in calls if call["success"] is False}
    denied = {call["tool_use_id"] for call in calls if call["decision"] == "reject"}
    parts: list[RenderableType] = [_session_heading(session)]
    if found["transcript"] is None:
        parts.append(Text("the text views may not be read with this user: numbers only", "dim"))
    spoken = _by_turn(found["transcript"] or (), turns)
    parts += _rows_of(spoken.get(_BEFORE, []), _Ended(failed, denied), rows_max)
    for turn in turns[:turns_max]:
        parts += [Text(), _turn_heading(turn)]
        parts += _rows_of(spoken.get(turn["prompt_id"], []), _Ended(failed, denied), rows_max)
    if turns_max is not None and len(turns) > turns_max:
        parts.append(Text(f"… {len(turns) - turns_max} turns more", "dim"))
    else:
        parts += _rows_of(spoken.get(_AFTER, []), _Ended(failed, denied), rows_max)
    return Group(*parts)


class _Ended(NamedTuple):
    """Tool use ids of the calls that did not end well."""

    failed: set[str]
    denied: set[str]


_BEFORE, _AFTER = "before", "after"
"""Keys of what belongs to no turn, e.g. a session's start and end; no prompt id is a word."""


def _by_turn(transcript: Iterable[Row], turns: Sequence[Row]) -> dict[str, list[Row]]:
    known = {turn["prompt_id"] for turn in turns}
    grouped: dict[str, list[Row]] = {}
    place = _BEFORE
    for row in transcript:
        if row["prompt_id"] in known:
            place = _AFTER
        grouped.setdefault(row["prompt_id"] if row["prompt_id"] in known else place, []).append(row)
    return grouped


def _session_heading(session: Row) -> Text:
    heading = Text.assemble(("Session ", "bold"), (_CONTROL.sub("�", session["session_id"]), "bold"))
    parts = (
        str(session["started_at"])[:19],
        session["surface"],
        _who(session),
        _counted(session["turn_count"], "turn"),
        _counted(
            session["tool_call_count"], "tool call", session["tool_failure_count"], session["tool_rejected_count"]
        ),
        session["coverage"],
        "private: its text is forgotten" if session["is_private"] else "",
        f"{usd(session['cost_usd'])} ({session['cost_source']})"
        if _cost(session) != "?"
        else "cost unknown (hooks only)",
    )
    return heading.append("\n").append_text(_plain(" · ".join(part for part in parts if part)))


def _turn_heading(turn: Row) -> Text:
    machine = " (machine-made)" if turn["is_human"] is False else ""
    heading = Text(f"Turn {turn['turn_index']}{machine}", "bold reverse")
    heading.append(f" {str(turn['started_at'])[11:19]} ", "not reverse")
    counts = (
        _counted(turn["api_request_count"], "API call"),
        _counted(turn["tool_call_count"], "tool call", turn["tool_failure_count"], turn["tool_rejected_count"]),
    )
    heading.append(usd(turn["cost_usd"]), "bold not reverse")
    return heading.append(f" · {' · '.join(counts)}", "not reverse not bold")


def _rows_of(rows: Sequence[Row], ended: _Ended, rows_max: int | None) -> list[RenderableType]:
    if not rows:
        return []
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(no_wrap=True, min_width=9)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    for row in rows[:rows_max]:
        cost = Text(usd(row["cost_usd"]) if row["cost_usd"] else "", "dim")
        grid.add_row(_speaker(row), _said(row, ended), cost)
    hidden = 0 if rows_max is None else max(0, len(rows) - rows_max)
    return [grid, Text(f"{'':9} … {hidden} rows more in this turn", "dim")] if hidden else [grid]


def _speaker(row: Row) -> Text:
    name: str = {"tool_call": "  call", "tool_result": "  result"}.get(row["kind"], str(row["kind"]))
    agent = " (agent)" if row["agent_id"] and row["kind"] != "subagent" else ""
    return Text(name + agent, _KIND_STYLES.get(row["kind"], "dim"))


def _said(row: Row, ended: _Ended) -> Text:
    if row["kind"] in ("tool_call", "tool_result"):
        text = _one_line(row["text"])
        if row["kind"] == "tool_call":
            denied = ("denied ", "red") if row["tool_use_id"] in ended.denied else ""
            text = Text.assemble(denied, (row["tool_name"], "bold"), " ", text, no_wrap=True, overflow="ellipsis")
        elif row["tool_use_id"] in ended.failed:
            text.stylize("red")
    else:
        text = _plain(row["text"].strip()) if row["text"] else Text("(text not captured)", "dim")
        if text.plain.startswith("API error"):
            text.stylize("red")
    return text.append(" [truncated]", "dim") if row["is_truncated"] else text


def usd(cost: float) -> str:
    """Return dollars: two digits from one dollar on, below it as many as the cost has, up to six."""
    if abs(cost) >= 1:
        return f"${cost:,.2f}"
    whole, _, digits = f"{cost:.6f}".partition(".")
    return f"${whole}.{digits.rstrip('0'):0<2}"


def _who(row: Row) -> str:
    name: str = row["user_email"] or row["attributes"].get("enduser.id", "") or row["user_id"][:8]
    return name


def _counted(count: int, noun: str, failed: int = 0, rejected: int = 0) -> str:
    ended = [f"{number} {how}" for number, how in ((failed, "failed"), (rejected, "denied")) if number]
    return f"{count} {noun}{'' if count == 1 else 's'}" + (f" ({', '.join(ended)})" if ended else "")


def _short(count: int) -> str:
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)


def _plain(text: str) -> Text:
    return Text(_CONTROL.sub("�", text))


def _one_line(text: str) -> Text:
    return Text(_CONTROL.sub("�", " ".join(text.split())), no_wrap=True, overflow="ellipsis")


def _table() -> Table:
    return Table(box=None, padding=(0, 1, 0, 0), header_style="bold", expand=False)
