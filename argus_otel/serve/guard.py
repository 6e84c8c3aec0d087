"""
Is this query harmless? The engine's own parser decides, before anything runs.

`formatQuery` refuses what is not one statement; `EXPLAIN AST` then says what the statement is made of, parameters put in,
and every node, function and table must stand in a list (allowed.py). Read-only mode is set as well, but is not relied on:
it stops neither `file()` nor INTO OUTFILE nor KILL in every version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argus_otel.serve import allowed
from argus_otel.serve.exceptions import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

ACCESS_DENIED = 497

_LINE = re.compile(r"^( *)([A-Za-z:]+)(?: (.*?))??(?: \(alias [^)]*\))?(?: \(children \d+\))?$")
_COMBINATORS = re.compile(
    r"(If|Array|Map|State|Merge|MergeState|Distinct|OrDefault|OrNull|Resample|ForEach|ArgMin|ArgMax|SimpleState)$"
)
_PARAMETERIZED_VIEW = re.compile(r"^`?\w+`?\.`?\w+`?$")
_STATEMENTS = frozenset({"SelectWithUnionQuery", "SelectIntersectExceptQuery", "Explain"})
_IN_FUNCTIONS = frozenset(
    f"{scope}{name}{variant}"
    for scope in ("", "global")
    for name in ("in", "notin", "nullin", "notnullin")
    for variant in ("", "ignoreset")
)


@dataclass(slots=True)
class _Node:
    """A node of the syntax tree; `child_count` grows while its children are met."""

    depth: int
    kind: str
    name: str
    child_count: int = 0


class Guard:
    """
    Knows what may be read on one engine; safe from several threads.

    Args:
        functions: (name, category, what it is an alias of) of all that the engine has.
        databases: readable ones, besides parts of `system`.
    """

    def __init__(self, functions: Collection[tuple[str, str, str]], databases: Collection[str]) -> None:
        self._databases = frozenset(databases)
        categories = {name: category for name, category, _ in functions}
        targets = {name: target or name for name, _, target in functions}
        self._functions = {
            name.lower()
            for name, target in targets.items()
            if target in allowed.OTHER_FUNCTIONS or categories.get(target) in allowed.FUNCTION_CATEGORIES
        } | allowed.SYNTAX_FUNCTIONS
        self._refused_functions = {name.lower() for name in targets} - self._functions

    def check(self, query: str, run: Callable[[str], str]) -> str:
        """
        Return the kind of statement, a node's name, if the query may run on the handle behind `run`.

        Raises:
            QueryError: code 497 for what is not allowed, else the parser's own.
        """
        nodes = [_parse(line) for line in run(f"EXPLAIN AST {query}").splitlines() if line.strip()]
        ancestors: list[_Node] = []
        for node in nodes:
            while ancestors and ancestors[-1].depth >= node.depth:
                ancestors.pop()
            self._check_node(node, ancestors)
            if ancestors:
                ancestors[-1].child_count += 1
            ancestors.append(node)
        return nodes[0].kind

    def _check_node(self, node: _Node, ancestors: list[_Node]) -> None:
        parent = ancestors[-1].kind if ancestors else ""
        if node.kind == "Set" and parent == "Explain":
            return  # how an EXPLAIN explains
        if node.kind not in allowed.NODES:
            raise _denied(f"{node.kind} is not allowed here")
        if node.kind == "Explain" and node.name not in allowed.EXPLAIN_KINDS:
            raise _denied(f"{node.name} is not allowed here")
        # A statement has no values of its own: a literal directly below it names the file it would write.
        if node.kind == "Literal" and (len(ancestors) == 1 or parent in _STATEMENTS):
            raise _denied("INTO OUTFILE is not allowed here")
        if node.kind == "Function":
            self._check_function(node.name, is_table=parent == "TableExpression")
        elif node.kind in ("TableIdentifier", "Identifier"):
            self._check_identifier(node, ancestors)
        elif node.kind in ("ShowCreateTableQuery", "ShowCreateViewQuery", "ExistsTableQuery", "ExistsViewQuery"):
            self._check_table(node.name.split(" ", 1))

    def _check_function(self, name: str, *, is_table: bool) -> None:
        if is_table:
            is_view = _PARAMETERIZED_VIEW.match(name) and name.replace("`", "").split(".")[0] in self._databases
            if name.lower() not in allowed.TABLE_FUNCTIONS and not is_view:
                raise _denied(f"table function {name} is not allowed here")
            return
        base = name
        while base.lower() not in self._functions:
            shorter = _COMBINATORS.sub("", base)
            if shorter == base:
                raise _denied(f"function {name} is not allowed here")
            base = shorter

    def _check_identifier(self, node: _Node, ancestors: list[_Node]) -> None:
        parts = node.name.replace("`", "").replace('"', "").split(".")
        called = ancestors[-2] if len(ancestors) > 1 and ancestors[-2].kind == "Function" else None
        # `arrayMap(file, …)`: a function's name as an argument is called.
        if called and len(parts) == 1 and parts[0].lower() in self._refused_functions:
            raise _denied(f"function {node.name} is not allowed here")
        # `x IN other.table`: what stands at the right of IN is a table, though no TableIdentifier.
        is_right_of_in = called and called.name.lower() in _IN_FUNCTIONS and ancestors[-1].child_count == 1
        is_system = parts[0].lower() in ("system", "information_schema")
        if len(parts) > 1 and (node.kind == "TableIdentifier" or is_right_of_in or is_system):
            self._check_table(parts)

    def _check_table(self, parts: list[str]) -> None:
        if len(parts) < 2 or not parts[0]:
            return
        database, table = parts[0], parts[1]
        if database.lower() == "information_schema" or (
            database.lower() == "system" and table in allowed.SYSTEM_TABLES
        ):
            return
        if database not in self._databases:
            raise _denied(f"table {database}.{table} is not readable here")


def _parse(line: str) -> _Node:
    match = _LINE.match(line)
    if match is None:
        raise _denied("this statement is not allowed here")
    return _Node(len(match[1]), match[2], match[3] or "")


def _denied(reason: str) -> QueryError:
    return QueryError(ACCESS_DENIED, f"{reason}: the endpoint is read-only, see docs/queries.md", "ACCESS_DENIED")


def functions_of(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return (name, category, what it is an alias of) from rows of system.functions."""
    return [
        (row["name"], "Aggregate Functions" if row["is_aggregate"] else row["categories"], row["alias_to"])
        for row in rows
    ]
