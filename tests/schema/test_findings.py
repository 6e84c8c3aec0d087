"""Risky actions, what redaction left its marker for, and what a client no longer sends."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native import api_request, content, log, prompt

from argus_otel.demo.recordings import NAMES, requests
from argus_otel.demo.recordings import content as recorded_content
from argus_otel.privacy.redaction import Redaction, Rule, quote
from argus_otel.schema.migrate import migrate
from argus_otel.schema.risks import risk_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from databases import Databases

    from argus_otel.schema.risks import RiskRule
    from argus_otel.store import EmbeddedStore

RULES = {rule.name: rule for rule in risk_rules()}
of_each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)


def call(of: dict[str, Any], tool_use_id: str = "t1", **more: Any) -> Any:
    """Return what the native leg tells of a tool call with this input."""
    return log("tool_result", {"tool_use_id": tool_use_id, "tool_name": "Bash", "tool_input": json.dumps(of)}, **more)


def hook_call(of: dict[str, Any], tool_use_id: str = "t1", *, number: int = 1) -> Any:
    told = {"gen_ai.tool.call.id": tool_use_id, "gen_ai.tool.name": "Bash"}
    return content("tool_call", {**told, "gen_ai.tool.call.arguments": json.dumps(of)}, span_id=number)


def risks(databases: Databases) -> list[tuple[str, str, int]]:
    return [(row["identity"], row["rule"], row["match_count"]) for row in databases.view("findings", "kind = 'risk'")]


def as_input(rule: RiskRule, words: str) -> dict[str, Any]:
    """Return what a tool is given where those words are what the rule looks into."""
    return {
        "command": {"command": words, "description": "see"},
        "path": {"file_path": words},
        "url": {"url": words, "prompt": "read it"},
        "written_path": {"file_path": words, "content": "x"},
        "without_sandbox": {"dangerouslyDisableSandbox": words.startswith("true"), "command": "make"},
    }[rule.of[0]]


@of_each_rule
def test_a_rule_finds_what_it_must_and_nothing_else(store: EmbeddedStore, rule: RiskRule) -> None:
    for words in rule.matches:
        assert rule.count(words) == _in_sql(store, rule, words) >= 1, words
    for words in rule.non_matches:
        assert rule.count(words) == _in_sql(store, rule, words) == 0, words


@of_each_rule
def test_a_rule_is_kept_to_what_makes_it_cheap(rule: RiskRule) -> None:
    """No groups, no look-around, no nested repeats, no bound so large that compiling it takes long."""
    assert re.compile(rule.pattern).groups == 0
    assert not re.search(r"\(\?[=!<]", rule.pattern + rule.unless)
    assert not re.search(r"[+*}]\)[+*{]", rule.pattern)
    assert all(int(bound) < 40 for bound in re.findall(r"\{\d*,(\d+)\}", rule.pattern + rule.unless))
    assert (rule.category, rule.severity) in {
        (category, severity)
        for category in ("destructive", "exfiltration", "secrets", "bypass")
        for severity in ("low", "medium", "high")
    }


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(list(RULES)),
    st.lists(
        st.sampled_from(
            [words for rule in RULES.values() for words in (*rule.matches, *rule.non_matches)]
            + [" ", "\n", '"', "\\", "é", " && ", "; ", "| "]
        ),
        max_size=5,
    ).map("".join),
)
def test_sql_and_python_count_alike(store: EmbeddedStore, name: str, words: str) -> None:
    assert _in_sql(store, RULES[name], words) == RULES[name].count(words)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_prefilter_sees_whatever_a_rule_matches(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(list(RULES.values())))
    if rule.of == ("without_sandbox",):
        return  # its literal is the key
    words = data.draw(st.from_regex(re.compile(rule.pattern, re.ASCII)))
    assert any(literal.lower() in words.lower() for literal in rule.literals), rule.name


def test_whatever_the_rules_find_stands_in_the_view(databases: Databases) -> None:
    expected, calls = [], []
    for rule in RULES.values():
        for number, words in enumerate(rule.matches):
            tool_use_id = f"{rule.name}-{number}"
            calls.append(call(as_input(rule, words), tool_use_id))
            expected.append((tool_use_id, rule.name, rule.severity, rule.category))
        for number, words in enumerate(rule.non_matches):
            calls.append(call(as_input(rule, words), f"{rule.name}-not-{number}"))
    databases.load(calls)
    found = {
        (row["identity"], row["rule"], row["severity"], row["category"])
        for row in databases.view("findings", "kind = 'risk'")
    }
    assert set(expected) <= found
    assert not [one for one in found if one[0].startswith(f"{one[1]}-not-")]


def test_both_legs_and_repetition_find_the_same_once(databases: Databases) -> None:
    given_input = {"command": 'echo "a\\n" && rm -rf "src"\nrm -rf old; sudo make', "description": "tidy"}
    told = [
        call(given_input),
        hook_call(given_input),
        log(
            "tool_decision",
            {
                "tool_use_id": "t1", "decision": "accept", "source": "config",
                "tool_parameters": json.dumps({"bash_command": "echo", "full_command": given_input["command"]}),
            },
        ),
    ]  # fmt: skip
    databases.load(told)
    databases.load(told[::-1])
    expected = [("t1", "administrator_rights", 1), ("t1", "folder_deleted", 2)]
    assert risks(databases) == expected
    assert {row["leg"] for row in databases.view("findings")} == {"both"}
    databases.store.execute(f"OPTIMIZE TABLE {databases.settings.argus_database}.text_findings FINAL")
    assert risks(databases) == expected


def test_what_is_written_or_said_is_no_action(databases: Databases) -> None:
    script = "rm -rf / && sudo reboot && cat ~/.ssh/id_rsa"
    databases.load(
        [
            call({"file_path": "/p/clean.sh", "content": f'{{"command":"{script}"}}'}),
            prompt("p1", f'please run {{"command":"{script}"}}'),
            log("assistant_response", {"request_id": "r1", "response": f'"command":"{script}"'}),
            hook_call({"description": "count", "prompt": script, "subagent_type": "general-purpose"}, "t2"),
        ]
    )
    assert risks(databases) == []


def test_an_input_that_was_cut_is_looked_at_too(databases: Databases) -> None:
    cut = json.dumps({"command": "sudo rm -rf / " + "x" * 600})[:520] + "[TRUNCATED"
    databases.load([log("tool_result", {"tool_use_id": "t1", "tool_name": "Bash", "tool_input": cut})])
    assert ("t1", "administrator_rights", 1) in risks(databases)


def test_a_turn_with_permissions_bypassed_is_one_finding(databases: Databases) -> None:
    def decided(tool_use_id: str, mode: str) -> Any:
        of = {"tool_use_id": tool_use_id, "decision": "accept", "source": "config", "prompt.id": "p1"}
        return log("tool_decision", {**of, "permission_mode": mode})

    hook = {"prompt.id": "p1", "gen_ai.tool.call.id": "t2", "permission_mode": "bypassPermissions"}
    databases.load([decided("t1", "bypassPermissions"), decided("t2", "bypassPermissions"), content("tool_call", hook)])
    databases.load([decided("t3", "acceptEdits")])
    [row] = databases.view("findings")
    assert (row["rule"], row["thing"], row["identity"], row["match_count"], row["leg"]) == (
        "permissions_bypassed", "prompt", "p1", 2, "both"
    )  # fmt: skip


def test_redactions_are_counted_by_rule(databases: Databases) -> None:
    first, second = "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLF"
    databases.load(
        [prompt("p1", f"{first} and {second}"), call({"command": f"aws {first} password=hunter2hunter2 sudo"})]
    )
    found = databases.view("findings", "kind = 'redaction'", "identity, rule")
    assert [(row["identity"], row["field"], row["rule"], row["match_count"]) for row in found] == [
        ("p1", "prompt", "aws_access_key_id", 2),
        ("t1", "input", "assigned_secret", 1),
        ("t1", "input", "aws_access_key_id", 1),
    ]


def test_words_of_a_sender_do_not_become_a_rule(databases: Databases) -> None:
    """Whoever reads numbers reads the rules: of what looks like a marker only a name that a rule may have left."""
    said = "[REDACTED:my-password-is-hunter2] [REDACTED:so-is-hunter3] [REDACTED:email_address] [REDACTED:bytes]"
    databases.load([prompt("p1", said)])
    expected = [("bytes", 1), ("email_address", 1), ("other", 2)]
    argus = databases.settings.argus_database
    stored = databases.store.rows(f"SELECT rule, match_count FROM {argus}.text_findings ORDER BY rule")
    for rows in (stored, databases.view("findings", order="rule")):
        assert [(row["rule"], row["match_count"]) for row in rows] == expected


def test_words_of_a_sender_that_were_stored_before_are_not_shown(databases: Databases) -> None:
    databases.load([prompt("p1", "[REDACTED:slack_token]"), call({"command": "sudo make"})])
    argus = databases.settings.argus_database
    databases.store.execute(
        f"INSERT INTO {argus}.text_findings SELECT * REPLACE ('hunter2' AS rule)"
        f" FROM {argus}.text_findings WHERE kind = 'redaction'"
    )
    assert [row["rule"] for row in databases.view("findings", order="rule")] == [
        "administrator_rights", "other", "slack_token"
    ]  # fmt: skip


def test_a_rule_of_the_operator_has_its_name_in_the_findings(fresh: Callable[..., Databases]) -> None:
    ticket = Rule("ticket_number", ("ACME-",), "(ACME-)[0-9]{1,9}", "\\1[REDACTED:ticket] [REDACTED:\\1]")
    databases = fresh(redaction=Redaction((ticket,)))
    databases.load([prompt("p1", "ACME-1234, and [REDACTED:slack_token] by the plugin")])
    assert [(row["rule"], row["match_count"]) for row in databases.view("findings", order="rule")] == [
        ("other", 1), ("slack_token", 1), ("ticket", 1)
    ]  # fmt: skip
    databases.drop()


def test_what_was_stored_before_is_found_once_the_tables_are_made(databases: Databases) -> None:
    said = [body for name in NAMES for body in [*requests(name), *recorded_content(name)]]
    databases.load([*said, call({"command": "sudo rm -rf /"}, session="s9")])
    before = {name: databases.view(name) for name in ("findings", "attribute_presence")}
    argus = databases.settings.argus_database
    for table in ("text_findings", "attribute_facts"):
        databases.store.execute(f"TRUNCATE TABLE {argus}.{table}")
    databases.store.execute(
        f"ALTER TABLE {argus}.schema_migrations DELETE WHERE name LIKE '%\\_fill\\_%' SETTINGS mutations_sync = 1"
    )
    applied = [step for step in migrate(databases.store, databases.settings) if step.action != "unchanged"]
    assert [(step.statement.kind, step.action) for step in applied] == [("fill", "create")] * 2
    assert {name: databases.view(name) for name in before} == before
    assert before["findings"]


def test_a_private_session_has_no_findings(databases: Databases) -> None:
    databases.load([call({"command": "sudo make"}), prompt("p1", "AKIAIOSFODNN7EXAMPLE")])
    assert len(databases.view("findings")) == 2
    databases.store.execute(
        f"INSERT INTO {databases.settings.argus_database}.erasure_facts"
        " SELECT 'default', 's1', 'unreadable', 'command', now64(9), '', 0"
    )
    assert databases.view("findings") == []


@pytest.mark.parametrize("name", NAMES)
def test_the_recordings_have_every_attribute_but_those_of_a_login(databases: Databases, name: str) -> None:
    databases.load(requests(name))
    databases.load(requests(name)[::-1])
    rows = databases.view("attribute_presence")
    assert {row["event"] for row in rows} >= {"user_prompt", "api_request", "assistant_response", "tool_result"}
    absent = {row["attribute"] for row in rows if row["present_count"] < row["session_count"]}
    assert absent == {"user.email", "organization.id"}
    assert {row["session_count"] for row in rows} == {1}
    assert {(row["surface"], row["client_version"]) for row in rows} == {("agent-sdk", "2.1.330")}


def test_what_a_version_no_longer_sends_is_seen(databases: Databases) -> None:
    for session, version, cost in (("s1", "2.1.1", 0.5), ("s2", "2.1.2", 0.5), ("s3", "2.1.2", "")):
        databases.load(
            [api_request(f"r-{session}", cost, session=session, **{"app.version": version})]  # type: ignore[arg-type] # no cost
        )
    databases.load([log("api_request", {"app.version": "2.1.3", "session.id": "", "cost_usd": 1.0})])
    rows = databases.view("attribute_presence", "event = 'api_request' AND attribute IN ('cost_usd', 'session.id')")
    assert [
        (row["client_version"], row["attribute"], row["session_count"], row["present_count"])
        for row in sorted(rows, key=lambda row: (row["client_version"], row["attribute"]))
    ] == [
        ("2.1.1", "cost_usd", 1, 1),
        ("2.1.1", "session.id", 1, 1),
        ("2.1.2", "cost_usd", 2, 1),
        ("2.1.2", "session.id", 2, 2),
        ("2.1.3", "cost_usd", 1, 1),
        ("2.1.3", "session.id", 1, 0),
    ]


def _in_sql(store: EmbeddedStore, rule: RiskRule, words: str) -> int:
    found = f"extractAll({quote(words)}, {quote(rule.pattern)})"
    [row] = store.rows(f"SELECT arrayCount(one -> NOT match(one, {quote(rule.unless)}), {found}) AS found")
    return int(row["found"])
