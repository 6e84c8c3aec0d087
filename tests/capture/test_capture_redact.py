"""Redaction at the source does what the server's SQL does, on texts of any size, and says how often, never what."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from argus_otel.capture.errors import SettingsError
from argus_otel.capture.redact import candidates, load_rules, redact_text, redact_value
from argus_otel.privacy.redaction import load_redaction

if TYPE_CHECKING:
    from pathlib import Path

RULES = load_rules(optional=("email_address",))
SERVER = load_redaction(enabled=("email_address",))
SECRET = "AKIAIOSFODNN7EXAMPLE"
PIECES = [text for rule in SERVER.rules for text in (*rule.matches, *rule.non_matches)]
FILLERS = [" ", "\n", '"', "\\", "é", "İ", "x=", "://", "\v", "-" * 200, "a" * 600, "b " * 3000]


def redacted(text: str) -> str:
    return redact_text(text, RULES, {})


@settings(deadline=None)
@example("éAIzaSyA0123456789abcdefghijklmnopqrstuv")
@given(st.lists(st.sampled_from([*PIECES, *FILLERS]), max_size=8).map("".join))
def test_looking_only_around_literals_finds_what_looking_everywhere_does(text: str) -> None:
    expected = text
    for rule in RULES:
        expected = rule.pattern.sub(rule.replacement, expected)
    assert redacted(text) == expected


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_no_match_reaches_further_from_its_literal_than_is_looked(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(RULES))
    secret = data.draw(st.from_regex(rule.pattern, fullmatch=True))
    text = "." * 5000 + " " + secret + " " + "." * 5000
    assert redact_text(text, [rule], {}) == rule.pattern.sub(rule.replacement, text)


def test_the_engine_and_python_redact_alike(tmp_path: Path) -> None:
    """Seeded texts, all of them in one run of the engine in a process of its own."""
    rng = random.Random(20261122)
    texts = ["".join(rng.choices([*PIECES, *FILLERS], k=rng.randint(1, 8))) for _ in range(400)]
    code = (
        "import json, sys, chdb\n"
        "texts, expression = json.load(sys.stdin)\n"
        "rows = '\\n'.join(json.dumps({'text': text}) for text in texts)\n"
        "open('texts.jsonl', 'w').write(rows)\n"
        "sql = f\"SELECT {expression} AS text FROM file('texts.jsonl', 'JSONEachRow', 'text String')\"\n"
        "print(json.dumps([json.loads(line)['text'] for line in str(chdb.query(sql, 'JSONEachRow')).splitlines()]))\n"
    )
    told = json.dumps([texts, SERVER.redact("text")])
    run = subprocess.run([sys.executable, "-c", code], input=told, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [redacted(text) for text in texts]
    assert sum("[REDACTED:" in redacted(text) for text in texts) > 200


def test_every_rule_of_the_server_is_one_here() -> None:
    assert [rule.name for rule in load_rules()] == [rule.name for rule in load_redaction().rules]
    for rule in SERVER.rules:
        for text in rule.matches:
            assert f"[REDACTED:{rule.name}]" in redacted(text)
        for text in rule.non_matches:
            assert f"[REDACTED:{rule.name}]" not in redacted(text)


@pytest.mark.parametrize("text", PIECES)
def test_redacting_again_finds_nothing(text: str) -> None:
    counts: dict[str, int] = {}
    once = redacted(text)
    assert (redact_text(once, RULES, counts), counts) == (once, {})


def test_secrets_are_counted_by_rule() -> None:
    counts: dict[str, int] = {}
    redact_text(f"{SECRET} {SECRET} password: hunter2hunter2", RULES, counts)
    assert counts == {"aws_access_key_id": 2, "assigned_secret": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"content": f"line\n{SECRET}\n"}, {"content": "line\n[REDACTED:aws_access_key_id]\n"}),
        ({"password": "hunter2hunter2"}, {"password": "[REDACTED:assigned_secret]"}),
        ({"access_token": 1234567890}, {"access_token": "[REDACTED:assigned_secret]"}),
        ({"max_tokens": 4096, "token": True}, {"max_tokens": 4096, "token": True}),
        ([{"type": "text", "text": f"a {SECRET}"}], [{"type": "text", "text": "a [REDACTED:aws_access_key_id]"}]),
        ({SECRET: 1}, {"[REDACTED:aws_access_key_id]": 1}),
        ({"a": '{"api_key": "0123456789abcdef"}'}, {"a": '{"api_key": "[REDACTED:assigned_secret]"}'}),
    ],
)
def test_a_value_stays_the_json_that_it_was(value: Any, expected: Any) -> None:
    counts: dict[str, int] = {}
    assert redact_value(value, RULES, counts) == expected
    assert bool(counts) is (value != expected)


def test_a_value_may_be_nested_without_end() -> None:
    value: Any = SECRET
    for _ in range(300):
        value = [value]
    assert SECRET not in json.dumps(redact_value(value, RULES, {}))


@given(st.sampled_from(PIECES), st.sampled_from(FILLERS))
def test_a_rule_that_is_passed_over_would_find_nothing(piece: str, filler: str) -> None:
    text = filler + piece
    assert redact_text(text, candidates(text, RULES), {}) == redacted(text)


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{",
        "{}",
        '{"rules":[{"name":"x"}]}',
        '{"rules":[{"name":"x","literals":["a"],"pattern":"a(","replacement":""}]}',
    ],
)
def test_without_rules_that_can_be_used_nothing_may_be_sent(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "patterns.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=re.escape("patterns.json")):
        load_rules(str(path))
    with pytest.raises(SettingsError):
        load_rules(optional=("unknown",))
