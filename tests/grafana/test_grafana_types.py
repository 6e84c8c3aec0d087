"""
The dashboards' JSON against the types that Grafana itself is written in, of the oldest and of the newest supported release:
npm's @grafana/schema, by the TypeScript compiler.

A dashboard, and of each panel its options and its own field settings, become literals of their types, so a misspelt key, a
value that no enum has, or a text for a number is red.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opening import uids

from argus_otel.grafana.dashboards import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.grafana.dashboards import Dashboard

PACKAGE = Path(__file__).parent / "types"
INSTALLED = Path(sys.prefix) / "grafana-types"
"""Beside everything else that this environment has installed."""
RELEASES = {"oldest": "11.6.16", "newest": "13.2.3"}
OPTIONS = {
    "stat": "Stat", "timeseries": "TimeSeries", "table": "Table", "barchart": "BarChart", "bargauge": "BarGauge",
    "piechart": "PieChart", "gauge": "Gauge", "heatmap": "Heatmap", "histogram": "Histogram",
    "state-timeline": "StateTimeline", "status-history": "StatusHistory", "logs": "Logs", "text": "Text",
    "nodeGraph": "NodeGraph",
}  # fmt: skip
"""What npm has types for; the traces panel has none."""
WITH_FIELD_CONFIG = {
    "timeseries",
    "table",
    "barchart",
    "piechart",
    "heatmap",
    "histogram",
    "state-timeline",
    "status-history",
}


@pytest.fixture(scope="module")
def installed() -> Path:
    """Return the folder with the types of each release, and TypeScript."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: the dashboards' types are not checked")
    for name, release in RELEASES.items():
        _install(npm, INSTALLED / name, (PACKAGE / "package.json").read_text().replace("GRAFANA", release))
    return INSTALLED


def _install(npm: str, folder: Path, wanted: str) -> None:
    package = folder / "package.json"
    if package.is_file() and package.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    package.write_text(wanted)
    install = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    told = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=240)
    if told.returncode != 0:
        shutil.rmtree(folder)
        pytest.skip(f"@grafana/schema cannot be had here: {told.stderr.strip()[-300:]}")


def test_the_json_has_grafanas_types(installed: Path, tmp_path: Path) -> None:
    for file in ("tsconfig.json", "plain.ts"):
        shutil.copy(PACKAGE / file, tmp_path)
    for name in RELEASES:
        (tmp_path / name).symlink_to(installed / name)
    for uid in uids():
        (tmp_path / f"{uid}.ts").write_text("\n".join(lines(load(uid))))
    told = subprocess.run(
        ["node", str(installed / "newest/node_modules/typescript/bin/tsc"), "--project", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert told.returncode == 0, told.stdout[:6000]


def lines(dashboard: Dashboard) -> Iterator[str]:
    """Yield a TypeScript module that holds a dashboard as values of Grafana's types."""
    yield 'import type { Known } from "./plain.js";'
    yield 'import type { Dashboard as OldDashboard } from "./oldest/node_modules/@grafana/schema/dist/esm/index.mjs";'
    yield 'import type { Dashboard as NewDashboard } from "./newest/node_modules/@grafana/schema/dist/types/index.js";'
    for kind in sorted({panel.kind for panel in dashboard.panels} & OPTIONS.keys()):
        yield from _imports(kind)
    yield _value("dashboard", "Known<OldDashboard, NewDashboard>", _typed(dashboard.json))
    for panel in dashboard.panels:
        if panel.kind in OPTIONS:
            name = OPTIONS[panel.kind]
            yield f"// {panel.title}"
            options = f"Partial<Known<Old{name}Options, New{name}Options>>"
            yield _value(f"options_{panel.id}", options, panel.json.get("options", {}))
            fields = panel.settings("").get("custom", {})
            if panel.kind in WITH_FIELD_CONFIG and fields:
                yield _value(f"fields_{panel.id}", f"Partial<Known<Old{name}Fields, New{name}Fields>>", fields)


def _imports(kind: str) -> Iterator[str]:
    name, folder = OPTIONS[kind], kind.replace("-", "").lower()
    raw = "node_modules/@grafana/schema/dist/{}/raw/composable/" + f"{folder}/panelcfg/x/"
    files = {
        "Old": f"./oldest/{raw.format('esm')}{name}PanelCfg_types.gen.js",
        "New": f"./newest/{raw.format('types')}types.gen.js",
    }
    for age, file in files.items():
        fields = f", FieldConfig as {age}{name}Fields" if kind in WITH_FIELD_CONFIG else ""
        yield f'import type {{ Options as {age}{name}Options{fields} }} from "{file}";'


def _typed(dashboard: Any) -> Any:
    """Leave out what no type of Grafana's own has: a query variable's `definition`, what a plugin's annotation asks."""
    variables = [
        {key: value for key, value in one.items() if key != "definition"} for one in dashboard["templating"]["list"]
    ]
    annotations = [
        {key: value for key, value in one.items() if key != "target"} for one in dashboard["annotations"]["list"]
    ]
    return {**dashboard, "templating": {"list": variables}, "annotations": {"list": annotations}}


def _value(name: str, kind: str, value: Any) -> str:
    return f"export const {name}: {kind} = {json.dumps(value, indent=2, ensure_ascii=False)};"
