"""
SQL templates -> statements, for the embedded engine, a server or a cluster: the same SQL.

Each file of sql/ holds one statement. Its folder is its layer, its number its place. Tables (layers landing and facts, a
`CREATE TABLE`) are made once and changed by later files (an `ALTER TABLE`, once); views are rendered from the configuration
(redaction rules, dropped events) and replaced when their text changes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Literal

import jinja2

from argus_otel.privacy.redaction import Redaction, load_redaction, quote
from argus_otel.schema.prices import model_prices

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Kind = Literal["table", "alteration", "materialized_view", "view"]

SENTINELS = ("<REDACTED>", "custom", "custom_skill", "third-party", "mcp_tool", "mcp_other")
"""What stands for a name that the sender redacted (facts: native telemetry, traps 3 and 12)."""


@dataclass(frozen=True, slots=True)
class SchemaSettings:
    """Where the tables live and what shapes the views."""

    otel_database: str = "otel"
    argus_database: str = "argus"
    cluster: str | None = None
    redaction: Redaction = field(default_factory=load_redaction)
    drop_events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """One rendered statement; `name` is its file's, without the suffix."""

    name: str
    kind: Kind
    target: str
    sql: str

    @property
    def checksum(self) -> str:
        """Of what the engine sees: comments and white space do not count."""
        lines = (re.sub(r"\s*-- .*|^-+$", "", line).strip() for line in self.sql.splitlines())
        return hashlib.sha256("\n".join(line for line in lines if line).encode()).hexdigest()

    @property
    def select(self) -> str:
        """The query of a view, for `ALTER TABLE … MODIFY QUERY`."""
        return self.sql.split(" AS\n", 1)[1]


def render(settings: SchemaSettings) -> list[Statement]:
    """Return all statements in the order in which they are to be applied."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("argus_otel.schema", "sql"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - SQL, not HTML; nothing but our own configuration is rendered
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_globals(settings))
    return [_statement(environment, layer.name, file) for layer in _layers() for file in _files(layer)]


def protobuf_schema() -> str:
    """Return otlp.proto, to be sent with each INSERT."""
    return resources.files(__package__).joinpath("otlp.proto").read_text()


def _globals(settings: SchemaSettings) -> dict[str, object]:
    redaction = settings.redaction
    return {
        "otel": settings.otel_database,
        "argus": settings.argus_database,
        "on_cluster": f"ON CLUSTER '{settings.cluster}'" if settings.cluster else "",
        "engine": lambda name: _engine(name, settings.cluster),
        "has_secret": redaction.has_secret,
        "redact_text": redaction.redact_text,
        "redact_maps": redaction.redact_maps,
        "sentinels": ", ".join(map(quote, SENTINELS)),
        "model_prices": model_prices(),
        "drop_events": ", ".join(map(quote, settings.drop_events)),
    }


def _engine(name: str, cluster: str | None) -> str:
    if cluster is None:
        return name
    return f"Replicated{name}('/clickhouse/tables/{{shard}}/{{database}}/{{table}}', '{{replica}}')"


_KINDS: dict[str, Kind] = {
    "CREATE TABLE": "table",
    "ALTER TABLE": "alteration",
    "CREATE MATERIALIZED VIEW": "materialized_view",
    "CREATE OR REPLACE VIEW": "view",
}


def _layers() -> list[Traversable]:
    root = resources.files(__package__).joinpath("sql")
    return sorted((entry for entry in root.iterdir() if entry.is_dir()), key=lambda entry: entry.name)


def _files(layer: Traversable) -> list[Traversable]:
    return sorted((file for file in layer.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)


def _statement(environment: jinja2.Environment, layer: str, file: Traversable) -> Statement:
    sql = environment.get_template(f"{layer}/{file.name}").render().strip()
    first = next(line for line in sql.splitlines() if line.startswith(tuple(_KINDS)))
    kind = next(kind for prefix, kind in _KINDS.items() if first.startswith(prefix))
    target = next(word for word in first.split() if "." in word)
    return Statement(file.name.removesuffix(".sql"), kind, target, sql)
