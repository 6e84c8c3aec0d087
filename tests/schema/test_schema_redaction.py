"""Secrets never land. The rules are data; each must do in RE2 what it does in Python's re."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from native import api_request, log, span

from argus_otel.errors import ConfigError
from argus_otel.privacy.redaction import content_list, load_redaction, quote
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from databases import Databases

    from argus_otel.store import EmbeddedStore

ALL = load_redaction(enabled=("email_address",))
SECRET = "AKIAIOSFODNN7EXAMPLE"


@pytest.mark.parametrize("rule", ALL.rules, ids=lambda rule: rule.name)
def test_a_rule_finds_what_it_must_and_nothing_else(store: EmbeddedStore, rule: object) -> None:
    for text in rule.matches:  # type: ignore[attr-defined] # a Rule
        assert f"[REDACTED:{rule.name}]" in _in_sql(store, text), text  # type: ignore[attr-defined]
        assert any(literal.lower() in text.lower() for literal in rule.literals), "the prefilter must see it"  # type: ignore[attr-defined]
    for text in rule.non_matches:  # type: ignore[attr-defined]
        assert f"[REDACTED:{rule.name}]" not in _in_sql(store, text), text  # type: ignore[attr-defined]


@settings(max_examples=60, deadline=None)
@example("éAIzaSyA0123456789abcdefghijklmnopqrstuv")  # a word may begin after a letter that is not ASCII
@given(
    st.lists(
        st.sampled_from(
            [text for rule in ALL.rules for text in (*rule.matches, *rule.non_matches)]
            + [" ", "\n", '"', "\\", "é", "x=", "://"]
        ),
        max_size=6,
    ).map("".join)
)
def test_sql_and_python_redact_alike(store: EmbeddedStore, text: str) -> None:
    assert _in_sql(store, text) == ALL.redact_document(text)


@pytest.mark.parametrize("rule", ALL.rules, ids=lambda rule: rule.name)
def test_no_rule_takes_long_over_a_hostile_text(rule: object) -> None:
    """Backtracking would go on for days, and the time-out of every test would end it; linear matching takes no time."""
    literal = rule.literals[0]  # type: ignore[attr-defined] # a Rule
    for text in ((literal + "a") * 3000, literal + "a" * 20_000, literal + "=" * 20_000, literal + " " * 20_000 + "!"):
        re.search(rule.pattern, text, re.ASCII)  # type: ignore[attr-defined]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_prefilter_sees_whatever_a_rule_matches(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(ALL.rules))
    text = data.draw(st.from_regex(re.compile(rule.pattern, re.ASCII)))
    assert any(literal.lower() in text.lower() for literal in rule.literals), rule.name


def test_names_of_spans_and_events_are_texts_too(databases: Databases) -> None:
    databases.load([span(f"Bash(aws {SECRET})", {})])
    [row] = databases.landed("otel_traces", "SpanName")
    assert row["SpanName"] == "Bash(aws [REDACTED:aws_access_key_id])"


def test_a_key_without_its_end_takes_nothing_else_along(store: EmbeddedStore) -> None:
    said = '{"text":"-----BEGIN PRIVATE KEY-----\\nMIIE"},{"text":"and more"}'
    assert _in_sql(store, said) == '{"text":"[REDACTED:private_key]"},{"text":"and more"}'


def test_secrets_are_gone_from_every_place_that_holds_content(databases: Databases) -> None:
    databases.load(
        [
            log(
                "user_prompt",
                {
                    "prompt.id": "p1",
                    "prompt": f"use {SECRET}",
                    "unlisted": SECRET,
                    "nested": [SECRET],
                    "deep": [[SECRET]],
                    "raw": SECRET.encode(),
                },
            ),
            log("noted", {}, prefix=f"free text {SECRET} "),
            span("claude_code.tool", {"tool_use_id": "t1", "full_command": f"aws {SECRET}"}),
        ]
    )
    for table in ("otel_logs", "otel_traces"):
        assert SECRET not in str(databases.landed(table))
    assert "QUtJQUlPU0ZPRE5ON0VYQU1QTEU" not in str(databases.landed("otel_logs")), "nor in base64"
    assert all(SECRET.encode() not in data for data in databases.snapshot().values())


def test_join_keys_are_never_touched(databases: Databases) -> None:
    databases.load([api_request(SECRET, 0.5, prompt=SECRET, session=SECRET, **{"user.email": "dev@example.com"})])
    [row] = databases.view("api_requests")
    assert (row["session_id"], row["prompt_id"], row["request_id"]) == (SECRET, SECRET, SECRET)


def test_escapes_inside_json_survive(databases: Databases) -> None:
    given_input = {"command": f'export KEY="{SECRET}" && printf "a\\n\tb"', "password": "hunter2hunter2"}
    databases.load(
        [log("tool_result", {"tool_use_id": "t1", "tool_name": "Bash", "tool_input": json.dumps(given_input)})]
    )
    [row] = databases.view("tool_text")
    assert json.loads(row["input"]) == {
        "command": 'export KEY="[REDACTED:aws_access_key_id]" && printf "a\\n\tb"',
        "password": "[REDACTED:assigned_secret]",
    }


def test_a_rule_can_be_added_at_run_time(fresh: Callable[..., Databases], tmp_path: Path) -> None:
    databases = fresh()
    databases.load([log("user_prompt", {"prompt.id": "p1", "prompt": "ticket ACME-1234"})])
    file = tmp_path / "rules.json"
    file.write_text(
        json.dumps(
            {
                "rules": [
                    {
                        "name": "ticket",
                        "literals": ["ACME-"],
                        "pattern": "ACME-[0-9]{1,9}",
                        "replacement": "[REDACTED:ticket]",
                    }
                ]
            }
        )
    )
    migrate(
        databases.store,
        SchemaSettings(
            databases.settings.otel_database,
            databases.settings.argus_database,
            redaction=load_redaction(extra_file=file),
        ),
    )
    databases.load([log("user_prompt", {"prompt.id": "p2", "prompt": "ticket ACME-5678"}, at_s=1)])
    prompts = [row["text"] for row in databases.view("transcript", "kind = 'user'", "position")]
    assert prompts == ["ticket ACME-1234", "ticket [REDACTED:ticket]"], "what is stored stays, what comes is redacted"
    databases.drop()


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("(a+)+b", "nests"), ("(?=a)b", "looks around"), ("a(", "no regular expression")],
)
def test_a_rule_that_may_not_be_linear_is_refused(tmp_path: Path, pattern: str, reason: str) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"rules": [{"name": "bad", "literals": ["a"], "pattern": pattern, "replacement": ""}]}))
    with pytest.raises(ConfigError, match=reason):
        load_redaction(extra_file=file)


def test_an_unknown_rule_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="known are"):
        load_redaction(enabled=("emails",))


def test_no_key_is_both_content_and_not() -> None:
    lists = content_list()
    assert not set(lists["content"]) & set(lists["not_content"])
    assert all(not key.startswith(tuple(lists["not_content_prefixes"])) for key in lists["content"])


def _in_sql(store: EmbeddedStore, text: str) -> str:
    handle = store.connect()
    try:
        answer = handle.query(f"SELECT {ALL.redact(quote(text))} AS redacted", "JSON").bytes()
    finally:
        handle.close()
    return str(json.loads(answer)["data"][0]["redacted"])
