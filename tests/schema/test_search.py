"""Every word that may be read is found, by argus-sessions' own statement; a private session's by nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from native import T0_NS, content, log, prompt

from argus_otel.demo.recordings import content as recorded_content
from argus_otel.demo.recordings import requests, truth
from argus_otel.envelope import Signal
from argus_otel.erase import Eraser
from argus_otel.grafana.dashboards import load
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.variables import Choice
from argus_otel.privacy.erasure import ErasureRequest

if TYPE_CHECKING:
    from databases import Databases

DAY_MS = 86_400_000
T0_MS = T0_NS // 1_000_000


def found(databases: Databases, search: str) -> list[str]:
    """Return the sessions that the dashboard lists for a search, by id."""
    dashboard = load("argus-sessions")
    scope = dashboard.scope(TimeRange(T0_MS - DAY_MS, T0_MS + DAY_MS)).choose(Choice("search", search))
    [target] = next(panel for panel in dashboard.panels if panel.title == "Sessions").targets
    sql = scope.statement(target.sql).replace("argus.", f"{databases.settings.argus_database}.")
    return sorted(row["session_id"] for row in databases.store.rows(sql))


def said(text: str, *, session: str) -> tuple[Signal, bytes]:
    return prompt(f"prompt of {session}", text, session=session)


def test_every_text_of_both_legs_is_a_message(databases: Databases) -> None:
    databases.load(
        [
            prompt("p1", "what was asked"),
            log("assistant_response", {"request_id": "r1", "prompt.id": "p1", "response": "what was answered"}, at_s=1),
            content("tool_call", {"gen_ai.tool.call.id": "t1", "gen_ai.tool.call.arguments": "what went in"}, at_s=2),
            content("tool_result", {"gen_ai.tool.call.id": "t1", "gen_ai.tool.call.result": "what came out"}, at_s=3),
        ]
    )
    rows = databases.view("messages", order="ts")
    assert [(row["thing"], row["identity"], row["field"], row["leg"], row["text"]) for row in rows] == [
        ("prompt", "p1", "prompt", "native", "what was asked"),
        ("api_request", "r1", "response", "native", "what was answered"),
        ("tool_call", "t1", "input", "hook", "what went in"),
        ("tool_call", "t1", "output", "hook", "what came out"),
    ]


@pytest.mark.parametrize(
    "search", ["refund", "REFUND", "fund serv", "service   refunds", "refunds-service", "ÄRGER", "支付"]
)
def test_words_are_found_in_any_case_and_order_and_in_part(databases: Databases, search: str) -> None:
    databases.load(
        [
            said("The refunds-service makes Ärger: 支付模块", session="found"),
            said("something else", session="other"),
        ]
    )
    assert found(databases, search) == ["found"]


def test_all_words_stand_in_one_text(databases: Databases) -> None:
    databases.load(
        [
            said("the invoice and its export", session="one text"),
            said("the invoice", session="two texts"),
            prompt("second", "its export", session="two texts", at_s=60),
        ]
    )
    assert found(databases, "invoice export") == ["one text"]
    assert found(databases, "invoice") == ["one text", "two texts"]


def test_without_words_nothing_is_narrowed(databases: Databases) -> None:
    databases.load([said("this", session="s1"), said("that", session="s2")])
    assert found(databases, "") == found(databases, "   ") == ["s1", "s2"]


@pytest.mark.parametrize(
    "search",
    ["it's", "\\' OR 1=1 --", "\\", "');DROP", "{a}", "$__fromTime", "${session}", "%", "--", "/*", "🙂"],
)
def test_quotes_and_sql_are_words_like_any_other(databases: Databases, search: str) -> None:
    databases.load([said(f"before {search} after", session="has it"), said("nothing of the kind", session="has not")])
    assert found(databases, search) == ["has it"]


def test_more_words_than_the_engine_takes(databases: Databases) -> None:
    databases.load([said(" ".join(f"word{number}" for number in range(300)), session="s1")])
    assert found(databases, " ".join(f"word{number}" for number in range(300))) == ["s1"]


def test_a_private_session_is_found_by_nothing(databases: Databases) -> None:
    session_id = truth("content-on")["session_id"]
    asked = ErasureRequest(session_id, "command", "operator", time.time_ns()).envelope("default", time.time_ns())
    databases.load([*requests("content-on"), *recorded_content("content-on")])
    assert session_id in {row["session_id"] for row in databases.view("messages")}
    databases.load([(Signal.CONTROL, asked.request)])
    assert databases.view("messages") == []
    Eraser(databases.store, lambda: databases.settings, lambda _: None).erase_pending()
    assert databases.store.rows(f"SELECT 1 FROM {databases.settings.argus_database}.texts") == []
