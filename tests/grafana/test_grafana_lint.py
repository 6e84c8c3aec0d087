"""The dashboards' JSON: the rules of grafana's dashboard-linter that apply, and ours: nothing undefined, nothing unsafe."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opening import questions, sql_of, uids

from argus_otel.grafana.dashboards import CLICKHOUSE, folder, load, load_all
from argus_otel.grafana.macros import ALL, PANEL_MACROS
from argus_otel.grafana.variables import BUILT_IN_NAMES, references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.grafana.dashboards import Dashboard, Panel

PLANNED = "overview cost sessions session tools governance versions pipeline".split()
CORE_PANELS = frozenset(
    """
    stat timeseries table barchart bargauge piechart gauge heatmap histogram state-timeline status-history logs traces text
    nodeGraph
    """.split()
)
WITHOUT_FIGURES = {"text", "logs", "traces", "nodeGraph", "state-timeline", "status-history"}
COLUMNS = 24
LINK_VARIABLES = frozenset({"__value", "__data", "__field", "__series"})
TEXT = re.compile(
    r"\botel\.|argus\.(session_text|turn_text|tool_text|transcript|\w+_messages|messages|interjections|notes|texts)\b"
)
SAFE_FORMAT = "percentencode"
"""The only one that every supported Grafana makes safe inside a statement."""


@pytest.fixture(params=uids())
def dashboard(request: pytest.FixtureRequest) -> Dashboard:
    return load(request.param)


def each_panel() -> pytest.MarkDecorator:
    panels = [(dashboard, panel) for dashboard in load_all() for panel in dashboard.panels]
    return pytest.mark.parametrize(
        ("dashboard", "panel"), panels, ids=[f"{one.uid}: {panel.title or panel.id}" for one, panel in panels]
    )


def test_all_dashboards_are_there() -> None:
    assert sorted(uids()) == sorted(f"argus-{name}" for name in PLANNED)


def test_a_file_is_named_after_its_uid(dashboard: Dashboard) -> None:
    path = folder() / "dashboards" / f"{dashboard.uid}.json"
    assert json.loads(path.read_text(encoding="utf-8"))["uid"] == dashboard.uid
    assert len(dashboard.uid) <= 40
    assert dashboard.title


def test_it_is_the_builders(dashboard: Dashboard) -> None:
    builder = Path(__file__).parents[2] / "grafana-dashboards" / "builder"
    name = dashboard.uid.removeprefix("argus-")
    told = subprocess.run([sys.executable, str(builder), "--check", name], capture_output=True, text=True)
    assert told.returncode == 0, f"run `python grafana-dashboards/builder {name}`: {told.stdout}{told.stderr}"


def test_grafana_reads_it_as_we_meant(dashboard: Dashboard) -> None:
    told = dashboard.json
    assert told["schemaVersion"] == 39, "what the oldest supported Grafana reads"
    assert told["id"] is None
    assert told["editable"] is False
    assert told["tags"] == ["argus"]
    assert "__inputs" not in told, "only an import in the browser reads them"
    [link] = [link for link in dashboard.links if link["type"] == "dashboards"]
    assert link["tags"] == ["argus"]
    assert link["asDropdown"]
    assert link["includeVars"]
    assert link["keepTime"]


def test_there_is_a_data_source_to_choose(dashboard: Dashboard) -> None:
    """template-datasource-rule; the other one is for text."""
    sources = {one["name"]: one for one in dashboard.variables if one["type"] == "datasource"}
    assert set(sources) <= {"datasource", "content"}
    assert sources["datasource"]["label"] == "Data source"
    assert all(one["query"] == CLICKHOUSE for one in sources.values())


def test_variables_are_read_again_when_the_time_changes(dashboard: Dashboard) -> None:
    """template-on-time-change-reload-rule; and each says what it is."""
    names = [one["name"] for one in dashboard.variables]
    assert len(names) == len(set(names))
    for variable in dashboard.variables:
        if variable["type"] == "query":
            assert variable["refresh"] == 2, variable["name"]
            assert variable["datasource"] == {"type": CLICKHOUSE, "uid": "${datasource}"}, variable["name"]
            assert variable["query"]["rawSql"] == variable["definition"] == sql_of(variable)
        assert variable.get("label") or variable.get("hide") == 2, variable["name"]


def test_panels_stand_apart_and_in_the_page(dashboard: Dashboard) -> None:
    everything = list(_everything(dashboard.json["panels"]))
    ids = [panel["id"] for panel in everything]
    assert len(ids) == len(set(ids))
    taken: dict[tuple[int, int], str] = {}
    for panel in everything:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= COLUMNS, panel["title"]
        assert place["h"] > 0
        for cell in (
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ):
            assert cell not in taken, f"{panel['title']} lies on {taken[cell]}"
            taken[cell] = panel["title"]


def test_every_variable_that_is_named_is_defined(dashboard: Dashboard) -> None:
    defined = {one["name"] for one in dashboard.variables}
    for where, text in _texts(dashboard.json):
        is_sql = where.endswith(("rawSql", "definition"))
        for name, path, _ in references(text):
            is_macro = is_sql and name.startswith("__")  # those have a test of their own
            known = name in defined | BUILT_IN_NAMES or (name in LINK_VARIABLES and path) or is_macro or text == ALL
            assert known, f"{where}: ${{{name}}} is not defined in {text!r}"


def test_every_variable_is_used(dashboard: Dashboard) -> None:
    used = {name for where, text in _texts(dashboard.json) for name, _, _ in references(text)}
    for variable in dashboard.variables:
        assert variable["name"] in used, f"{variable['name']} changes nothing"


@each_panel()
def test_a_panel_says_what_it_shows(dashboard: Dashboard, panel: Panel) -> None:
    """panel-title-description-rule, panel-no-targets-rule, panel-datasource-rule; core panels only."""
    assert panel.kind in CORE_PANELS
    assert panel.title or panel.kind == "text"
    assert panel.kind == "text" or len(panel.description) > 20, "says nothing of what it shows"
    assert panel.kind == "text" or panel.targets, "asks nothing"
    for target in panel.targets:
        assert target.source in {"${datasource}", "${content}"}, target.source
        if target.sql:
            assert target.json["editorType"] == "sql"
            assert target.json["datasource"]["type"] == CLICKHOUSE
    refs = [target.ref_id for target in panel.targets]
    assert len(refs) == len(set(refs))


@each_panel()
def test_a_figure_has_a_unit(dashboard: Dashboard, panel: Panel) -> None:
    """panel-units-rule: in the panel, or in each column of a table."""
    config = panel.json.get("fieldConfig", {})
    units = [config.get("defaults", {}).get("unit")] + [
        setting["value"]
        for override in config.get("overrides", ())
        for setting in override["properties"]
        if setting["id"] == "unit"
    ]
    assert panel.kind in WITHOUT_FIGURES or any(units), "no unit"
    for unit in filter(None, units):
        assert unit in UNITS or unit.startswith(("suffix:", "prefix:", "time:", "count:", "currency:")), (
            f"no such unit: {unit}"
        )


def test_only_macros_that_every_supported_plugin_knows(dashboard: Dashboard) -> None:
    for question in questions(dashboard):
        named = set(re.findall(r"\$__(\w+)", question.sql))
        assert named <= PANEL_MACROS | {"conditionalAll", "from", "to", "interval_ms", "interval"}, question


def test_values_reach_a_statement_in_the_one_safe_way(dashboard: Dashboard) -> None:
    names = {one["name"] for one in dashboard.variables}
    for question in questions(dashboard):
        # The second argument names the variable, it is not filled in.
        filled_in = re.sub(r",\s*\$\{?\w+\}?\)", ")", question.sql)
        for name, _, form in references(filled_in):
            assert name not in names or form == SAFE_FORMAT, f"{question}: ${{{name}:{form or 'no format'}}}"
        for literal in re.findall(r"'[^']*\$\{\w+:percentencode\}[^']*'", filled_in):
            assert re.fullmatch(r"'\$\{\w+:percentencode\}'", literal), f"{question}: {literal} is more than the value"
        assert len(re.findall(r"percentencode\}", filled_in)) == len(
            re.findall(r"decodeURLComponent\('\$\{\w+:percentencode\}'\)", filled_in)
        ), question


def test_text_is_asked_of_the_source_for_text_only(dashboard: Dashboard) -> None:
    for question in questions(dashboard):
        if question.source != "${content}":
            found = TEXT.search(question.sql)
            assert found is None, f"{question} reads {found and found[0]} with the source for numbers"


def _everything(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _everything(panel.get("panels", []))


def _texts(node: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield where, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _texts(value, f"{where}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _texts(value, f"{where}[{index}]")


# Source: grafana, packages/grafana-data/src/valueFormats/categories.ts, those in use.
UNITS = frozenset(
    """
    none short percent percentunit currencyUSD string bool_yes_no bool
    ns µs ms s m h d dtdurationms dtdurations dateTimeAsIso dateTimeAsLocal dateTimeFromNow dateTimeAsSystem
    bytes decbytes bits kbytes mbytes Bps binBps
    reqps ops rps cps cpm opm eps
    """.split()
)
