"""
What `status.look` returns -> tables for a terminal.
"""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text


def status_tables(told: dict[str, Any]) -> Group:
    """Return a section for each part; an empty part is a sentence."""
    interpreter, endpoint = told["interpreter"], told["endpoint"]
    python = (
        f"{interpreter['version']} {interpreter['path']}" if interpreter["version"] else "none: nothing is recorded"
    )
    lines = [
        f"interpreter: {python}",
        *(f"  {line}" for line in interpreter["passed_over"]),
        f"endpoint: {endpoint['finding']}",
        *(f"warning: {line}" for line in told["warnings"]),
    ]
    installed = [
        {
            "plugin": one["plugin_id"],
            "version": one["version"] or "not there",
            "scope": one["scope"],
            "enabled": "yes" if one["is_enabled"] else "no",
            "folder": one["folder"],
        }
        for one in told["installed"]
    ]
    return Group(
        *_section(installed, "not installed: `argus-otel plugin install`"),
        *(Text(line) for line in lines),
        *_section(told["settings"], "no settings are in force"),
        *_section([_spool(one) for one in told["spools"]], "nothing was recorded on this machine yet"),
        *_section(told["private"], "no private sessions"),
    )


def _spool(one: dict[str, Any]) -> dict[str, Any]:
    dropped = ", ".join(f"{count} by {reason}" for reason, count in one["dropped"].items())
    lost = [f"{one[f'{word}_count']} {word}" for word in ("rejected", "refused", "damaged") if one[f"{word}_count"]]
    return {
        "spool of": one["endpoint"],
        "waiting": f"{one['waiting_count']} ({one['waiting_bytes']} bytes)",
        "oldest": one["oldest_at"],
        "shipped": one["shipped_count"],
        "lost": ", ".join([*lost, *([f"dropped {dropped}"] if dropped else [])]) or "none",
        "last shipped": one["last_shipped_at"],
        "last error": f"{one['last_error_at']} {one['last_error']}".strip(),
    }


def _section(rows: list[dict[str, Any]], nothing: str) -> list[Table | Text]:
    if not rows:
        return [Text(nothing)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_told(value)) for value in row.values()))
    return [table]


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
