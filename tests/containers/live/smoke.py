"""
`smoke.py`, where compose.yaml is up: sends the recorded sessions to argus-otel with the token of the environment, and asks
Grafana for their cost until it is there.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import urllib.request
from typing import Any

from argus_otel.demo import recordings
from argus_otel.grafana.dashboards import CLICKHOUSE
from argus_otel.grafana.render import DATASOURCE_UID

RECEIVER, GRAFANA = "http://127.0.0.1:4318", "http://127.0.0.1:3000"
SQL = "SELECT count() AS sessions, sum(cost_usd) AS cost_usd FROM argus.sessions"
WAIT_S_MAX = 120


def post(url: str, body: bytes, **headers: str) -> Any:
    request = urllib.request.Request(url, body, {name.replace("_", "-"): value for name, value in headers.items()})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read()


def ask() -> list[list[Any]]:
    """Return the columns of SQL, as a panel gets them."""
    login = base64.b64encode(f"admin:{os.environ['GRAFANA_ADMIN_PASSWORD']}".encode()).decode()
    query = {
        "refId": "A",
        "datasource": {"type": CLICKHOUSE, "uid": DATASOURCE_UID},
        "editorType": "sql",
        "format": 1,
        "rawSql": SQL,
    }
    body = json.dumps({"queries": [query], "from": "now-1h", "to": "now"}).encode()
    answer = json.loads(
        post(f"{GRAFANA}/api/ds/query", body, Content_Type="application/json", Authorization=f"Basic {login}")
    )
    values: list[list[Any]] = answer["results"]["A"]["frames"][0]["data"]["values"]
    return values


def main() -> int:
    bearer = f"Bearer {os.environ['ARGUS_OTEL_TOKEN']}"
    for name in recordings.NAMES:
        for signal, body in (*recordings.requests(name), *recordings.content(name)):
            url = f"{RECEIVER}/v1/{signal.name.lower()}"
            post(url, body, Content_Type="application/x-protobuf", Authorization=bearer)
    deadline_s = time.monotonic() + WAIT_S_MAX
    while True:
        [sessions], [cost_usd] = ask()
        sys.stdout.write(f"Grafana sees {sessions} sessions, {cost_usd} USD\n")
        if sessions == len(recordings.NAMES) and cost_usd > 0:
            return 0
        if time.monotonic() > deadline_s:
            return 1
        time.sleep(3)


if __name__ == "__main__":
    sys.exit(main())
