"""
Nothing -> the dashboards of this release: their panels, questions, variables and annotations, read from their JSON.

They lie in the repository's grafana-dashboards/ or, installed, in the package's own files/; both look the same inside.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus_otel.errors import ConfigError
from argus_otel.grafana.variables import Choice, Scope, choice_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from argus_otel.grafana.macros import TimeRange

Json = dict[str, Any]

CLICKHOUSE = "grafana-clickhouse-datasource"
TIME_SERIES, TABLE, LOGS, TRACES = range(4)
"""What `format` of a target means."""


@dataclass(frozen=True, slots=True)
class Target:
    """One question of a panel; `source` is its data source's uid, as a rule `${datasource}` or `${content}`."""

    json: Json
    source: str

    @property
    def ref_id(self) -> str:
        return str(self.json["refId"])

    @property
    def sql(self) -> str:
        """Empty for a question that is not for ClickHouse."""
        return str(self.json.get("rawSql", ""))

    @property
    def format(self) -> int:
        return int(self.json.get("format", TABLE))


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; rows are no panels."""

    json: Json

    @property
    def id(self) -> int:
        return int(self.json["id"])

    @property
    def title(self) -> str:
        return str(self.json.get("title", ""))

    @property
    def description(self) -> str:
        return str(self.json.get("description", ""))

    @property
    def kind(self) -> str:
        return str(self.json["type"])

    @property
    def targets(self) -> list[Target]:
        own = (self.json.get("datasource") or {}).get("uid", "")
        return [
            Target(target, (target.get("datasource") or {}).get("uid", own)) for target in self.json.get("targets", ())
        ]

    def settings(self, kind: str, *names: str) -> Json:
        """
        Return the field configuration of a column: the defaults, then each override that fits, in order.

        Args:
            kind: time, number, boolean, string or other, for overrides by type.
            names: what the column is called; a series has its column's name and its own.
        """
        config = self.json.get("fieldConfig", {})
        settings: Json = {**config.get("defaults", {})}
        settings["custom"] = {**settings.get("custom", {})}
        for override in config.get("overrides", ()):
            if any(fits(override["matcher"], name, kind) for name in names):
                for setting in override["properties"]:
                    _set(settings, setting["id"], setting.get("value"))
        return settings

    def links(self, kind: str, *names: str) -> list[Json]:
        """Return the data links of a column; arguments as in `settings`."""
        return list(self.settings(kind, *names).get("links") or ())


def fits(matcher: Mapping[str, Any], name: str, kind: str) -> bool:
    """Return whether an override's matcher takes a column; one of a kind that is not known here takes none."""
    options = matcher.get("options")
    match matcher["id"]:
        case "byName":
            return bool(options == name)
        case "byNames":
            return name in (options or {}).get("names", ())
        case "byRegexp":
            return re.search(str(options).strip("/"), name) is not None
        case "byType":
            return bool(options == kind)
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard as its file says it."""

    json: Json

    @property
    def uid(self) -> str:
        return str(self.json["uid"])

    @property
    def title(self) -> str:
        return str(self.json["title"])

    @property
    def panels(self) -> list[Panel]:
        return [Panel(panel) for panel in _flat(self.json.get("panels", ())) if panel["type"] != "row"]

    @property
    def variables(self) -> list[Json]:
        return list(self.json.get("templating", {}).get("list", ()))

    @property
    def annotations(self) -> list[Json]:
        """Those that ask a data source."""
        return [one for one in self.json.get("annotations", {}).get("list", ()) if "target" in one]

    @property
    def links(self) -> list[Json]:
        """The dashboard's own links, above its panels."""
        return list(self.json.get("links", ()))

    def panel(self, panel_id: int) -> Panel:
        """Return the panel with this number; raises KeyError."""
        found = {panel.id: panel for panel in self.panels}
        return found[panel_id]

    def scope(self, time_range: TimeRange, interval_ms: int = 60_000) -> Scope:
        """Return what is chosen when the dashboard opens."""
        choices = [choice_from(variable) for variable in self.variables if "name" in variable]
        return Scope({choice.name: choice for choice in choices}, time_range, interval_ms)

    def chosen(self, scope: Scope, parameters: Mapping[str, Sequence[str]]) -> Scope:
        """Return the scope after an address with `var-name=value` parameters was opened; unknown names change nothing."""
        several = {variable["name"]: bool(variable.get("multi")) for variable in self.variables}
        choices = [
            Choice(name, tuple(values) if several[name] else values[-1])
            for name, values in parameters.items()
            if name in several and values
        ]
        return scope.choose(*choices)


def folder() -> Path:
    """
    Return the folder that dashboards/, provisioning/ and prometheus/ are in.

    Raises:
        ConfigError: it is in neither place: the installation is not whole.
    """
    package = Path(__file__).parent
    for candidate in (package.parent.parent / "grafana-dashboards", package / "files"):
        if (candidate / "dashboards").is_dir():
            return candidate
    raise ConfigError(f"no dashboards beside {package}: install argus-otel again, from its wheel or its repository")


def load_all() -> list[Dashboard]:
    """Return every dashboard, by uid."""
    return [_read(path) for path in sorted((folder() / "dashboards").glob("*.json"))]


def load(uid: str) -> Dashboard:
    """
    Return the dashboard with this uid.

    Raises:
        ConfigError: there is none; names those that there are.
    """
    path = folder() / "dashboards" / f"{uid}.json"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in path.parent.glob("*.json")))
        raise ConfigError(f"no dashboard {uid!r}: there are {known}")
    return _read(path)


def _read(path: Path) -> Dashboard:
    return Dashboard(json.loads(path.read_text(encoding="utf-8")))


def _flat(panels: Sequence[Json]) -> Iterator[Json]:
    for panel in panels:
        yield panel
        yield from _flat(panel.get("panels", ()))


def _set(settings: Json, path: str, value: Any) -> None:
    """Set `custom.width` inside `custom`; any other property whole."""
    first, _, rest = path.partition(".")
    if first == "custom" and rest:
        _set_inside(settings["custom"], rest, value)
    else:
        settings[path] = value


def _set_inside(custom: Json, path: str, value: Any) -> None:
    first, _, rest = path.partition(".")
    if rest:
        custom[first] = {**custom.get(first, {})}
        _set_inside(custom[first], rest, value)
    else:
        custom[first] = value
