"""
Rows of a query and a panel's field configuration -> fields as the panel shows them: named, formatted, coloured, linked.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from argus_otel.grafana.preview.values import css_colour, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argus_otel.grafana.dashboards import Panel

Kind = Literal["time", "number", "boolean", "string", "other"]


@dataclass(frozen=True, slots=True)
class Frame:
    """A query's answer by column; `kinds` are seen in the values, a column of NULLs alone is `other`."""

    names: list[str]
    columns: dict[str, list[Any]]
    kinds: dict[str, Kind]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Frame:
        names = list(rows[0]) if rows else []
        columns = {name: [row[name] for row in rows] for name in names}
        return cls(names, columns, {name: _kind(values) for name, values in columns.items()})

    @property
    def row_count(self) -> int:
        return len(self.columns[self.names[0]]) if self.names else 0

    def row(self, index: int) -> dict[str, Any]:
        return {name: values[index] for name, values in self.columns.items()}

    def labels(self, index: int) -> dict[str, str]:
        """Return what names the series that a row belongs to."""
        return {name: str(self.columns[name][index]) for name in self.of_kind("string")}

    def of_kind(self, kind: Kind) -> list[str]:
        return [name for name in self.names if self.kinds[name] == kind]


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as it stands in the panel."""

    text: str
    colour: str = ""


@dataclass(slots=True)
class Field:
    """How one column, or one series, is shown."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return str(self.settings.get("displayName") or self.name)

    @property
    def is_hidden(self) -> bool:
        custom = self._custom
        hidden_from = custom.get("hideFrom", {})
        return bool(custom.get("hidden") or hidden_from.get("viz"))

    @property
    def links(self) -> list[dict[str, Any]]:
        return list(self.settings.get("links", []))

    @property
    def unit(self) -> str:
        return str(self.settings.get("unit", ""))

    @property
    def colour(self) -> str:
        """The field's own colour; empty if it takes one from the palette or from thresholds."""
        colour = self.settings.get("color", {})
        return css_colour(colour["fixedColor"]) if colour.get("mode") == "fixed" and "fixedColor" in colour else ""

    @property
    def is_by_threshold(self) -> bool:
        return bool(self.settings.get("color", {}).get("mode") == "thresholds")

    def custom(self, name: str, otherwise: Any = None) -> Any:
        return self._custom.get(name, otherwise)

    @property
    def _custom(self) -> dict[str, Any]:
        custom: dict[str, Any] = self.settings.get("custom", {})
        return custom

    def show(self, value: Any) -> Shown:
        """Return the value's text by mapping, unit and `noValue`, and its colour by mapping or threshold."""
        if mapped := _mapped(self.settings.get("mappings", ()), value):
            colour = mapped.get("color", "")
            return Shown(str(mapped.get("text") or text_of(value, self.unit)), css_colour(colour) if colour else "")
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return Shown(str(self.settings.get("noValue", "-")))
        colour = self._threshold_colour(value) if self.is_by_threshold else ""
        return Shown(text_of(value, self.unit, self.settings.get("decimals")), colour)

    def _threshold_colour(self, value: Any) -> str:
        if not isinstance(value, int | float):
            return ""
        colour = ""
        for step in self.settings.get("thresholds", {}).get("steps", ()):
            if step.get("value") is None or value >= step["value"]:
                colour = step["color"]
        return css_colour(colour) if colour else ""


def field_of(panel: Panel, name: str, kind: Kind, label: str | None = None) -> Field:
    """
    Return the field of a panel's column.

    Args:
        label: the series' name where the column became several series; overrides match either.
    """
    return Field(label or name, panel.settings(kind, name, *([label] if label else [])))


def _kind(values: Iterable[Any]) -> Kind:
    for value in values:
        if value is None:
            continue
        if isinstance(value, bool):
            return "boolean"
        if isinstance(value, int | float):
            return "number"
        if isinstance(value, datetime):
            return "time"
        return "string" if isinstance(value, str) else "other"
    return "other"


def _mapped(mappings: Iterable[Mapping[str, Any]], value: Any) -> Mapping[str, Any] | None:
    for mapping in mappings:
        options = mapping["options"]
        match mapping["type"]:
            case "value":
                key = text_of(value) if value is not None else "null"
                if key in options:
                    return _as_result(options[key])
            case "special" if options["match"] in _special_names(value):
                return _as_result(options["result"])
            case "range" if isinstance(value, int | float):
                lower, upper = options.get("from"), options.get("to")
                if (lower is None or value >= lower) and (upper is None or value <= upper):
                    return _as_result(options["result"])
            case "regex" if isinstance(value, str) and re.search(options["pattern"].strip("/"), value):
                return _as_result(options["result"])
    return None


def _as_result(result: Any) -> Mapping[str, Any]:
    return result if isinstance(result, dict) else {"text": str(result)}


def _special_names(value: Any) -> tuple[str, ...]:
    if value is None:
        return ("null", "null+nan")
    if value == "":
        return ("empty",)
    if isinstance(value, bool):
        return ("true",) if value else ("false",)
    return ("nan", "null+nan") if isinstance(value, float) and math.isnan(value) else ()
