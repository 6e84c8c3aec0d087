"""
The demo's data -> one page: the alert as it would have been paged, and the dashboards that its links lead through.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from rich.status import Status

from argus_otel.grafana.alerting import read_rules
from argus_otel.grafana.dashboards import folder
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.preview import Notice, Page, Visit, render_page
from argus_otel.query import SessionFilter, list_sessions

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rich.console import Console

    from argus_otel.grafana.alerting import Instance, ProvisionedRule
    from argus_otel.store import ServerStore

_DAY_MS = 86_400_000
_SHOWN_DAYS = 7
"""The week before it is there too, to be held against."""
_SECTIONS_MAX = 16
_HOUR = timedelta(hours=1)
_LINKS = {"sessions": "Sessions of that time, costliest first", "dashboard": "The dashboard of that time"}
_FIRST = ("argus-overview", "argus-cost", "argus-tools", "argus-governance", "argus-versions", "argus-pipeline")


def write_page(reader: ServerStore, file: Path, now_ms: int, console: Console) -> Page:
    """
    Write the page to `file` and return it.

    Raises:
        StoreError: the service does not answer.
        ConfigError: the file cannot be written.
    """
    week = TimeRange(now_ms - _SHOWN_DAYS * _DAY_MS, now_ms)
    with Status("Rendering the dashboards", console=console) as status:
        page = render_page(
            reader,
            [Visit(uid, (), week) for uid in _FIRST],
            title="argus-otel demo",
            sections_max=_SECTIONS_MAX,
            notices=_notices(reader),
            progress=lambda title: status.update(f"Rendering {title}"),
        )
    page.write(file)
    return page


def _notices(reader: ServerStore) -> list[Notice]:
    """Return what would have been paged first while the costliest session ran."""
    [costliest] = list_sessions(reader, "argus", SessionFilter(sort="cost", limit=1))
    rules = _rules()
    at, ended_at = costliest["started_at"].replace(tzinfo=UTC), costliest["ended_at"].replace(tzinfo=UTC)
    # At the end of each hour: what came later within it is there already.
    at = at.replace(minute=0, second=0, microsecond=0)
    while at <= ended_at:
        at += _HOUR
        for rule in rules:
            over = [instance for instance in rule.evaluated(reader, at) if instance.is_over]
            if over:
                return [_notice(rule, over[0], at)]
    return []


def _rules() -> list[ProvisionedRule]:
    files = sorted((folder() / "provisioning" / "alerting").glob("*.yaml"))
    rules = [rule for file in files for rule in read_rules(file.read_text(encoding="utf-8"))]
    return [rule for rule in rules if rule.labels["severity"] == "page" and rule.exec_err_state == "KeepLast"]


def _notice(rule: ProvisionedRule, instance: Instance, at: datetime) -> Notice:
    labels = "  ".join(f"{name}={value}" for name, value in sorted(instance.labels.items()))
    links = [(_LINKS[name], instance.annotations[name]) for name in _LINKS]
    lines = [f"{at:%Y-%m-%d %H:%M} UTC", instance.annotations["summary"], labels]
    return Notice(f"Alert: {rule.title}", "page", lines, links)
