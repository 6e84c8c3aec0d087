"""
(dashboards, table of alert rules, a description of a Grafana) -> the files it is provisioned with, or Kubernetes ConfigMaps
of them.

What lies in grafana-dashboards/provisioning/ is what comes out by default. Traps of Grafana's file provisioning that shape
the files: in labels, titles and names `$` is expanded from the environment, in a query's model and in annotations it is not
(newest versions expand `${NAME}` in annotations: we write none); a file of notification policies would replace all that are
there, so there is none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import jinja2
import yaml

from argus_otel.errors import ConfigError
from argus_otel.grafana import dashboards
from argus_otel.grafana.alerts import thresholds
from argus_otel.grafana.alerts.rules import GROUPS, Group, Panel, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

Part = Literal["dashboards", "alerting", "datasources"]
Files = dict[str, str]

PARTS: tuple[Part, ...] = ("dashboards", "alerting", "datasources")
HEADER = "# Written by `argus-otel grafana render`, which writes over it: change its options, not this file.\n"
DATASOURCE_UID = "argus-clickhouse"
CONFIGMAP_BYTES_MAX = 1 << 20
"""What Kubernetes takes as one object; `kubectl apply` needs --server-side from 256 KiB on."""

# The labels that the side-car of Grafana's Helm chart looks for unless it is told otherwise.
_SIDECAR_LABELS: dict[Part, str] = {
    "dashboards": "grafana_dashboard",
    "alerting": "grafana_alert",
    "datasources": "grafana_datasource",
}


@dataclass(frozen=True, slots=True)
class Grafana:
    """
    The Grafana that the files are for.

    Attributes:
        datasource_uid: the data source that rules ask and links choose.
        content_datasource_uid: the one for panels with text; empty: the same.
        url: its address; empty: what Grafana itself says of its address, its setting `root_url`.
        folder: title of the folder that dashboards and rules lie in.
        clickhouse: HTTP interface of ClickHouse as Grafana reaches it, with the login's name; no password in it.
        content_clickhouse: the same for the second data source.
        database: where the views are.
        runbooks: address of docs/runbooks.md.
        dashboards_path: where dashboards/ lies in Grafana's own file system.
        settings: what of the rules is not the default, by rule.

    Raises:
        ConfigError: an address or a name that cannot be one.
    """

    datasource_uid: str = DATASOURCE_UID
    content_datasource_uid: str = ""
    url: str = ""
    folder: str = "Argus"
    clickhouse: str = "http://localhost:8123"
    content_clickhouse: str = ""
    database: str = "argus"
    runbooks: str = "docs/runbooks.md"
    dashboards_path: str = "/var/lib/grafana/dashboards/argus"
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.url and not _is_http(self.url):
            raise ConfigError(f"--grafana-url {self.url}: an address begins with https:// or http://")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.database):
            raise ConfigError(f"--database {self.database}: a database's name has letters, digits and _ only")

    @property
    def content_uid(self) -> str:
        return self.content_datasource_uid or self.datasource_uid

    @property
    def folder_uid(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.folder.lower()).strip("-") or "argus"


def render(grafana: Grafana, parts: tuple[Part, ...] = PARTS) -> Files:
    """
    Return the files by path, as Grafana wants them below its provisioning folder and the folder of dashboards.

    Raises:
        ConfigError: an address that cannot be used.
    """
    files: Files = {}
    if "alerting" in parts:
        for group in GROUPS:
            files[f"provisioning/alerting/{group.name}.yaml"] = _yaml(
                {"apiVersion": 1, "groups": [_group(group, grafana)]}
            )
    if "datasources" in parts:
        files["provisioning/datasources/argus.yaml"] = _yaml(_datasources(grafana))
    if "dashboards" in parts:
        files["provisioning/dashboards/argus.yaml"] = _yaml(_provider(grafana))
        for path in sorted((dashboards.folder() / "dashboards").glob("*.json")):
            files[f"dashboards/{path.name}"] = _dashboard(path, grafana)
    return files


def configmaps(grafana: Grafana, parts: tuple[Part, ...] = PARTS) -> Files:
    """
    Return the same files, each as a ConfigMap that the side-car of Grafana's Helm chart finds.

    Raises:
        ConfigError: a file is larger than a ConfigMap may be, or an address that cannot be used.
    """
    maps: Files = {}
    for path, text in render(grafana, parts).items():
        part: Part = "dashboards" if path.endswith(".json") else path.split("/")[1]  # type: ignore[assignment] # the folders are named as the parts
        if path == "provisioning/dashboards/argus.yaml":
            continue  # the chart brings a provider of its own for what the side-car finds
        name = re.sub(r"[^a-z0-9]+", "-", f"argus-otel-{part}-{Path(path).stem.removeprefix('argus-')}")
        made = _yaml(_configmap(name, part, Path(path).name, text, grafana))
        if len(made.encode()) > CONFIGMAP_BYTES_MAX:
            raise ConfigError(f"{path} is too large for a ConfigMap: mount it as a file (--format files)")
        maps[f"{name}.yaml"] = made
    return maps


def write(files: Files, out: Path) -> list[Path]:
    """
    Write files below a folder and return those that changed.

    Raises:
        ConfigError: one of them is there and is not ours, or cannot be written.
    """
    if foreign := [str(out / path) for path in files if not _is_ours(out / path)]:
        raise ConfigError(
            f"{', '.join(foreign)} was not written by argus-otel: name another folder with --out, or move it away"
        )
    changed = changes(files, out)
    try:
        for path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path.relative_to(out).as_posix()], encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from error
    return changed


def changes(files: Files, out: Path) -> list[Path]:
    """Return the paths below `out` whose content is not, or not yet, that of `files`."""
    return [out / path for path, text in files.items() if not _has(out / path, text)]


def statement(rule: Rule, figure: str, grafana: Grafana) -> str:
    """Return what a rule asks for one of its figures: the rule's rows, as Grafana takes them."""
    settings = thresholds.settings_of(rule, grafana.settings)
    rows = (
        _templates()
        .get_template(f"{rule.name}.sql")
        .render(argus=grafana.database, rule=rule.name, window_s=rule.window_s, **settings)
    )
    # Comments stand in the first query only: they read as documentation there, and once is enough.
    lines = (line for line in rows.strip().splitlines() if figure == "over" or not line.lstrip().startswith("--"))
    inner = "\n".join(f"    {line}".rstrip() for line in lines)
    # Grafana makes labels of String columns; what is dictionary-encoded it might not know for one.
    columns = f"CAST(workspace, 'String') AS workspace, toFloat64({figure}) AS {figure}"
    return f"SELECT {columns}\nFROM\n(\n{inner}\n)\nORDER BY workspace"


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.PackageLoader("argus_otel.grafana", "alerts"),
                jinja2.PackageLoader("argus_otel.schema", "sql"),  # its macros: users are named there as in the views
            ]
        ),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - SQL, not HTML; nothing but numbers that were checked is rendered
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _group(group: Group, grafana: Grafana) -> dict[str, Any]:
    rules = [_rule(rule, grafana) for rule in group.rules]
    return {"orgId": 1, "name": group.name, "folder": grafana.folder, "interval": group.interval, "rules": rules}


def _rule(rule: Rule, grafana: Grafana) -> dict[str, Any]:
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "firing",
        "dashboardUid": rule.panel.dashboard,
        "panelId": _panel_id(rule.panel),
        "for": rule.for_,
        "keepFiringFor": rule.keep_firing_for,
        "noDataState": "OK",
        "execErrState": rule.if_failing,
        "isPaused": grafana.settings.get(rule.name, {}).get(thresholds.PAUSED, False),
        "labels": {"severity": rule.severity, "rule": rule.name},
        "annotations": _annotations(rule, grafana),
        "data": [
            *(_query(rule, figure, grafana) for figure in rule.figures),
            *(_reduce(figure) for figure in rule.figures),
            _threshold(),
        ],
    }


def _annotations(rule: Rule, grafana: Grafana) -> dict[str, str]:
    # Grafana's own address ends in a slash.
    base = f"{grafana.url.rstrip('/')}/" if grafana.url else "{{ externalURL }}"
    window = '&from={{ printf "%.0f" $values.from_ms.Value }}&to={{ printf "%.0f" $values.to_ms.Value }}'
    sources = f"&var-datasource={grafana.datasource_uid}&var-content={grafana.content_uid}"
    where = f"?var-workspace={{{{ urlquery $labels.workspace }}}}{window}{sources}"
    settings = thresholds.settings_of(rule, grafana.settings)
    summary = re.sub(r"<(\w+)>", lambda named: f"{settings[named[1]]:g}", rule.summary)
    annotations = {"summary": summary, "runbook_url": f"{grafana.runbooks}#{rule.name}"}
    if rule.if_failing == "Error":
        return annotations  # it fires without a row, so without values to make a link of
    return {
        **annotations,
        "sessions": f"{base}d/argus-sessions{where}{rule.sessions}",
        "dashboard": f"{base}d/{rule.panel.dashboard}{where}",
    }


def _panel_id(panel: Panel) -> int:
    found = {one.title: one.id for one in dashboards.load(panel.dashboard).panels}
    if panel.title not in found:
        raise ConfigError(f"{panel.dashboard} has no panel {panel.title!r}: there are {', '.join(found)}")
    return found[panel.title]


def _query(rule: Rule, figure: str, grafana: Grafana) -> dict[str, Any]:
    ref_id = f"{figure}_rows"
    return {
        "refId": ref_id,
        "relativeTimeRange": {"from": rule.window_s + rule.delay_s, "to": rule.delay_s},
        "datasourceUid": grafana.datasource_uid,
        "model": {
            "refId": ref_id,
            "datasource": {"type": dashboards.CLICKHOUSE, "uid": grafana.datasource_uid},
            "editorType": "sql",
            "queryType": "table",
            "format": dashboards.TABLE,
            "rawSql": statement(rule, figure, grafana),
            "intervalMs": 60_000,
            "maxDataPoints": 43_200,
        },
    }


def _reduce(figure: str) -> dict[str, Any]:
    return _expression(
        figure, {"type": "reduce", "expression": f"{figure}_rows", "reducer": "last", "settings": {"mode": "dropNN"}}
    )


def _threshold() -> dict[str, Any]:
    condition = {
        "type": "query",
        "evaluator": {"type": "gt", "params": [0]},
        "operator": {"type": "and"},
        "query": {"params": ["firing"]},
        "reducer": {"type": "last", "params": []},
    }
    return _expression("firing", {"type": "threshold", "expression": "over", "conditions": [condition]})


def _expression(ref_id: str, model: dict[str, Any]) -> dict[str, Any]:
    expressions = {"type": "__expr__", "uid": "__expr__"}
    return {
        "refId": ref_id,
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": ref_id, "datasource": expressions, **model},
    }


def _datasources(grafana: Grafana) -> dict[str, Any]:
    sources = [_datasource("Argus", grafana.datasource_uid, grafana.clickhouse, "ARGUS_OTEL_GRAFANA_PASSWORD", grafana)]
    if grafana.content_uid != grafana.datasource_uid:
        clickhouse = grafana.content_clickhouse or grafana.clickhouse
        password = "ARGUS_OTEL_GRAFANA_CONTENT_PASSWORD"  # noqa: S105 - the name of the variable
        sources.append(_datasource("Argus, with text", grafana.content_uid, clickhouse, password, grafana))
    return {"apiVersion": 1, "datasources": sources}


def _is_http(address: str) -> bool:
    url = urlsplit(address)
    return url.scheme in ("http", "https") and bool(url.hostname)


def _datasource(name: str, uid: str, clickhouse: str, password: str, grafana: Grafana) -> dict[str, Any]:
    url = urlsplit(clickhouse)
    if not _is_http(clickhouse):
        raise ConfigError(f"{clickhouse!r} is no HTTP address of ClickHouse: http://user@host:8123")
    if url.password:
        raise ConfigError(f"no password in a file: leave it out of the address and set {password} where Grafana runs")
    is_secure = url.scheme == "https"
    return {
        "name": name,
        "uid": uid,
        "type": dashboards.CLICKHOUSE,
        "access": "proxy",
        "editable": False,
        "jsonData": {
            "host": url.hostname,
            "port": url.port or (8443 if is_secure else 8123),
            "protocol": "http",
            "secure": is_secure,
            "username": url.username or "default",
            "defaultDatabase": grafana.database,
            "dialTimeout": "10",
            "queryTimeout": "60",
            "enableMapKeysDiscovery": False,
        },
        "secureJsonData": {"password": f"${password}"},
    }


def _provider(grafana: Grafana) -> dict[str, Any]:
    provider = {
        "name": "argus",
        "orgId": 1,
        "folder": grafana.folder,
        "folderUid": grafana.folder_uid,
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": grafana.dashboards_path, "foldersFromFilesStructure": False},
    }
    return {"apiVersion": 1, "providers": [provider]}


def _dashboard(path: Path, grafana: Grafana) -> str:
    """Return a dashboard; byte for byte as it lies there, unless it has to choose a data source or another database."""
    text = path.read_text(encoding="utf-8")
    uids = {"datasource": grafana.datasource_uid, "content": grafana.content_uid}
    if set(uids.values()) == {DATASOURCE_UID} and grafana.database == "argus":
        return text
    found = json.loads(text)
    for variable in found["templating"]["list"]:
        if uid := uids.get(variable["name"]):
            variable["current"] = {"text": uid, "value": uid}
    moved = _in_database(found, grafana.database)
    return json.dumps(moved, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _in_database(part: Any, database: str) -> Any:
    """Return a part of a dashboard with its statements asking another database."""
    if isinstance(part, list):
        return [_in_database(item, database) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: re.sub(r"\bargus\.(?=\w)", f"{database}.", value)
        if key in ("rawSql", "definition")
        else _in_database(value, database)
        for key, value in part.items()
    }


def _configmap(name: str, part: Part, file: str, text: str, grafana: Grafana) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "labels": {"app.kubernetes.io/name": "argus-otel", _SIDECAR_LABELS[part]: "1"},
    }
    if part == "dashboards":
        metadata["annotations"] = {"grafana_folder": grafana.folder}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {file: text}}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(document: dict[str, Any]) -> str:
    body: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=200)
    return HEADER + body


def _has(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _is_ours(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError):
        return False
    if path.suffix != ".json":
        return text.startswith(HEADER)
    try:
        return bool(json.loads(text)["uid"] == path.stem)
    except (ValueError, KeyError, TypeError):
        return False
