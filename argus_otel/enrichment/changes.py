"""
One change that an operator makes -> rows, in one INSERT.

A change travels as a JSON document to the running service, whose engine nobody else can write to, or is applied to a server
directly. Each is newer than what it changes, also where a clock was set back.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from argus_otel.enrichment.invoices import InvoiceLine
from argus_otel.enrichment.people import Person
from argus_otel.errors import ConfigError, PermanentError
from argus_otel.privacy.redaction import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argus_otel.store import Store

Scope = Literal["workspace", "team", "user"]

_MONTH_USD_MAX = 1e9
_NAME_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Budget:
    """
    What may be spent in a month, in USD; None removes it.

    Raises:
        ConfigError: the amount is none.
    """

    scope: Scope
    name: str
    month_usd: float | None

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.month_usd is not None and not (math.isfinite(self.month_usd) and 0 < self.month_usd <= _MONTH_USD_MAX):
            raise ConfigError(
                f"a month's budget is more than 0 and at most {_MONTH_USD_MAX:,.0f} USD (given: {self.month_usd})"
            )

    def rows(self) -> list[dict[str, Any]]:
        """Return the row of budget_facts."""
        nanousd = 0 if self.month_usd is None else round(self.month_usd * 1e9)
        return [
            {"scope": self.scope, "name": self.name, "month_nanousd": nanousd, "is_removed": self.month_usd is None}
        ]


@dataclass(frozen=True, slots=True)
class Mute:
    """Whom alerts leave alone: an empty rule, workspace or user is any; `is_removed` ends it."""

    rule: str
    workspace: str
    user_key: str
    reason: str
    is_removed: bool

    def __post_init__(self) -> None:
        for text in (self.rule, self.workspace, self.user_key, self.reason):
            _check_name(text, or_empty=True)

    def rows(self) -> list[dict[str, Any]]:
        """Return the row of mute_facts."""
        return [asdict(self)]


@dataclass(frozen=True, slots=True)
class People:
    """The whole list; it replaces the former one, and an empty one removes it."""

    people: tuple[Person, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of people_facts."""
        return [asdict(person) for person in self.people]


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a provider counted; replaces what was imported of its name, workspace and periods. Without lines, all of the name."""

    name: str
    workspace: str
    lines: tuple[InvoiceLine, ...]

    def __post_init__(self) -> None:
        _check_name(self.name, or_empty=True)
        _check_name(self.workspace, or_empty=True)
        if not self.name:
            raise ConfigError("an invoice needs a name")

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of invoice_facts."""
        return [{"name": self.name, "workspace": self.workspace, **asdict(line)} for line in self.lines]


Change = Budget | Mute | People | Invoice

_TABLES: dict[type[Change], tuple[str, str]] = {
    Budget: ("budget_facts", "set_at"),
    Mute: ("mute_facts", "set_at"),
    People: ("people_facts", "imported_at"),
    Invoice: ("invoice_facts", "imported_at"),
}
"""Which table a change goes to, and the column that orders its changes."""


def as_document(change: Change) -> dict[str, Any]:
    """Return the change as JSON holds it."""
    return {"kind": type(change).__name__, **asdict(change)}


def of_document(document: Mapping[str, Any]) -> Change:
    """
    Return the change that `as_document` was made of.

    Raises:
        ConfigError: its values cannot be used.
        PermanentError: it is none.
    """
    values = {name: value for name, value in document.items() if name != "kind"}
    try:
        if document["kind"] == "People":
            return People(tuple(Person(**person) for person in values["people"]))
        if document["kind"] == "Invoice":
            lines = tuple(InvoiceLine(**line) for line in values["lines"])
            return Invoice(values["name"], values["workspace"], lines)
        kinds: dict[str, type[Budget | Mute]] = {"Budget": Budget, "Mute": Mute}
        return kinds[document["kind"]](**values)
    except (KeyError, TypeError) as error:
        raise PermanentError(f"this is no change that the service knows: {error}; is its version another?") from error


def apply(store: Store, argus: str, change: Change) -> None:
    """
    Store the change in database `argus`.

    Raises:
        StoreError: nothing is changed.
    """
    table, time_column = _TABLES[type(change)]
    name = f"{argus}.{table}"
    if isinstance(change, People) and not change.people:
        store.execute(f"TRUNCATE TABLE {name}")
        return
    if isinstance(change, Invoice) and not change.lines:
        where = f"name = {quote(change.name)} AND workspace = {quote(change.workspace)}"
        store.execute(f"ALTER TABLE {name} DELETE WHERE {where} SETTINGS mutations_sync = 2")
        return
    [latest] = store.rows(f"SELECT toUnixTimestamp64Nano(max({time_column})) AS at_ns FROM {name}")
    at_ns = max(time.time_ns(), int(latest["at_ns"]) + 1)
    _insert(store, name, [{time_column: _seconds(at_ns), **row} for row in change.rows()])
    if isinstance(change, People):
        # Who is not on the list any more is not kept either.
        store.execute(f"ALTER TABLE {name} DELETE WHERE {time_column} < fromUnixTimestamp64Nano(toInt64({at_ns}))")


def _insert(store: Store, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = ", ".join(rows[0])
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    store.execute(f"INSERT INTO {table} ({columns}) FORMAT JSONEachRow\n{lines}")


def _seconds(at_ns: int) -> str:
    return f"{at_ns // 10**9}.{at_ns % 10**9:09}"


def _check_name(text: str, *, or_empty: bool = False) -> None:
    if not or_empty and not text:
        raise ConfigError("a budget needs the name of its workspace, team or user")
    if len(text) > _NAME_LENGTH_MAX or not text.isprintable():
        raise ConfigError(
            f"{text[:50]!r} is longer than {_NAME_LENGTH_MAX} characters or holds some that cannot be printed"
        )
