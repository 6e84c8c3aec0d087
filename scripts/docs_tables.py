"""
Write the generated parts of the docs, or with --check say which have drifted: settings from config.Config, metrics from
telemetry.Metric, views from the engine itself, risky actions and limits of the alerts from their rules.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from argus_otel.config import Config
from argus_otel.grafana.alerts.rules import RULES
from argus_otel.grafana.alerts.thresholds import as_table
from argus_otel.schema.grants import Grants
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.schema.risks import risk_rules
from argus_otel.store import EmbeddedStore
from argus_otel.telemetry import Metric

ROOT = Path(__file__).parent.parent
FIRST_SETTINGS = (
    "data_dir",
    "otlp_grpc",
    "otlp_http",
    "clickhouse",
    "clickhouse_http",
    "token_file",
    "tls_certificate",
    "drop_events",
    "redaction_enable",
)
VIEWS = (
    "sessions",
    "turns",
    "tool_calls",
    "api_requests",
    "session_text",
    "turn_text",
    "tool_text",
    "transcript",
    "messages",
    "erasures",
    "session_list",
    "session_labels",
    "cost_hourly",
    "tools_hourly",
    "activity_hourly",
    "api_errors_hourly",
    "rebuilds_hourly",
    "daily_users",
    "versions",
    "cost_anomalies",
    "findings",
    "attribute_presence",
    "people",
    "budgets",
    "budget_status",
    "invoices",
    "reported_vs_invoiced",
    "mutes",
    "pipeline_metrics",
    "meter_check",
)
_A_DAY = "from = now() - INTERVAL 1 DAY, to = now()"
PARAMETERS = {"budget_status": "at = now()", "cost_anomalies": _A_DAY, "reported_vs_invoiced": _A_DAY}
"""Of the views that are asked with some."""
BUILDING_BLOCKS = ("user_messages", "interjections", "assistant_messages", "tool_messages", "notes")


def settings_table(names: tuple[str, ...] | None = None) -> str:
    """Return the settings as a table; all, or those named."""
    lines = ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    for name, field in Config.model_fields.items():
        if names is None or name in names:
            lines.append(f"| `{name}` | `ARGUS_OTEL_{name.upper()}` | {_default(name, field)} | {field.description} |")
    return "\n".join(lines)


def metrics_table() -> str:
    """Return our own metrics as a table, by the name that Prometheus has them under."""
    lines = ["| metric | kind | unit | labels | meaning | what to do |", "|---|---|---|---|---|---|"]
    for metric in Metric:
        told = metric.value
        labels = ", ".join(f"`{label}`" for label in told.labels)
        lines.append(f"| `{told.name}` | {told.kind} | `{told.unit}` | {labels} | {told.meaning} | {told.advice} |")
    return "\n".join(lines)


def views_tables() -> str:
    """Return the columns of the views, as the engine describes them."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "clickhouse")
        try:
            migrate(store, SchemaSettings())
            for view in VIEWS:
                call = f"{view}({PARAMETERS[view]})" if view in PARAMETERS else view
                columns = store.rows(f"DESCRIBE TABLE argus.{call}")
                listed = ", ".join(f"`{column['name']}` {column['type']}" for column in columns)
                parts.append(f"### argus.{_heading(view)}\n\n{listed}\n")
        finally:
            store.close()
    return "\n".join(parts)


def _heading(view: str) -> str:
    """Return a view's name, with what has to be said to it."""
    names = [part.split(" = ")[0] for part in PARAMETERS[view].split(", ")] if view in PARAMETERS else []
    return f"{view}({', '.join(f'{name} = …' for name in names)})" if names else view


def risks_table() -> str:
    """Return the rules for risky actions as a table."""
    lines = ["| rule | category | severity | such as |", "|---|---|---|---|"]
    for rule in risk_rules():
        example = rule.matches[0].replace("|", "\\|")
        lines.append(f"| `{rule.name}` | {rule.category} | {rule.severity} | `{example}` |")
    return "\n".join(lines)


def grants_of_numbers() -> str:
    """Return what a reader of figures is granted, as SQL."""
    granted = [f"{grant.to('argus_numbers')};" for grant in Grants(SchemaSettings()).of("numbers")]
    return "\n".join(["```sql", "CREATE ROLE argus_numbers;", *granted, "```"])


def parts() -> dict[str, dict[str, str]]:
    """Return file -> name of the part -> its text."""
    return {
        "README.md": {"settings": settings_table(FIRST_SETTINGS)},
        "docs/configuration.md": {"settings": settings_table()},
        "docs/metrics.md": {"metrics": metrics_table()},
        "docs/views.md": {"risks": risks_table(), "grants": grants_of_numbers(), "views": views_tables()},
        "docs/runbooks.md": {"thresholds": as_table(RULES)},
    }


def drifted(*, write: bool) -> list[str]:
    """Return the files whose generated parts differ; with `write` put them right."""
    found = []
    for name, texts in parts().items():
        file = ROOT / name
        before = after = file.read_text()
        for part, text in texts.items():
            head, rest = after.split(f"<!-- generated: {part} -->\n", 1)
            tail = rest.split("<!-- /generated -->", 1)[1]
            after = f"{head}<!-- generated: {part} -->\n{text}\n<!-- /generated -->{tail}"
        if after != before:
            found.append(name)
            if write:
                file.write_text(after)
    return found


def _default(name: str, field: Any) -> str:
    if name == "data_dir":
        return "`~/.local/share/argus-otel`"
    if field.default is None:
        return ""
    return f"`{json.dumps(list(field.default)) if isinstance(field.default, tuple) else field.default}`"


if __name__ == "__main__":
    is_check = sys.argv[1:] == ["--check"]
    files = drifted(write=not is_check)
    sys.stdout.write("".join(f"{'drifted' if is_check else 'wrote'}: {file}\n" for file in files))
    sys.exit(1 if is_check and files else 0)
