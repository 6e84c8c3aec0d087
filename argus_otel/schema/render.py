"""
SQL templates -> statements, for the embedded engine, a server or a cluster: the same SQL.

Each file of sql/ holds one statement. Its folder is its layer, its number its place. Tables (layers landing and facts, a
`CREATE TABLE`) are made once, changed by later files (an `ALTER TABLE`, once) and, where they came later than what they are
made of, filled (an `INSERT INTO … SELECT`, once, that may be repeated); views are rendered from the configuration
(redaction rules, dropped events) and replaced when their text changes.

Over tables that the collector itself fills (landing.py) the same files are rendered; what would make, change or read
anything else in that database is left out.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Literal

import jinja2

from argus_otel.privacy.redaction import Redaction, is_not_content, load_redaction, quote
from argus_otel.schema.cluster import clustered, shard_of
from argus_otel.schema.landing import WORKSPACE, Landing
from argus_otel.schema.prices import model_prices
from argus_otel.schema.risks import risk_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Kind = Literal["table", "alteration", "fill", "materialized_view", "view"]

PARTS_GONE_AT_ONCE = (
    "old_parts_lifetime = 1, cleanup_delay_period = 1, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 1, "
    "merge_tree_clear_old_parts_interval_seconds = 1, min_rows_to_fsync_after_merge = 1"
)
"""Of a table with content: a part that was replaced is deleted within seconds, the newer one having been synced. A new
table has it from the start, because a clean-up that is scheduled already comes half a minute later; an older one is
altered, and its statement counts as the same."""

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
    landing: Landing | None = None
    """The tables of `otel_database` if the collector fills them itself; None: our own, which the loader fills."""

    @property
    def on_cluster(self) -> str:
        """Return the clause of statements that all nodes run, with a space before it."""
        return f" ON CLUSTER '{self.cluster}'" if self.cluster else ""

    @property
    def databases(self) -> tuple[str, ...]:
        """Return those that a migration makes; on a cluster a shard has its own tables apart."""
        if self.landing:
            return (self.argus_database,)
        names = (self.otel_database, self.argus_database)
        return (*names, *map(shard_of, names)) if self.cluster else names


@dataclass(frozen=True, slots=True)
class Statement:
    """One rendered statement; `name` is its file's, without the suffix."""

    name: str
    kind: Kind
    target: str
    sql: str

    @property
    def checksum(self) -> str:
        """Of how rows are kept: comments, white space and how soon old parts go do not count."""
        sql = self.sql.replace(f", {PARTS_GONE_AT_ONCE}", "")
        lines = (re.sub(r"\s*-- .*|^-+$", "", line).strip() for line in sql.splitlines())
        return hashlib.sha256("\n".join(line for line in lines if line).encode()).hexdigest()

    @property
    def select(self) -> str:
        """The query of a view, for `ALTER TABLE … MODIFY QUERY`."""
        return self.sql.split(" AS\n", 1)[1]

    @property
    def into(self) -> str:
        """The table that a materialized view fills."""
        return self.sql.split(" AS\n", 1)[0].rpartition(" TO ")[2]


def render(settings: SchemaSettings) -> list[Statement]:
    """Return all statements in the order in which they are to be applied."""
    templates = environment(settings)
    statements = [statement for statement in _statements(templates) if _is_of(settings, statement)]
    return clustered(settings, statements) if settings.cluster else statements


def _statements(templates: jinja2.Environment) -> Iterator[Statement]:
    """Yield what the files say; one that says nothing is for the other kind of landing tables."""
    for layer in _layers():
        for file in statement_files(layer):
            if statement := _statement(templates, layer, file):
                yield statement


def bare(sql: str) -> str:
    """Return it without comments and literals, which may look like names."""
    return re.sub(r"--.*|'(?:[^'\\]|\\.)*'", "", sql)


def landing_views(settings: SchemaSettings, table: str, among: str) -> list[Statement]:
    """Return the materialized views that read a table of the collector's, reading only the rows of which `among` holds."""
    source = f"{settings.otel_database}.{table} "
    names = {one.name for one in render(settings) if one.kind == "materialized_view" and source in one.sql}
    templates = environment(settings)
    templates.globals["records"] = _records(settings, among)
    return [statement for statement in _statements(templates) if statement.name in names]


def _is_of(settings: SchemaSettings, statement: Statement) -> bool:
    """Over the collector's tables: is this none of theirs, and does it read only what is there? A backfill fills."""
    if settings.landing is None:
        return True
    # Only a table's own prefix: a database may be called like something that a view names for itself.
    read = set(re.findall(rf"\b{settings.otel_database}\.(ot(?:el|lp)_\w+)", bare(statement.sql)))
    is_theirs = statement.target.startswith(f"{settings.otel_database}.")
    return not is_theirs and read <= settings.landing.tables and not (read and statement.kind == "fill")


def _records(settings: SchemaSettings, among: str = "") -> Callable[[str, str], str]:
    """Return what says where a view's records come from: a table, or those of the collector's that the condition holds of."""

    def records(table: str, condition: str) -> str:
        if settings.landing is None:
            return f"{settings.otel_database}.{table}"
        return settings.landing.records(
            settings.otel_database, table, f"{condition} AND {among}" if among else condition
        )

    return records


def environment(settings: SchemaSettings) -> jinja2.Environment:
    """Return what renders the templates of sql/."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("argus_otel.schema", "sql"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - SQL, not HTML; nothing but our own configuration is rendered
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(_globals(settings))
    templates.filters["quoted"] = quote
    templates.globals["checksum_of"] = lambda *files: _checksum_of(templates, files)
    return templates


def statement_files(folder: str) -> list[str]:
    """Return the names of a folder's statements, in order."""
    found = resources.files(__package__).joinpath("sql", folder).iterdir()
    return sorted(file.name for file in found if file.name.endswith(".sql"))


def protobuf_schema() -> str:
    """Return otlp.proto, to be sent with each INSERT."""
    return resources.files(__package__).joinpath("otlp.proto").read_text()


def _globals(settings: SchemaSettings) -> dict[str, object]:
    redaction = settings.redaction
    return {
        "otel": settings.otel_database,
        "argus": settings.argus_database,
        "landing": settings.landing,
        "has_event_name": settings.landing is None or settings.landing.has_event_name,
        "records": _records(settings),
        "workspace_of_record": "workspace" if settings.landing is None else WORKSPACE,
        # A view over the collector's tables must never fail for how many months a batch is of.
        "partition_by": lambda key: "" if settings.landing else f"PARTITION BY {key}",
        "on_cluster": f"ON CLUSTER '{settings.cluster}'" if settings.cluster else "",
        "engine": lambda name, *arguments: _engine(name, settings.cluster, *arguments),
        "engine_everywhere": lambda name: _engine(name, settings.cluster, of_shard="all"),
        "parts_gone_at_once": PARTS_GONE_AT_ONCE,
        "is_not_content": is_not_content,
        "has_secret": redaction.has_secret,
        "redact_text": redaction.redact_text,
        "redact_maps": redaction.redact_maps,
        "redaction_marks": redaction.marks,
        "sentinels": ", ".join(map(quote, SENTINELS)),
        "model_prices": model_prices(),
        "risk_rules": risk_rules(),
        "drop_events": ", ".join(map(quote, settings.drop_events)),
    }


def _engine(name: str, cluster: str | None, *arguments: str, of_shard: str = "{shard}") -> str:
    """Return the engine's clause; what an operator set is the same on `all` shards, every node being a replica of it."""
    if cluster is None:
        return f"{name}({', '.join(arguments)})" if arguments else name
    replica = "{replica}" if of_shard == "{shard}" else "{shard}-{replica}"
    path = f"/clickhouse/tables/{of_shard}/{{database}}/{{table}}"
    return f"Replicated{name}({', '.join((quote(path), quote(replica), *arguments))})"


def _checksum_of(templates: jinja2.Environment, files: Sequence[str]) -> str:
    """Return what changes when the statement in one of the files does."""
    checksums = [made.checksum for file in files if (made := _statement(templates, *file.split("/", 1)))]
    return hashlib.sha256("".join(checksums).encode()).hexdigest()[:16]


_KINDS: dict[str, Kind] = {
    "CREATE TABLE": "table",
    "ALTER TABLE": "alteration",
    "INSERT INTO": "fill",
    "CREATE MATERIALIZED VIEW": "materialized_view",
    "CREATE OR REPLACE VIEW": "view",
}


def _layers() -> list[str]:
    """Return the numbered folders: what a migration applies."""
    found = resources.files(__package__).joinpath("sql").iterdir()
    return sorted(entry.name for entry in found if entry.is_dir() and entry.name[0].isdigit())


def _statement(templates: jinja2.Environment, layer: str, file: str) -> Statement | None:
    if not (sql := templates.get_template(f"{layer}/{file}").render().strip()):
        return None
    first = next(line for line in sql.splitlines() if line.startswith(tuple(_KINDS)))
    kind = next(kind for prefix, kind in _KINDS.items() if first.startswith(prefix))
    target = next(word for word in first.split() if "." in word)
    return Statement(file.removesuffix(".sql"), kind, target, sql)
