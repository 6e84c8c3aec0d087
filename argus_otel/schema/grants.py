"""
The schema -> the least rights of who works with it, read off the statements themselves.

    migrator   makes and changes what is there; the materialized views go on working with its rights
    service    inserts what it receives, sums up, erases, keeps what operators set
    numbers    reads every view and table without a text in it
    texts      reads the others too

Of tables that a collector fills the migrator and the readers read what they need; no service runs there.

A view runs with the rights of whoever asks it, so what it reads is granted with it; a materialized view with those of the
migrator, whom nobody may drop therefore.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from argus_otel.schema.cluster import READING_SETTINGS
from argus_otel.schema.erasure import PrivateSession, erasure_statements
from argus_otel.schema.render import bare, render
from argus_otel.schema.rollup import RollupStatements, session_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argus_otel.schema.render import SchemaSettings

Role = Literal["migrator", "service", "numbers", "texts"]
ROLES: tuple[Role, ...] = ("migrator", "service", "numbers", "texts")

WITH_TEXT = ("texts", "otel_logs", "otel_traces")
"""The tables that hold what was said and done in words."""
_SET_BY_OPERATORS = "34"
"""How the names of the statements begin that make tables of what operators set and take back: people, budgets, mutes, …"""
_READ_BY_SERVICE = (
    "schema_migrations",
    "erasure_facts",
    "session_facts",
    "dropped_records",
    "erasures",
    "people_facts",
)
"""What the service asks for beside what its statements name: docs/operations.md, the commands and the eraser."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One GRANT: rights, in ClickHouse's words, on `database.table`, or on all of a database or of the server with `*`."""

    rights: tuple[str, ...]
    on: str

    def to(self, grantee: str, on_cluster: str = "") -> str:
        """Return the statement."""
        return f"GRANT{on_cluster} {', '.join(self.rights)} ON {self.on} TO {grantee}"


class Grants:
    """Of one schema."""

    def __init__(self, settings: SchemaSettings) -> None:
        self._settings = settings
        self._statements = render(settings)
        made = [statement for statement in self._statements if statement.kind in ("table", "view")]
        self._made = {statement.target: statement.kind for statement in made}
        self._read = {statement.target: self._named(statement.sql) - {statement.target} for statement in made}

    def of(self, role: Role) -> list[Grant]:
        """Return what a role needs, and nothing else; one grant per thing."""
        return {"migrator": self._migrator, "service": self._service, "numbers": self._numbers, "texts": self._texts}[
            role
        ]()

    def of_materialized_views(self) -> list[Grant]:
        """Return what these do: with the migrator's rights, where a server keeps who made them."""
        wanted: list[tuple[str, str]] = []
        for statement in self._statements:
            if statement.kind == "materialized_view":
                wanted += [("SELECT", name) for name in self._named(statement.select)]
                wanted += [("INSERT", name) for name in re.findall(r" TO (\w+\.\w+) AS", statement.sql)]
        return _grouped(wanted)

    def as_sql(self) -> str:
        """Return the statements that make each role and a user of it, to be looked through, given passwords, and run."""
        on_cluster = f" ON CLUSTER '{self._settings.cluster}'" if self._settings.cluster else ""
        blocks = [self._profile(on_cluster)] if self._settings.cluster else []
        for role in ROLES:
            if role == "service" and self._settings.landing:
                continue
            name, login = f"argus_{role}", f"argus_{role}_login"
            profile = " SETTINGS PROFILE 'argus_cluster'" if self._settings.cluster else ""
            lines = [f"CREATE ROLE IF NOT EXISTS {name}{on_cluster}{profile}"]
            lines += [grant.to(name, on_cluster) for grant in self.of(role)]
            lines += [
                f"CREATE USER IF NOT EXISTS {login}{on_cluster} IDENTIFIED WITH sha256_password BY '<password of {login}>'",
                f"GRANT{on_cluster} {name} TO {login}",
            ]
            blocks.append("\n".join(f"{line};" for line in lines))
        return "\n\n".join(blocks)

    def _profile(self, on_cluster: str) -> str:
        """Return what every role's queries are run with on a cluster."""
        settings = ", ".join(f"{name} = '{value}'" for name, value in READING_SETTINGS.items())
        return f"CREATE SETTINGS PROFILE IF NOT EXISTS argus_cluster{on_cluster} SETTINGS {settings};"

    def _migrator(self) -> list[Grant]:
        makes = ("CREATE DATABASE", "CREATE TABLE", "CREATE VIEW", "DROP TABLE", "DROP VIEW")
        changes = ("ALTER COLUMN", "ALTER SETTINGS", "ALTER VIEW MODIFY QUERY")
        in_databases = [
            Grant((*makes, *changes, "SHOW", "SELECT", "INSERT"), f"{database}.*")
            for database in self._settings.databases
        ]
        if self._settings.landing:
            in_databases.append(Grant(("SHOW", "SELECT"), f"{self._settings.otel_database}.*"))
            in_databases.append(Grant(("TRUNCATE",), f"{self._settings.argus_database}.backfilled"))
        engines = {name for made in self._statements for name in re.findall(r"\bENGINE = (\w+)", made.sql)}
        if self._settings.landing:
            engines.add("MergeTree")  # of what is noted of the backfill
        in_databases += [Grant(("TABLE ENGINE",), engine) for engine in sorted(engines)]
        on_all = [Grant(("CLUSTER", "REMOTE"), "*.*")] if self._settings.cluster else []
        # A backfill waits for INSERTs that are under way; tables with several replicas are refused.
        in_system = ("tables", "processes", "replicas") if self._settings.landing else ("tables",)
        return [*in_databases, *on_all, *(Grant(("SELECT",), f"system.{name}") for name in in_system)]

    def _service(self) -> list[Grant]:
        argus = self._settings.argus_database
        wanted = [("INSERT", name) for name, kind in self._made.items() if kind == "table" and ".otlp_" in name]
        if self._settings.cluster:
            # A shard does not know who made the view that sends it rows: whoever inserted is asked for the right.
            wanted += [(right, grant.on) for grant in self.of_materialized_views() for right in grant.rights]
        for sql in self._statements_of_service():
            wanted += self._rights_in(sql)
        wanted.append(("INSERT", f"{argus}.erasure_facts"))
        for statement in self._statements:
            if statement.kind == "table" and statement.name.startswith(_SET_BY_OPERATORS):
                wanted += [(right, statement.target) for right in ("INSERT", "SELECT", "ALTER DELETE", "TRUNCATE")]
        # On a cluster, what is inserted into all shards is inserted into one of them.
        wanted += [
            ("INSERT", shard) for right, name in wanted if right == "INSERT" for shard in self._read.get(name, ())
        ]
        asked = {name for right, name in wanted if right == "SELECT"}
        asked |= {f"{argus}.{name}" for name in _READ_BY_SERVICE}
        wanted += [("SELECT", name) for name in self._with_what_is_read(asked)]
        on_all = [Grant(("CLUSTER", "REMOTE", "SYSTEM SYNC REPLICA"), "*.*")] if self._settings.cluster else []
        in_system = [Grant(("SELECT",), f"system.{name}") for name in ("mutations", "parts", "tables")]
        return [*_grouped(wanted), *on_all, *in_system]

    def _numbers(self) -> list[Grant]:
        texts = self._with_text()
        asked = {name for name in self._readable() if not self._with_what_is_read({name}) & texts}
        return self._select(asked)

    def _texts(self) -> list[Grant]:
        return self._select(self._readable() | self._with_text())

    def _select(self, names: set[str]) -> list[Grant]:
        return [Grant(("SELECT",), name) for name in sorted(self._with_what_is_read(names))]

    def _with_text(self) -> set[str]:
        return {name for name in self._made if name.rpartition(".")[2] in WITH_TEXT}

    def _readable(self) -> set[str]:
        """Return the views, and the tables of facts."""
        of_facts = f"{self._settings.argus_database}."
        return {name for name, kind in self._made.items() if kind == "view" or name.startswith(of_facts)}

    def _statements_of_service(self) -> list[str]:
        rollup = RollupStatements(self._settings)
        erasure = erasure_statements(self._settings, [PrivateSession("default", "any", 0, 0)])
        summing = [rollup.state, rollup.slice, rollup.sessions, rollup.unmark, rollup.mark(0)]
        summing.append(rollup.roll([session_key("default", "any")]))
        return [*summing, *(one.sql for one in erasure), *(one.count for one in erasure)]

    def _rights_in(self, sql: str) -> list[tuple[str, str]]:
        """Return what a statement does to what; what it only adds to or empties it does not read."""
        sql = bare(sql)
        changes = [("INSERT", name) for name in re.findall(r"INSERT INTO (\w+\.\w+)", sql)]
        changes += [("TRUNCATE", name) for name in re.findall(r"TRUNCATE TABLE (\w+\.\w+)", sql)]
        unread = {name for _, name in changes if sql.count(name) == 1}
        for name, change in re.findall(r"ALTER TABLE (\w+\.\w+)[^(]*?\b(UPDATE|DELETE)\b", sql):
            changes.append((f"ALTER {change}", name))
        return [*changes, *(("SELECT", name) for name in self._named(sql) - unread)]

    def _with_what_is_read(self, names: set[str]) -> set[str]:
        """Return these with all that views among them read, and those read."""
        found, waiting = set(names), list(names)
        while waiting:
            new = self._read.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    def _named(self, sql: str) -> set[str]:
        databases = "|".join({*self._settings.databases, self._settings.otel_database})
        return set(re.findall(rf"\b(?:{databases})\.\w+", bare(sql)))


def _grouped(wanted: Iterable[tuple[str, str]]) -> list[Grant]:
    rights: dict[str, set[str]] = {}
    for right, name in wanted:
        rights.setdefault(name, set()).add(right)
    return [Grant(tuple(sorted(rights[name])), name) for name in sorted(rights)]
