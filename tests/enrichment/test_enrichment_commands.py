"""`argus-otel people`, `budget`, `mute` and `invoice`, as an operator types them, against a service with recorded sessions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from services import Service, serving

from argus_otel.demo.recordings import NAMES, requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_OTEL_")}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("enrichment") / "data") as running:
        for name in NAMES:
            for kind, body in requests(name):
                running.send(kind, body)
        running.wait_until_loaded()
        yield running


def run(service: Service, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "argus_otel", *arguments, "--data-dir", str(service.data_dir)],
        capture_output=True,
        env=ENVIRONMENT,
        input=stdin,
        text=True,
    )


def rows(service: Service, *arguments: str) -> Any:
    done = run(service, *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_people_are_imported_and_bound_to_what_is_there(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("user id,name,team,cost center\ndave,Dev Four,payments,CC4\n")
    done = run(service, "people", "import", str(file))
    assert (done.returncode, done.stdout) == (0, "1 e-mails and user ids are known by name\n")
    assert rows(service, "people", "list") == [
        {"user_key": "dave", "user_name": "Dev Four", "team": "payments", "cost_centre": "CC4"}
    ]
    sql = "SELECT user_label, team, cost_centre FROM argus.session_list WHERE user_name != ''"
    assert rows(service, "sql", sql) == [{"user_label": "Dev Four", "team": "payments", "cost_centre": "CC4"}]
    file.write_text("user id,name\ndave,Dev Four\n,nobody\n")
    done = run(service, "people", "import", str(file))
    assert done.returncode == 2
    assert "nothing is imported\n  line 3: has neither an e-mail nor a user id" in done.stderr
    assert len(rows(service, "people", "list")) == 1
    assert run(service, "people", "remove", "--yes").returncode == 0
    assert rows(service, "people", "list") == []


def test_a_budget_is_set_watched_and_removed(service: Service) -> None:
    assert run(service, "budget", "set", "--team", "payments", "--month", "400").returncode == 0
    assert run(service, "budget", "set", "--team", "payments", "--month", "500").returncode == 0
    assert run(service, "budget", "set", "--workspace", "default", "--month", "5000").returncode == 0
    found = {(row["scope"], row["name"]): row["month_usd"] for row in rows(service, "budget", "list")}
    assert found == {("team", "payments"): 500, ("workspace", "default"): 5000}
    asked = run(service, "budget", "remove", "--team", "payments", stdin="n\n")
    assert (asked.returncode, len(rows(service, "budget", "list"))) == (1, 2)
    assert run(service, "budget", "remove", "--team", "payments", stdin="y\n").returncode == 0
    assert [row["scope"] for row in rows(service, "budget", "list")] == ["workspace"]
    again = run(service, "budget", "remove", "--team", "payments", "--yes")
    assert (again.returncode, again.stderr) == (2, "argus-otel: team payments has no budget\n")


def test_a_user_is_muted_and_not_any_more(service: Service) -> None:
    arguments = ("--user", "Batch@example.com", "--rule", "session-price")
    assert run(service, "mute", "add", *arguments, "--reason", "nightly").returncode == 0
    [mute] = rows(service, "mute", "list")
    assert (mute["rule"], mute["workspace"], mute["user_key"], mute["reason"]) == (
        "session-price", "", "batch@example.com", "nightly"
    )  # fmt: skip
    other = run(service, "mute", "remove", "--user", "batch@example.com", "--yes")
    assert (other.returncode, "there is no mute of batch@example.com for all alerts" in other.stderr) == (2, True)
    assert run(service, "mute", "remove", *arguments, "--yes").returncode == 0
    assert rows(service, "mute", "list") == []


def test_a_bill_is_imported_compared_and_removed(service: Service, tmp_path: Path) -> None:
    """The recordings cost 0.090675 USD twice and 0.1645 once, on whatever days."""
    days = rows(
        service,
        "sql",
        "SELECT toDate(hour) AS day, sum(cost_usd) AS usd FROM argus.cost_hourly GROUP BY day ORDER BY day",
    )
    file = tmp_path / "usage.csv"
    file.write_text(
        "day,amount_usd,client\n" + "".join(f"{day['day']},0.5,code\n{day['day']},9,chat\n" for day in days)
    )
    for _ in range(2):
        done = run(service, "invoice", "import", str(file), "--name", "console", "--only", "client=code")
        assert (done.returncode, done.stdout.partition(" until")[0]) == (
            0, f"{0.5 * len(days):.2f} USD in {len(days)} periods, {days[0]['day']}"
        ), done.stderr  # fmt: skip
    found = rows(service, "invoice", "list", "--since", "5000")
    assert [(row["invoiced_usd"], row["period_begin"]) for row in found] == [(0.5, day["day"]) for day in days]
    assert [row["reported_usd"] for row in found] == [pytest.approx(day["usd"], abs=5e-5) for day in days]
    assert round(sum(day["usd"] for day in days), 6) == 0.34585
    file.write_text("day,amount_usd\n2026-11-02,much\n")
    bad = run(service, "invoice", "import", str(file))
    assert (bad.returncode, "line 2: 'much' is no amount" in bad.stderr) == (2, True)
    assert run(service, "invoice", "remove", "--name", "console", stdin="n\n").returncode == 1
    assert run(service, "invoice", "remove", "--name", "console", "--yes").returncode == 0
    assert rows(service, "invoice", "list", "--since", "5000") == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("invoice", "import", "/nowhere.csv"), "cannot be read"),
        (("invoice", "import", "/nowhere.csv", "--period", "2026-11"), "--period takes"),
        (("invoice", "import", "/nowhere.csv", "--only", "x"), "--only takes COLUMN=VALUE"),
        (("invoice", "remove", "--yes"), "nothing was imported as invoice of all workspaces"),
        (("budget", "set", "--month", "1"), "name one of --workspace, --team and --user"),
        (("budget", "set", "--month", "1", "--team", "a", "--user", "b"), "name one of"),
        (("budget", "set", "--month", "0", "--team", "a"), "more than 0"),
        (("budget", "set", "--month", "much", "--team", "a"), "Invalid value for .--month"),
        (("mute", "add", "--reason", "x"), "name a --user, a --workspace, or both"),
        (("mute", "add", "--workspace", "w", "--rule", "sesion-price"), "no rule 'sesion-price', only cost-anomaly, "),
        (("mute", "add", "--user", "x", "--rule", "budget"), "budget looks at workspaces as a whole.*not a --user"),
        (("mute", "add", "--workspace", "w", "--rule", "datasource"), "datasource looks at no workspace"),
        (("people", "import", "/nowhere.csv"), "cannot be read"),
    ],
)
def test_what_is_asked_wrongly_says_what_is_right(service: Service, arguments: tuple[str, ...], reason: str) -> None:
    done = run(service, *arguments)
    assert done.returncode == 2
    assert re.search(reason, done.stderr)


def test_without_a_service_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "argus_otel", "mute", "add", "--user", "x", "--data-dir", str(tmp_path)],
        capture_output=True,
        env=ENVIRONMENT,
        text=True,
    )
    assert (done.returncode, "no service runs on" in done.stderr) == (1, True)
