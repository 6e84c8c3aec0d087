"""
`ask.py GRAFANA_URL CLICKHOUSE_URL OUT`: what a real Grafana answers, for where there is one.

Every panel, variable and annotation of every dashboard through /api/ds/query, with what the frontend would have filled in;
the state of every alert rule; a picture of every dashboard, by Chrome. Ends with 1 if a statement fails, a rule's evaluation
fails, a dashboard is not there or a picture cannot be made. Writes OUT/answers.json, OUT/rules.json and OUT/<uid>.png.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "service")]

from known import RANGE  # noqa: E402 - found by the line above
from opening import INTERVAL_MS, open_dashboard, questions  # noqa: E402

from argus_otel.grafana.dashboards import CLICKHOUSE, load_all  # noqa: E402

SOURCE_UID = "argus-clickhouse"
CHROMES = ("google-chrome", "chromium", "chromium-browser")


class ClickHouse:
    """Answers what variables need to know; the same as a Service of the tests."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, sql: str, form: str = "JSONEachRow") -> bytes:
        request = urllib.request.Request(f"{self.url}&{urlencode({'default_format': form})}", sql.encode())
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: bytes = response.read()
        return answer


class Grafana:
    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as response:
            return json.load(response)

    def post(self, path: str, body: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            return json.load(error)


def ask_everything(grafana: Grafana, clickhouse: ClickHouse) -> list[dict[str, Any]]:
    """Return one row per statement: where it stands, how many rows came, or what was said instead."""
    told = []
    for dashboard in load_all():
        grafana.get(f"/api/dashboards/uid/{dashboard.uid}")
        scope = open_dashboard(clickhouse, dashboard)  # type: ignore[arg-type] # it asks what a Service is asked
        for question in questions(dashboard):
            query = {
                "refId": "A",
                "datasource": {"type": CLICKHOUSE, "uid": SOURCE_UID},
                "editorType": "sql",
                "format": question.target.format if question.target else 1,
                "rawSql": scope.sent(question.sql),
                "intervalMs": INTERVAL_MS,
                "maxDataPoints": 1000,
            }
            body = {"queries": [query], "from": str(RANGE.from_ms), "to": str(RANGE.to_ms)}
            answer = grafana.post("/api/ds/query", body).get("results", {}).get("A", {})
            frames = answer.get("frames", [])
            rows = sum(len((frame["data"]["values"] or [[]])[0]) for frame in frames if frame.get("data"))
            told.append(
                {"question": str(question), "rows": rows, "error": answer.get("error", "" if answer else "none")}
            )
    return told


def rules(grafana: Grafana) -> list[dict[str, Any]]:
    """Return the alert rules once each has been evaluated, or after five minutes."""
    for _ in range(30):
        groups = grafana.get("/api/prometheus/grafana/api/v1/rules")["data"]["groups"]
        found = [rule for group in groups for rule in group["rules"]]
        if found and all(rule.get("lastEvaluation", "0001").split("-")[0] != "0001" for rule in found):
            break
        time.sleep(10)
    return found


def picture(grafana: Grafana, uid: str, file: Path) -> str:
    """Return why there is no picture; empty if there is one."""
    chrome = next(filter(None, map(shutil.which, CHROMES)), None)
    if chrome is None:
        return f"{uid}: no picture, for there is no Chrome"
    url = f"{grafana.url}/d/{uid}?kiosk&from={RANGE.from_ms}&to={RANGE.to_ms}"
    options = ["--headless=new", "--no-sandbox", "--window-size=1600,2400", "--virtual-time-budget=60000"]
    try:
        ran = subprocess.run([chrome, *options, f"--screenshot={file}", url], timeout=180, check=False)
    except subprocess.TimeoutExpired:
        return f"{uid}: no picture in three minutes"
    is_there = file.is_file() and file.stat().st_size > 0
    return "" if is_there and ran.returncode == 0 else f"{uid}: no picture, Chrome ended with {ran.returncode}"


def main(grafana_url: str, clickhouse_url: str, out: str) -> int:
    grafana, folder = Grafana(grafana_url), Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    answers = ask_everything(grafana, ClickHouse(clickhouse_url))
    (folder / "answers.json").write_text(json.dumps(answers, indent=1))
    told = rules(grafana)
    (folder / "rules.json").write_text(json.dumps(told, indent=1))
    pictures = [picture(grafana, dashboard.uid, folder / f"{dashboard.uid}.png") for dashboard in load_all()]
    missing = [why for why in pictures if why]
    failed = [answer for answer in answers if answer["error"]]
    broken = [rule for rule in told if rule.get("health") == "error"]
    print(f"{len(answers)} statements, {len(failed)} failed; {len(told)} rules, {len(broken)} cannot be evaluated")
    for one in (*failed, *broken, *missing):
        print(json.dumps(one))
    return int(bool(failed or broken or missing or not told))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
