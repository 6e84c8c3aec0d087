"""
(text with `${name:format}`, choices) -> text, as Grafana's frontend fills variables in, and the plugin's own default for SQL.

A `Choice` is what is selected for one variable, a `Scope` all of them with the time range. Nothing here escapes more than
Grafana does. `singlequote` leaves a backslash as it is and `queryparam` a quote: a value that anyone may write into a link
is safe inside a statement only as `percentencode`, decoded by the server; several come as {a,b}, encoded whole.
(`customqueryparam` is as strict, but older Grafanas do not know it and would write the bare values.)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from argus_otel.grafana.macros import ALL, TimeRange, conditional_all, expand, interval_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ALL_TEXT = "All"
REFERENCE = re.compile(
    r"\$(?P<plain>\w+)"
    r"|\[\[(?P<square>\w+?)(?::(?P<square_format>\w+))?\]\]"
    r"|\$\{(?P<braced>\w+)(?:\.(?P<path>[^:^}]+))?(?::(?P<format>[^}]+))?\}",
    re.ASCII,
)
"""How Grafana finds a variable: $name, [[name]], [[name:format]], ${name}, ${name.path}, ${name:format}."""

Value = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """
    What is selected for one variable.

    Attributes:
        value: one value, or several for a multi variable; ALL or (ALL,) for all of them.
        text: what a person reads, the values themselves where there is nothing else.
        options: what All stands for.
        all_value: what All is written as instead, taken as it is.
    """

    name: str
    value: Value
    text: Value = ""
    options: tuple[str, ...] = ()
    all_value: str = ""

    @property
    def is_all(self) -> bool:
        return self.value == ALL or (isinstance(self.value, tuple) and self.value[:1] == (ALL,))

    @property
    def current(self) -> str:
        """The value as `$__conditionalAll` sees it."""
        return self.value if isinstance(self.value, str) else ",".join(self.value)


@dataclass(frozen=True, slots=True)
class Scope:
    """
    Everything a text may name.

    Attributes:
        choices: by variable name.
        extra: what only one place knows, by the whole name with its path: `__value.raw`, `__data.fields.session_id`.
        interval_ms: `$__interval`.
    """

    choices: Mapping[str, Choice]
    time_range: TimeRange
    interval_ms: int = 60_000
    extra: Mapping[str, str] = field(default_factory=dict)

    def choose(self, *choices: Choice) -> Scope:
        """Return a scope with these choices instead of what was chosen for their variables."""
        return replace(self, choices={**self.choices, **{choice.name: choice for choice in choices}})

    def interpolate(self, text: str, default: str = "glob") -> str:
        """
        Return `text` with every known variable written out once; an unknown one stays as it is.

        Args:
            default: the format where the text names none: `glob`, in a link `uriencode`, in a statement `clickhouse`.
        """
        return REFERENCE.sub(lambda found: self._written(found, default), text)

    def sent(self, sql: str) -> str:
        """Return what Grafana's frontend sends to its backend: `$__conditionalAll` and variables written out, macros not."""
        sql = conditional_all(sql, {name: choice.current for name, choice in self.choices.items()})
        return self.interpolate(sql, "clickhouse")

    def statement(self, sql: str) -> str:
        """Return what ClickHouse is asked: what the frontend sends, with the backend's macros written out."""
        return expand(self.sent(sql), self.time_range, self.interval_ms)

    def url_parameters(self) -> str:
        """Return `${__all_variables}`."""
        return "&".join(format_choice(choice, "queryparam") for choice in self.choices.values())

    def _written(self, found: re.Match[str], default: str) -> str:
        name = found["plain"] or found["square"] or found["braced"]
        form = found["square_format"] or found["format"] or default
        whole = f"{name}.{found['path']}" if found["path"] else name
        if whole in self.extra:
            return _format(self.extra[whole], form, name)
        if name in self.choices:
            return format_choice(self.choices[name], form)
        if name in _BUILT_IN:
            return _BUILT_IN[name](self, found["format"] or "")
        return found[0]


def format_choice(choice: Choice, form: str) -> str:
    """Return the choice in one of Grafana's formats; an unknown format is `glob`, as there."""
    kind = form.partition(":")[0]
    if kind == "text":
        return _text(choice)
    if kind == "queryparam":
        return _query_parameters(choice)
    if choice.is_all and not choice.options and not choice.all_value and isinstance(choice.value, str):
        return _format(choice.value, form, choice.name)  # typed, where there is no All
    if choice.is_all and choice.all_value:
        return _percent(choice.all_value) if kind == "percentencode" else choice.all_value
    return _format(choice.options if choice.is_all else choice.value, form, choice.name)


def encode_uri_component(value: str) -> str:
    """Percent-encode everything but letters, digits and -_.~ as UTF-8."""
    return quote(value, safe="")


def references(text: str) -> Iterable[tuple[str, str, str]]:
    """Yield (name, path, format) of each variable a text names; path and format are empty where there is none."""
    for found in REFERENCE.finditer(text):
        name = found["plain"] or found["square"] or found["braced"]
        yield name, found["path"] or "", found["square_format"] or found["format"] or ""


BUILT_IN_NAMES = frozenset(
    "__from __to __interval __interval_ms __url_time_range __all_variables __range_s __range_ms __timezone".split()
)


def _text(choice: Choice) -> str:
    if choice.is_all:
        return ALL_TEXT
    text = choice.text or choice.value
    return text if isinstance(text, str) else " + ".join(text)


def _query_parameters(choice: Choice) -> str:
    values = (choice.value,) if isinstance(choice.value, str) else choice.value
    return "&".join(f"var-{choice.name}={_form_encoded(value)}" for value in values)


def _form_encoded(value: str) -> str:
    """Grafana's own way for its address bar: it leaves quotes and parentheses, so this is not safe in a statement."""
    return quote(value, safe="@:$,;~!*'()")


def _percent(value: Value) -> str:
    return encode_uri_component(value if isinstance(value, str) else "{" + ",".join(value) + "}")


def _uri(value: Value) -> str:
    return quote(_glob(value), safe=";,/?:@&=+$#~")


def _glob(value: Value) -> str:
    if isinstance(value, str):
        return value
    return "{" + ",".join(value) + "}" if len(value) > 1 else ",".join(value)


def _joined(separator: str) -> Callable[[Value], str]:
    return lambda value: value if isinstance(value, str) else separator.join(value)


def _quoted(around: str, escapes: Mapping[str, str]) -> Callable[[Value], str]:
    table = str.maketrans(dict(escapes))

    def quoted(value: Value) -> str:
        return ",".join(f"{around}{one.translate(table)}{around}" for one in _each(value))

    return quoted


def _each(value: Value) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _regex(value: Value) -> str:
    escaped = [re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", one) for one in _each(value)]
    return escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"


def _lucene(value: Value) -> str:
    escaped = [re.sub(r'([!*+\-=<>\s&|()\[\]{}^~?:\\/"])', r"\\\1", one) for one in _each(value)]
    if isinstance(value, str):
        return escaped[0]
    return "(" + " OR ".join(f'"{one}"' for one in escaped) + ")" if escaped else "__empty__"


def _json(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(list(value), ensure_ascii=False, separators=(",", ":"))


def _clickhouse(value: Value) -> str:
    """The plugin's own default: several values in quotes, nothing escaped; one value bare."""
    return value if isinstance(value, str) else "'" + "','".join(value) + "'"


_FORMATS: Mapping[str, Callable[[Value], str]] = {
    "raw": _joined(","),
    "csv": _joined(","),
    "pipe": _joined("|"),
    "glob": _glob,
    "regex": _regex,
    "lucene": _lucene,
    "json": _json,
    "html": lambda value: escape(_joined(", ")(value)),
    "percentencode": _percent,
    "uriencode": _uri,
    "singlequote": _quoted("'", {"'": r"\'"}),
    "doublequote": _quoted('"', {'"': r"\""}),
    "sqlstring": _quoted("'", {"'": "''", '"': r"\""}),
    "clickhouse": _clickhouse,
}


def _format(value: Value, form: str, name: str) -> str:
    kind, *arguments = form.split(":")
    if kind == "join":
        return _joined(arguments[0] if arguments else ",")(value)
    if kind == "distributed":
        return f",{name}=".join(_each(value))
    if kind == "queryparam":
        return "&".join(f"var-{name}={encode_uri_component(one)}" for one in _each(value))
    if kind == "customqueryparam":
        key = encode_uri_component((arguments[0] if arguments else "") or name)
        prefix = encode_uri_component(arguments[1]) if len(arguments) > 1 else ""
        return "&".join(f"{key}={prefix}{encode_uri_component(one)}" for one in _each(value))
    if kind == "date":
        return _date(int(_glob(value)), ":".join(arguments))
    return _FORMATS.get(kind, _glob)(value)


def _date(time_ms: int, form: str) -> str:
    if form == "ms":
        return str(time_ms)
    if form == "seconds":
        return str(round(time_ms / 1000))
    instant = datetime.fromtimestamp(time_ms / 1000, UTC)
    if form in {"", "iso"}:
        return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    # The tokens of moment.js that a dashboard is likely to use.
    for token, code in (("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S")):
        form = form.replace(token, code)
    return instant.strftime(form)


def _time(time_ms: int, form: str) -> str:
    return _format(str(time_ms), form or "raw", "")


_BUILT_IN: Mapping[str, Callable[[Scope, str], str]] = {
    "__from": lambda scope, form: _time(scope.time_range.from_ms, form),
    "__to": lambda scope, form: _time(scope.time_range.to_ms, form),
    "__interval": lambda scope, _: interval_text(scope.interval_ms),
    "__interval_ms": lambda scope, _: str(scope.interval_ms),
    "__range_s": lambda scope, _: str((scope.time_range.to_ms - scope.time_range.from_ms) // 1000),
    "__range_ms": lambda scope, _: str(scope.time_range.to_ms - scope.time_range.from_ms),
    "__timezone": lambda *_: "UTC",
    "__url_time_range": lambda scope, _: f"from={scope.time_range.from_ms}&to={scope.time_range.to_ms}",
    "__all_variables": lambda scope, _: scope.url_parameters(),
}


def choice_from(variable: Mapping[str, Any]) -> Choice:
    """
    Return what a variable of a dashboard's JSON is set to when the dashboard opens.

    A query variable without a current value is All if it has it, else empty: the first option is not known before the
    query has run, see `Choice.options`.
    """
    current = variable.get("current") or {}
    value = current.get("value")
    kind = variable["type"]
    if kind in {"textbox", "constant"}:
        value = value if value is not None else variable.get("query", "")
    elif kind == "custom" and value in (None, "", []):
        value = _custom_options(str(variable.get("query", "")))[:1] or ""
        value = value[0] if value and not variable.get("multi") else value
    elif value in (None, "", []):
        value = ALL if variable.get("includeAll") else ""
    value = tuple(str(one) for one in value) if isinstance(value, list | tuple) else str(value)
    if variable.get("multi") and isinstance(value, str):
        value = (value,) if value else ()
    return Choice(
        variable["name"],
        value,
        options=_custom_options(str(variable.get("query", ""))) if kind == "custom" else (),
        all_value=variable.get("allValue") or "",
    )


def _custom_options(query: str) -> tuple[str, ...]:
    """Read `a,b : c` as Grafana does: a text may stand before its value; a comma is escaped by a backslash."""
    parts = [part.strip().replace("\\,", ",") for part in re.split(r"(?<!\\),", query) if part.strip()]
    return tuple(part.split(" : ", 1)[1].strip() if " : " in part else part for part in parts)
