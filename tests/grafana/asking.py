"""Statements -> answers with their columns' types, from the endpoint that a Grafana would ask."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services import Service


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows by column name; times are datetime, UTC."""

    types: dict[str, str]
    rows: list[dict[str, Any]]

    @property
    def columns(self) -> list[str]:
        return list(self.types)

    def kind(self, column: str) -> str:
        """Return what Grafana makes of the column: time, number, boolean, string or other."""
        name = bare(self.types[column])
        if name.startswith("Date"):
            return "time"
        if name.startswith(("Int", "UInt", "Float", "Decimal")):
            return "number"
        if name == "Bool":
            return "boolean"
        return "string" if name.startswith(("String", "Enum", "FixedString", "UUID")) else "other"

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]


def bare(name: str) -> str:
    """Return a type without what may be around it."""
    for around in ("LowCardinality(", "Nullable(", "LowCardinality("):
        if name.startswith(around):
            name = name.removeprefix(around).removesuffix(")")
    if name.startswith("SimpleAggregateFunction("):
        return bare(name.removesuffix(")").split(", ", 1)[1])
    return name


@cache
def ask(service: Service, sql: str) -> Answer:
    """Run a statement, or know its answer: nothing is added while tests run. AssertionError has ClickHouse's own words."""
    answer = json.loads(service.query(sql, "JSON"))
    types = {column["name"]: column["type"] for column in answer["meta"]}
    assert len(types) == len(answer["meta"]), f"two columns have one name: {[c['name'] for c in answer['meta']]}"
    read = Answer(types, answer["data"])
    for name in types:
        if read.kind(name) == "time":
            for row in read.rows:
                row[name] = None if row[name] is None else datetime.fromisoformat(row[name]).replace(tzinfo=UTC)
        elif read.kind(name) == "number":
            for row in read.rows:
                row[name] = _number(row[name])
    return read


def _number(value: Any) -> Any:
    """64-bit integers come as text."""
    if not isinstance(value, str):
        return value
    return int(value) if value.lstrip("-").isdigit() else float(value)
