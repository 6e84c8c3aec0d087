"""A session of the real SDK that its user opts out in the middle: what is told to them, what is kept, what is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bytes_on_disk import files_with
from feeding import shippers_below
from sdk_needed import needs_sdk
from seen import cost_nanousd, row, rows
from waiting import eventually

if TYPE_CHECKING:
    from services import Service
    from sessions import OptedOut, Ran

pytestmark = needs_sdk

TEXT_COLUMNS = {
    "session_text": ("first_prompt", "last_response"),
    "turn_text": ("prompt", "response"),
    "tool_text": ("input", "output", "error"),
}
SAID = ("user", "assistant", "tool_call", "tool_result")
GONE_S_MAX = 60
OVER_S_MAX = 20


def test_the_user_is_told_and_no_model_is_asked(private: OptedOut) -> None:
    [result] = private.ran.results(private.command)
    assert (result["is_error"], result["num_turns"]) == (False, 0)
    outcomes = [
        line["message"]["data"]["prompt_submit_outcome"]
        for line in private.ran.messages
        if line["type"] == "SystemMessage" and line["message"]["subtype"] == "informational"
    ]
    [outcome] = outcomes
    assert outcome["kind"] == "blocked_by_hook"
    assert "private" in outcome["reason"]
    assert "\n" not in outcome["reason"].strip(), "one line"
    assert outcome["reason"] in result["result"]
    scripts = private.ran.scenario.scripts
    assert len(private.ran.answers) == sum(len(script.batches) + 1 for script in scripts)


def test_the_session_goes_on(private: OptedOut) -> None:
    assert [result["result"] for result in private.ran.results()][::2] == [
        script.answer for script in private.ran.scenario.scripts
    ]


def test_the_plugin_sends_nothing_more(private: OptedOut) -> None:
    eventually(lambda: _assert_over(private.ran), OVER_S_MAX)
    records = [[span["name"] for span in _spans(body)] for body in private.plugin_bodies]
    assert records[-1] == ["argus.private"]
    assert not [names for names in records[:-1] if "argus.private" in names]
    assert not [body for body in private.plugin_bodies if private.after.encode() in body]


def test_the_opt_out_says_nothing_but_whose_it_is(private: OptedOut) -> None:
    eventually(lambda: _assert_over(private.ran), OVER_S_MAX)
    [span] = _spans(private.plugin_bodies[-1])
    said = {attribute["key"]: attribute["value"]["stringValue"] for attribute in span["attributes"]}
    assert said["session.id"] == private.ran.session_id
    assert said.keys() == {"session.id", "prompt.id", "argus.record", "argus.hook", "argus.identity"}


def _spans(body: bytes) -> list[dict[str, Any]]:
    [resource] = json.loads(body)["resourceSpans"]
    [scope] = resource["scopeSpans"]
    return list(scope["spans"])


def _assert_over(ran: Ran) -> None:
    assert shippers_below(ran.home) == [], "something of the plugin still runs"


def test_no_text_of_it_can_be_read(service: Service, private: OptedOut) -> None:
    def check() -> None:
        assert row(service, "sessions", private.ran)["is_private"]
        shown = [
            each[column]
            for view, columns in TEXT_COLUMNS.items()
            for each in rows(service, view, private.ran)
            for column in columns
        ]
        transcript = rows(service, "transcript", private.ran)
        shown += [each["text"] for each in transcript if each["kind"] in SAID]
        assert set(shown) <= {""}
        assert not [each for each in transcript if private.before in each["text"] or private.after in each["text"]]

    eventually(check)


def test_its_numbers_stay(service: Service, private: OptedOut) -> None:
    ran = private.ran
    asked = list(ran.scenario.calls())

    def check() -> None:
        told = row(service, "sessions", ran)
        assert (told["cost_usd"], told["cost_source"]) == (sum(map(cost_nanousd, ran.answers)) / 1e9, "events")
        assert int(told["api_request_count"]) == len(ran.answers)
        assert int(told["output_tokens"]) == sum(answer.usage.output for answer in ran.answers)
        assert int(told["tool_call_count"]) == len(asked)
        assert int(told["tool_failure_count"]) == sum(call.success is False for call in asked)
        assert {each["tool_use_id"] for each in rows(service, "tool_calls", ran)} == set(ran.api.tool_uses())
        assert {each["tool_name"] for each in rows(service, "tool_calls", ran)} == {"Bash"}

    eventually(check)


def test_the_erasure_is_accounted_for(service: Service, private: OptedOut) -> None:
    def check() -> dict[str, Any]:
        erasure = row(service, "erasures", private.ran)
        assert erasure["gone_at"]
        return erasure

    erasure = eventually(check, GONE_S_MAX)
    assert erasure["asked_at"] <= erasure["unreadable_at"] <= erasure["gone_at"]


def test_the_user_can_see_how_far_it_is(private: OptedOut) -> None:
    def check() -> dict[str, Any]:
        [shown] = _status(private)["private"]
        assert shown["gone_at"], shown
        return shown

    shown = eventually(check, GONE_S_MAX)
    assert shown["session_id"] == private.ran.session_id
    at = {name: datetime.fromisoformat(shown[name]) for name in ("asked_at", "sent_at", "unreadable_at", "gone_at")}
    assert at["asked_at"] <= at["sent_at"] <= at["gone_at"]
    assert at["asked_at"] <= at["unreadable_at"] <= at["gone_at"]


def _status(private: OptedOut) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "argus_otel", "plugin", "status", "--format", "json"],
        env={
            "HOME": str(private.ran.home),
            "PATH": "/usr/bin:/bin",
            "ARGUS_OTEL_ENDPOINT": f"http://{private.plugin_endpoint}",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    status: dict[str, Any] = json.loads(done.stdout)
    return status


def test_no_byte_of_it_is_left(service: Service, private: OptedOut) -> None:
    words = (private.before, private.after)
    state = private.ran.home / ".claude" / "plugins" / "data"

    def check() -> None:
        assert row(service, "erasures", private.ran)["gone_at"]
        assert files_with(service.data_dir.parent, words) == {}
        assert files_with(state, words) == {}

    eventually(check, GONE_S_MAX)
    assert state.is_dir(), "the plugin keeps its state elsewhere"


def test_the_search_finds_what_is_kept(service: Service, session: Ran) -> None:
    """Else the one before proves nothing: what other sessions said is found, by the same search."""
    answer = session.scenario.scripts[0].answer
    eventually(lambda: _assert_found(service, answer))


def _assert_found(service: Service, text: str) -> None:
    assert [path for path in files_with(service.data_dir, [text]).get(text, []) if path.endswith(".bin")]
