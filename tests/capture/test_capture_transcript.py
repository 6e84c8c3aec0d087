"""
A transcript says what the hooks of the same session said: both were recorded from one run of the real Agent SDK 0.2.187
against a scripted API, and are held against each other here.

`turns`: tools of all kinds, one denied, one of an invalid input, a skill called and one typed, subagents in the
background and not, a resume, a compaction. `forked`: parallel calls, a subagent that outlives its prompt, prompts typed
while a turn runs, a prompt that a hook blocked, a turn that hit a limit, and the session that was forked from it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from argus_otel.capture.identity import identity
from argus_otel.capture.replay import replay
from argus_otel.capture.settings import Settings
from argus_otel.capture.transcript import Agent, agent_of, main_file, outline_of, read_from, read_transcript

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argus_otel.capture.otlp import Span

FIXTURES = Path(__file__).parents[1] / "fixtures" / "transcripts"
NAMES = ["turns", "forked"]
HOOKS_OF_A_TRANSCRIPT = {
    "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure", "SubagentStart", "SubagentStop", "Stop",
}  # fmt: skip
FORKED, FORK = "03849ff0", "7d74ec3b"
Line = dict[str, Any]


def files_of(name: str) -> list[Path]:
    folder = FIXTURES / name
    return [path for path in sorted(folder.rglob("*.jsonl")) if path.name != "hooks.jsonl"]


def file_of(name: str, beginning: str) -> Path:
    (found,) = [path for path in files_of(name) if path.name.startswith(beginning)]
    return found


def read(path: Path, settings: Settings | None = None, skipped: Counter[str] | None = None) -> list[Span]:
    return [span for piece in read_transcript(path, settings or Settings(), 0, skipped) for span in piece.spans]


def imported(name: str) -> dict[str, Span]:
    return by_identity(span for path in files_of(name) for span in read(path))


def hooks_of(name: str) -> list[Line]:
    return [json.loads(line) for line in (FIXTURES / name / "hooks.jsonl").read_text().splitlines()]


def live(name: str) -> dict[str, Span]:
    """Return what the hooks said that a transcript can know: hidden subagents have neither a start nor a file."""
    started = {
        run["input"].get("agent_id") for run in hooks_of(name) if run["input"]["hook_event_name"] == "SubagentStart"
    }
    runs = [
        run
        for run in hooks_of(name)
        if run["input"]["hook_event_name"] in HOOKS_OF_A_TRANSCRIPT
        and run["input"].get("agent_id") in {None, *started}
        and run["input"].get("prompt") != "block me"  # it is told to no model, and its id is nowhere but in the hook
    ]
    return by_identity(replay(json.dumps(run) for run in runs))


def by_identity(spans: Iterable[Span]) -> dict[str, Span]:
    return {str(span.attributes["argus.identity"]): span for span in spans}


def is_intermediate(span: Span) -> bool:
    own = identity(
        str(span.attributes["session.id"]), "assistant_message", "transcript", str(span.attributes["message.uuid"])
    )
    return span.attributes["argus.identity"] == own


@pytest.mark.parametrize("name", NAMES)
def test_identities_are_those_of_the_hooks(name: str) -> None:
    told, found = live(name), imported(name)
    more = [span for own, span in found.items() if own not in told and not is_intermediate(span)]
    assert set(told) - set(found) == set()
    # What no hook is told in these sessions: which call was denied, and a call of invalid input.
    assert {(span.name, span.attributes["gen_ai.tool.name"]) for span in more} == {
        "turns": {("argus.permission", "Edit"), ("argus.tool_call", "Read"), ("argus.tool_result", "Read")},
        "forked": {("argus.permission", "Bash")},
    }[name]


@pytest.mark.parametrize("name", NAMES)
def test_texts_and_sizes_are_those_of_the_hooks(name: str) -> None:
    told, found = live(name), imported(name)
    compared = Counter[str]()
    for own, span in told.items():
        if is_said_differently(span):
            continue
        compared[span.name] += 1
        for key, value in span.attributes.items():
            if key.startswith(("gen_ai.", "argus.content.", "argus.tool.error", "argus.prompt.", "argus.skill.name")):
                assert found[own].attributes.get(key) == value, (span.name, key)
        assert found[own].span_id == span.span_id
        assert found[own].attributes.get("agent_type") == span.attributes.get("agent_type")
        assert found[own].attributes.get("prompt.id") == span.attributes.get("prompt.id")
        assert abs(found[own].end_ns - span.end_ns) < 1_000_000_000
    assert len(compared) == 6
    assert compared["argus.tool_result"] >= 8


def is_said_differently(span: Span) -> bool:
    """
    What is told to a hook in the same turn takes the place of the prompt that began it; a subagent's lines have what its
    model saw of a result, not the result.
    """
    of_agent = span.attributes.get("agent_id") and span.name == "argus.tool_result"
    text = str(span.attributes.get("gen_ai.input.messages"))
    return bool(of_agent) or "<task-notification>" in text or "epsilon queued prompt" in text


def test_a_prompt_is_the_one_that_began_the_turn() -> None:
    prompts = {
        json.loads(str(span.attributes["gen_ai.input.messages"]))[0]["parts"][0]["content"]
        for span in read(file_of("forked", FORKED))
        if span.name == "argus.user_prompt"
    }
    assert prompts == {"alpha turn", "beta turn", "gamma turn", "delta turn", "zeta truncated"}


def test_what_a_fork_copied_is_not_its_own() -> None:
    skipped: Counter[str] = Counter()
    spans = read(file_of("forked", FORK), skipped=skipped)
    prompts = [span for span in spans if span.name == "argus.user_prompt"]
    assert [json.loads(str(one.attributes["gen_ai.input.messages"]))[0]["parts"][0]["content"] for one in prompts] == [
        "forked turn"
    ]
    assert {span.attributes["session.id"] for span in spans} == {file_of("forked", FORK).stem}
    assert skipped["copied from the session that this one was forked from"] > 20


def test_a_subagent_that_outlives_its_prompt_stops_in_a_later_one() -> None:
    (path,) = [path for path in files_of("forked") if agent_of(path)]
    start, stop = [span for span in read(path) if span.name.startswith("argus.subagent_")]
    prompts = {
        json.loads(str(span.attributes["gen_ai.input.messages"]))[0]["parts"][0]["content"]: span.attributes[
            "prompt.id"
        ]
        for span in read(main_file(path))
        if span.name == "argus.user_prompt"
    }
    assert (start.attributes["prompt.id"], stop.attributes["prompt.id"]) == (
        prompts["beta turn"],
        prompts["gamma turn"],
    )


def test_the_denied_call_says_who_decided() -> None:
    (denied,) = [span for span in imported("turns").values() if span.name == "argus.permission"]
    (call,) = [
        span
        for span in imported("turns").values()
        if span.attributes.get("gen_ai.tool.name") == "Edit" and span.name == "argus.tool_call"
    ]
    assert denied.attributes["decision"] == "reject"
    assert denied.attributes["decision_source"] == "user_reject"
    assert denied.attributes["argus.permission.reason"] == "denied by script"
    assert denied.attributes["gen_ai.tool.call.id"] == call.attributes["gen_ai.tool.call.id"]
    assert denied.attributes["argus.identity"] == identity(
        str(denied.attributes["session.id"]),
        "permission",
        "PermissionDenied",
        str(call.attributes["gen_ai.tool.call.id"]),
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_span_says_that_it_is_of_a_transcript_and_of_which_line(name: str) -> None:
    for span in imported(name).values():
        assert span.attributes["argus.hook"] == span.attributes["argus.source"] == "transcript"
        assert span.attributes["argus.entrypoint"] == "sdk-py"
        assert len(str(span.attributes["message.uuid"])) == 36
        if span.name in ("argus.assistant_message", "argus.tool_call"):
            assert str(span.attributes["request_id"]).startswith("req_")
        assert "argus.tool.duration_ms" not in span.attributes
        assert span.start_ns == span.end_ns


def test_of_an_answer_in_pieces_the_last_is_the_last_words() -> None:
    said = {
        json.loads(str(span.attributes["gen_ai.output.messages"]))[0]["parts"][0]["content"]: is_intermediate(span)
        for span in read(file_of("forked", FORKED))
        if span.name == "argus.assistant_message"
    }
    assert said["  First block. \n"] is True
    assert said["Second block."] is False
    assert said["cut off he"] is True  # the limit was hit again and again, until the turn failed


def test_reading_on_from_an_offset_says_the_same_whatever_was_half_written(tmp_path: Path) -> None:
    whole = file_of("turns", "8ac0").read_bytes()
    growing = tmp_path / "8ac0.jsonl"
    told: dict[str, Span] = {}
    offset = 0
    for end in range(0, len(whole) + 997, 997):
        growing.write_bytes(whole[:end])
        spans, offset = read_from(str(growing), offset)
        told.update(by_identity(spans))
        assert offset <= end
    # Read before it went on, an answer may have looked like the last; nothing else is said that is not so.
    more = [span for own, span in told.items() if own not in by_identity(read(growing))]
    assert set(by_identity(read(growing))) <= set(told)
    assert {span.name for span in more} <= {"argus.assistant_message"}


def test_a_file_that_is_gone_or_was_replaced_is_no_error(tmp_path: Path) -> None:
    assert read_from(str(tmp_path / "gone.jsonl"), 17) == ([], 17)
    written = write(tmp_path, [prompt("p1", "again")])
    spans, offset = read_from(str(written), 1_000_000)
    assert [span.name for span in spans] == ["argus.user_prompt"]
    assert offset == 0


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, [prompt("p1", "before")])
    with path.open("ab") as file:
        file.write(b"{not json}\n[1, 2]\n\n" + b"[" * 100_000 + b"\n")
        file.write(json.dumps({"type": "something-new", "sessionId": "s1"}).encode() + b"\n")
        file.write(json.dumps({**prompt("p2", "timeless"), "timestamp": "soon"}).encode() + b"\n")
        file.write(json.dumps(prompt("p3", "after")).encode() + b"\n")
        file.write(json.dumps(prompt("p4", "half")).encode()[:-20])
    skipped: Counter[str] = Counter()
    assert [span.attributes["prompt.id"] for span in read(path, skipped=skipped)] == ["p1", "p3"]
    assert skipped == {"broken": 3, "of an unknown type": 1, "without session or time": 1, "half written": 1}


def test_levels_redaction_and_exclusions_are_those_of_hooks() -> None:
    path = file_of("turns", "8ac0")
    metadata = read(path, Settings(capture_level="metadata"))
    assert {span.name for span in metadata} == {span.name for span in read(path)}
    assert not any(
        key.startswith(("gen_ai.input", "gen_ai.output", "gen_ai.tool.call.arg"))
        for s in metadata
        for key in s.attributes
    )
    assert not any("argus.content.sha256" in span.attributes for span in metadata)
    assert read(path, Settings(capture_level="off")) == []
    excluded = [span for span in read(path, Settings(exclude_tools=("Bash",))) if "argus.excluded" in span.attributes]
    assert {span.attributes["gen_ai.tool.name"] for span in excluded} == {"Bash"}
    assert not any("gen_ai.tool.call.arguments" in span.attributes for span in excluded)


def test_a_secret_is_replaced_in_calls_and_results(tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    lines = [prompt("p1", "go"), call("t1", "Bash", {"command": f"echo {key}"}), result("t1", {"stdout": key})]
    spans = read(write(tmp_path, lines))
    assert not any(key in str(value) for span in spans for value in span.attributes.values())
    assert [span.attributes.get("argus.redactions") is not None for span in spans] == [False, True, True]
    kept = read(write(tmp_path, lines), Settings(redaction=False))
    assert key in str(kept[2].attributes["gen_ai.tool.call.result"])


# Shapes that these sessions do not have


def line(kind: str, uuid: str, content: Any, **more: Any) -> Line:
    written = {
        "type": kind,
        "uuid": uuid,
        "sessionId": "s1",
        "timestamp": "2026-11-24T10:00:00.000Z",
        "cwd": "/home/user/project",
    }
    return {**written, "message": {"role": kind, "content": content, **more.pop("message", {})}, **more}


def prompt(prompt_id: str, text: str, **more: Any) -> Line:
    return line("user", f"u-{prompt_id}", text, promptId=prompt_id, **more)


def call(tool_use_id: str, name: str, tool_input: Any, **more: Any) -> Line:
    return line(
        "assistant",
        f"u-{tool_use_id}",
        [{"type": "tool_use", "id": tool_use_id, "name": name, "input": tool_input}],
        **more,
    )


def result(tool_use_id: str, response: Any, *, is_error: bool = False, **more: Any) -> Line:
    block = {"type": "tool_result", "tool_use_id": tool_use_id, "content": "as the model saw it", "is_error": is_error}
    return line("user", f"r-{tool_use_id}", [block], toolUseResult=response, **more)


def text(uuid: str, said: str, stop_reason: str | None = None, **more: Any) -> Line:
    return line("assistant", uuid, [{"type": "text", "text": said}], message={"stop_reason": stop_reason}, **more)


def write(folder: Path, lines: list[Line], name: str = "s1.jsonl") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    return path


def said_by(spans: list[Span]) -> list[tuple[str, str]]:
    return [
        (
            json.loads(str(span.attributes["gen_ai.output.messages"]))[0]["parts"][0]["content"],
            "other" if is_intermediate(span) else "last",
        )
        for span in spans
        if span.name == "argus.assistant_message"
    ]


def test_without_a_stop_reason_the_last_text_of_a_turn_is_its_last_words(tmp_path: Path) -> None:
    lines = [
        prompt("p1", "one"), text("a1", "first"), call("t1", "Read", {}), result("t1", "x"), text("a2", "done one"),
        prompt("p2", "two"), text("a3", "done two"),
    ]  # fmt: skip
    assert said_by(read(write(tmp_path, lines))) == [("first", "other"), ("done one", "last"), ("done two", "last")]


def test_an_interrupted_turn_has_no_last_words(tmp_path: Path) -> None:
    stopped = line("user", "u9", [{"type": "text", "text": "[Request interrupted by user]"}], promptId="p1")
    lines = [prompt("p1", "one"), text("a1", "I was about to"), stopped, prompt("p2", "two")]
    assert said_by(read(write(tmp_path, lines))) == [("I was about to", "other")]


def test_a_turn_that_a_hook_sends_on_has_two_last_words(tmp_path: Path) -> None:
    summary = {**line("system", "h1", ""), "subtype": "stop_hook_summary"}
    lines = [
        prompt("p1", "one"),
        text("a1", "done", "end_turn"),
        summary,
        text("a2", "really done", "end_turn"),
        summary,
    ]
    assert said_by(read(write(tmp_path, lines))) == [("done", "last"), ("really done", "last")]


def test_what_the_client_writes_itself_is_nobody_s_words(tmp_path: Path) -> None:
    lines = [
        prompt("p1", "one"), text("a1", "half an answer", "max_tokens"),
        text("a2", "API Error: 529", "stop_sequence", isApiErrorMessage=True),
        line("assistant", "a3", [{"type": "text", "text": "No response requested."}], message={"model": "<synthetic>"}),
        prompt("p2", "<local-command-stdout>ok</local-command-stdout>"),
        prompt("p2", "<command-name>/clear</command-name>\n<command-message>clear</command-message>"),
        prompt("p2", "not said", isMeta=True),
    ]  # fmt: skip
    spans = read(write(tmp_path, lines))
    assert said_by(spans) == [("half an answer", "other")]
    assert [span.attributes["prompt.id"] for span in spans if span.name == "argus.user_prompt"] == ["p1"]


def test_older_versions_number_no_prompts_and_keep_subagents_in_the_main_file(tmp_path: Path) -> None:
    rejected = result("t2", "User rejected tool use", is_error=True)
    lines = [
        line("user", "u1", "go"), call("t1", "Task", {"prompt": "count"}),
        line("user", "u2", "count", isSidechain=True, agentId="abc"),
        text("a1", "counted", "end_turn", isSidechain=True, agentId="abc"),
        line("user", "u3", "nameless", isSidechain=True), text("a2", "without a name", "end_turn", isSidechain=True),
        result("t1", {"status": "completed"}), call("t2", "Bash", {"command": "rm x"}), rejected, text("a3", "done", "end_turn"),
    ]  # fmt: skip
    spans = read(write(tmp_path, lines))
    assert [(span.name, span.attributes.get("prompt.id"), span.attributes.get("agent_id")) for span in spans] == [
        ("argus.user_prompt", "u1", None),
        ("argus.tool_call", "u1", None),
        ("argus.subagent_start", "u1", "abc"),
        ("argus.tool_result", "u1", None),
        ("argus.tool_call", "u1", None),
        ("argus.permission", "u1", None),
        ("argus.assistant_message", "u1", None),
        ("argus.subagent_stop", "u1", "abc"),
        ("argus.assistant_message", "u1", "abc"),
        ("argus.assistant_message", "u1", None),
    ]


def test_two_processes_on_one_session_keep_their_prompts_apart(tmp_path: Path) -> None:
    lines = [
        prompt("p1", "one"), prompt("p2", "two"),
        call("t1", "Bash", {}, parentUuid="u-p1"), call("t2", "Bash", {}, parentUuid="u-p2"),
    ]  # fmt: skip
    calls = [span for span in read(write(tmp_path, lines)) if span.name == "argus.tool_call"]
    assert [span.attributes["prompt.id"] for span in calls] == ["p1", "p2"]


@pytest.mark.parametrize(
    "asking",
    [
        {
            "type": "system",
            "content": "UserPromptSubmit operation blocked by hook:\nprivate now\n\nOriginal prompt: /private",
        },
        {"type": "queue-operation", "operation": "enqueue", "content": "/argus-otel:private"},
        prompt("p1", "/private"),
        prompt("p1", "/private please\nat once"),
        prompt(
            "p1",
            "<command-message>argus-otel:private</command-message>\n<command-name>/argus-otel:private</command-name>\n"
            "<command-args>please</command-args>",
        ),
        prompt(
            "p1",
            "<command-message>argus-otel:private</command-message>\n<command-name>/argus-otel:private</command-name>",
        ),
    ],
)
def test_a_session_whose_user_typed_private_is_known_by_it(tmp_path: Path, asking: Line) -> None:
    talk = prompt("p0", "what does /private do in src/private?")
    other = prompt("p0", "/foo:private")
    assert outline_of(write(tmp_path, [talk, other])).is_private is False
    assert outline_of(write(tmp_path, [talk, asking])).is_private is True


def test_a_subagent_s_file_is_told_by_its_name_and_belongs_to_a_session(tmp_path: Path) -> None:
    new = write(tmp_path, [prompt("p1", "count", agentId="abc", isSidechain=True)], "s1/subagents/agent-abc.jsonl")
    old = write(tmp_path, [prompt("p1", "count", agentId="abc", isSidechain=True)], "agent-abc.jsonl")
    new.with_suffix(".meta.json").write_text('{"agentType": "Explore", "finished": true}')
    assert agent_of(new) == Agent("abc", "Explore", is_finished=True)
    assert agent_of(old) == Agent("abc", "", is_finished=False)
    assert main_file(new) == main_file(old) == tmp_path / "s1.jsonl"
    assert [span.name for span in read(new)] == [
        "argus.subagent_start",
        "argus.subagent_stop",
    ]  # it finished without words
    assert [span.name for span in read(old)] == ["argus.subagent_start"]
