"""What an operator set is what the views say, whatever was set before; people are bound late."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from native import S_NS, T0_NS, api_request, log

from argus_otel.enrichment import Budget, Mute, People, Person, apply, as_document, of_document
from argus_otel.errors import ConfigError, PermanentError

if TYPE_CHECKING:
    from databases import Databases

    from argus_otel.enrichment import Change


def made(databases: Databases, *changes: Change) -> None:
    for change in changes:
        travelled = of_document(json.loads(json.dumps(as_document(change))))
        assert travelled == change
        apply(databases.store, databases.settings.argus_database, travelled)


def status(databases: Databases, at: str) -> dict[tuple[str, str], dict[str, Any]]:
    rows = databases.view(f"budget_status(at = toDateTime('{at}'))")
    return {(row["scope"], row["name"]): row for row in rows}


def test_an_import_replaces_the_former_one(databases: Databases) -> None:
    made(databases, People((Person("dev1@example.com", "Dev One", "core", "CC1"), Person("u-2", "Dev Two"))))
    made(databases, People((Person("dev1@example.com", "Dev 1", "infra"),)))
    assert databases.view("people") == [
        {"user_key": "dev1@example.com", "user_name": "Dev 1", "team": "infra", "cost_centre": ""}
    ]
    made(databases, People(()))
    assert databases.view("people") == []


def test_people_are_bound_late_and_by_either_key(databases: Databases) -> None:
    databases.load([api_request("r1", 1.0, session="s1", **{"user.email": "Dev1@Example.com"})])
    databases.load([api_request("r2", 1.0, session="s2", **{"user.id": "u-2"})])
    assert [row["user_label"] for row in databases.view("session_list")] == ["Dev1@Example.com", "u-2"]
    made(databases, People((Person("dev1@example.com", "Dev One", "core"), Person("u-2", "Dev Two", "infra", "CC2"))))
    assert [(row["user_label"], row["team"], row["cost_centre"]) for row in databases.view("session_list")] == [
        ("Dev One", "core", ""),
        ("Dev Two", "infra", "CC2"),
    ]


def test_the_latest_setting_counts_and_a_removal_ends_it(databases: Databases) -> None:
    made(databases, Budget("team", "core", 100.0), Budget("team", "core", 0.25), Budget("workspace", "core", 7.0))
    assert [(row["scope"], row["name"], row["month_usd"]) for row in databases.view("budgets")] == [
        ("team", "core", 0.25),
        ("workspace", "core", 7.0),
    ]
    made(databases, Budget("team", "core", None))
    assert [row["scope"] for row in databases.view("budgets")] == ["workspace"]
    made(databases, Budget("team", "core", 3.0))
    assert [row["month_usd"] for row in databases.view("budgets")] == [3.0, 7.0]


def test_a_clock_that_was_set_back_stops_nothing(databases: Databases) -> None:
    budget_facts = f"{databases.settings.argus_database}.budget_facts"
    databases.store.execute(f"INSERT INTO {budget_facts} SELECT 'team', 'core', now64(9) + 3600, 1000000000, false")
    made(databases, Budget("team", "core", 2.0))
    assert [row["month_usd"] for row in databases.view("budgets")] == [2.0]


def test_mutes(databases: Databases) -> None:
    nightly = Mute("", "", "batch@example.com", 'the "nightly" job\'s', is_removed=False)
    made(databases, nightly, Mute("session-price", "w", "", "", is_removed=False))
    assert [(row["rule"], row["workspace"], row["user_key"], row["reason"]) for row in databases.view("mutes")] == [
        ("", "", "batch@example.com", 'the "nightly" job\'s'),
        ("session-price", "w", "", ""),
    ]
    made(databases, Mute("", "", "batch@example.com", "", is_removed=True))
    assert [row["rule"] for row in databases.view("mutes")] == ["session-price"]


def test_what_is_spent_and_what_will_be(databases: Databases) -> None:
    """November has 30 days. A dollar every noon, from five days before it to its 19th."""
    november_ns = 1_793_491_200 * S_NS
    for day in range(-5, 19):
        at_s = (november_ns - T0_NS) / S_NS + day * 86400 + 12 * 3600
        databases.load(
            [api_request(f"r{day}", 1.0, at_s=at_s, session=f"s{day}", **{"user.email": "dev1@example.com"})]
        )
    made(
        databases,
        People((Person("dev1@example.com", "Dev One", "core"),)),
        Budget("workspace", "default", 40.0),
        Budget("team", "core", 19.0),
        Budget("user", "DEV1@example.com", 10.0),
        Budget("user", "Dev One", 10.0),
        Budget("team", "nobody", 5.0),
    )
    found = status(databases, "2026-11-20 00:00:00")
    # On the 20th at midnight: 19 dollars are spent, eleven days are left, and seven dollars went in the last seven.
    for key in (("workspace", "default"), ("team", "core"), ("user", "DEV1@example.com"), ("user", "Dev One")):
        assert (found[key]["spent_usd"], found[key]["projected_usd"]) == pytest.approx((19.0, 30.0)), key
    assert found["workspace", "default"]["spent_share"] == pytest.approx(19 / 40)
    assert found["team", "core"]["spent_share"] == pytest.approx(1.0)
    assert (found["team", "nobody"]["spent_usd"], found["team", "nobody"]["projected_usd"]) == (0, 0)
    assert {key: row["workspace"] for key, row in found.items() if row["workspace"]} == {
        ("workspace", "default"): "default"
    }
    # When nobody has spent for a week nothing is to come.
    december = status(databases, "2026-12-01 00:00:00")["team", "core"]
    assert (december["spent_usd"], december["projected_usd"]) == (0, 0)
    early = status(databases, "2026-11-02 00:00:00")["team", "core"]
    # Six dollars since 27 October at noon, five and a half days ago, and 29 days are left.
    assert (early["spent_usd"], early["projected_usd"]) == pytest.approx((1.0, 1.0 + 6 / 5.5 * 29))


def test_a_users_budget_is_found_by_every_key_of_the_user(databases: Databases) -> None:
    """Of who is known by `enduser.id`, also once an import gave them a name; nothing counts twice."""
    named = {"user.id": "Install-1", "user.email": "Dev1@Example.com"}
    databases.load([api_request("r1", 2.0, session="s1", **named)])
    of_agent = {"request_id": "r2", "cost_usd": 3.0}
    databases.load([log("api_request", of_agent, session="s2", resource={"enduser.id": "Dev2@Example.com"})])
    made(databases, People((Person("dev1@example.com", "Dev One"), Person("dev2@example.com", "Dev Two"))))
    keys = {"dev1@example.com": 2.0, "INSTALL-1": 2.0, "dev one": 2.0, "dev2@example.com": 3.0, "Dev Two": 3.0}
    made(databases, *(Budget("user", key, 10.0) for key in keys))
    found = status(databases, "2026-11-30 00:00:00")
    assert {name: row["spent_usd"] for (_, name), row in found.items()} == keys


@pytest.mark.parametrize("amount", [0.0, -1.0, float("nan"), float("inf"), 2e9])
def test_a_budget_that_is_none(amount: float) -> None:
    with pytest.raises(ConfigError, match="more than 0"):
        Budget("team", "core", amount)


@pytest.mark.parametrize("document", [{}, {"kind": "Budget"}, {"kind": "Nothing"}, {"kind": "Mute", "else": 1}])
def test_what_is_no_change_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="no change that the service knows"):
        of_document(document)


def test_names_of_any_kind(databases: Databases) -> None:
    names = ["it's", 'a"b', "a\\b", "{p:String}", "%s", "é", "'); DROP TABLE argus.facts --"]
    made(databases, *(Budget("team", name, 1.0) for name in names))
    assert sorted(row["name"] for row in databases.view("budgets")) == sorted(names)
    with pytest.raises(ConfigError, match="cannot be printed"):
        Budget("team", "line\nbreak", 1.0)
