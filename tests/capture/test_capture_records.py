"""What no recording holds: hooks of Claude Code's reference, levels, skills, privacy, and input that is none."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_otel.capture.errors import HookInputError
from argus_otel.capture.hooks import _SAYS
from argus_otel.capture.otlp import encode
from argus_otel.capture.records import content_records
from argus_otel.capture.redact import load_rules
from argus_otel.capture.settings import CaptureSettings

if TYPE_CHECKING:
    from argus_otel.capture.otlp import Span

FULL = CaptureSettings()
SKILL = b"---\nname: greet\n---\nSay hello.\n"
SKILL_HASH = hashlib.sha256(SKILL).hexdigest()


def spans_of(event: str, settings: CaptureSettings = FULL, **told: Any) -> list[Span]:
    return content_records({"session_id": "s", "hook_event_name": event, **told}, 10**18, {}, settings)


def said(event: str, settings: CaptureSettings = FULL, **told: Any) -> dict[str, Any]:
    (span,) = spans_of(event, settings, **told)
    return dict(span.attributes)


def test_a_compaction_tells_what_was_asked_and_what_was_left() -> None:
    before = said("PreCompact", trigger="manual", custom_instructions="keep the plan")
    after = said("PostCompact", trigger="manual", compact_summary="the plan")
    assert {before["argus.record"], after["argus.record"]} == {"compaction"}
    assert (before["trigger"], before["argus.compaction.instructions"]) == ("manual", "keep the plan")
    assert (after["argus.compaction.summary"], after["argus.content.bytes"]) == ("the plan", 8)


def test_a_notification_tells_its_type_and_words() -> None:
    told = said("Notification", notification_type="permission_prompt", title="Claude", message="may I?")
    assert told["argus.notification.type"] == "permission_prompt"
    assert (told["argus.notification.title"], told["argus.notification.message"]) == ("Claude", "may I?")


def test_a_denied_permission_tells_the_call_and_the_reason() -> None:
    told = said("PermissionDenied", tool_name="Bash", tool_use_id="t", tool_input={"command": "rm"}, reason="too risky")
    assert (told["argus.record"], told["gen_ai.tool.call.id"]) == ("permission", "t")
    assert (told["argus.permission.input"], told["argus.permission.reason"]) == ('{"command":"rm"}', "too risky")


def test_a_session_starts_somewhere_and_ends_for_a_reason() -> None:
    assert said("SessionStart", source="resume", cwd="/home/dev/proj")["argus.start.source"] == "resume"
    assert said("SessionEnd", reason="logout")["argus.end.reason"] == "logout"


@pytest.mark.parametrize("response", ["plain", {"b": 1, "a": [None]}, [{"type": "text", "text": "5"}], ""])
def test_a_tool_response_may_be_text_object_or_list(response: Any) -> None:
    told = said("PostToolUse", tool_name="X", tool_use_id="t", tool_response=response)
    result = told.get("gen_ai.tool.call.result", "")
    assert (result if isinstance(response, str) else json.loads(result)) == response
    assert told["argus.content.bytes"] == len(result.encode())


@pytest.mark.parametrize("duration_ms", [None, "12", True, -1, 1e400, float("nan")])
def test_a_duration_that_is_none_is_left_out(duration_ms: Any) -> None:
    (span,) = spans_of("PostToolUse", tool_name="X", tool_use_id="t", tool_response="", duration_ms=duration_ms)
    assert span.start_ns == span.end_ns
    assert "argus.tool.duration_ms" not in span.attributes


def test_a_tool_that_ran_since_before_the_epoch_starts_at_the_epoch() -> None:
    (span,) = spans_of("PostToolUse", tool_name="X", tool_use_id="t", tool_response="", duration_ms=2**53)
    assert span.start_ns == 0


@pytest.mark.parametrize(("index", "final"), [(0, False), (3, False), (3, True)])
def test_pieces_of_a_streamed_message_are_no_messages(index: int, final: bool) -> None:
    assert spans_of("MessageDisplay", message_id="m", index=index, final=final, delta="piece") == []


def test_an_answer_without_words_is_none() -> None:
    assert spans_of("Stop", last_assistant_message="") == []
    assert spans_of("Stop") == []
    assert [span.name for span in spans_of("SubagentStop", agent_id="a")] == ["argus.subagent_stop"]


@pytest.mark.parametrize(
    "prompt", ["/private", " /private\n", "/argus-otel:private", "/private please", "/private\nnow"]
)
def test_private_replaces_the_prompt(prompt: str) -> None:
    told = said("UserPromptSubmit", prompt_id="p", prompt=prompt)
    assert told["argus.record"] == "private"
    assert "private" not in json.dumps({key: value for key, value in told.items() if key != "argus.record"})


@pytest.mark.parametrize(
    "prompt", ["/my-plugin:private", "private", "/privates", "say /private", "/ private", "/x: private"]
)
def test_a_prompt_that_only_mentions_private_is_a_prompt(prompt: str) -> None:
    assert said("UserPromptSubmit", prompt=prompt)["argus.record"] == "user_prompt"


@pytest.mark.parametrize("event", [*_SAYS, "PostToolBatch", "SomethingNew"])
def test_off_says_nothing(event: str) -> None:
    assert spans_of(event, CaptureSettings("off"), prompt="x", last_assistant_message="x", final=True, delta="x") == []


@pytest.mark.parametrize("event", _SAYS)
def test_metadata_says_no_text_and_no_hash(event: str) -> None:
    names = ("prompt", "cwd", "reason", "error", "delta", "message", "title", "tool_response", "compact_summary")
    told = {name: f"SENTINEL {name}" for name in (*names, "custom_instructions", "last_assistant_message")}
    if event in ("SessionEnd", "UserPromptSubmit"):
        told["reason"] = "other"  # a label there
    spans = spans_of(event, CaptureSettings("metadata"), **told, tool_input={"x": "SENTINEL"}, final=True, index=0)
    assert spans
    assert b"SENTINEL" not in encode(spans)
    assert not any("argus.content.sha256" in span.attributes for span in spans)


def test_metadata_keeps_names_and_measures() -> None:
    told = said(
        "PreToolUse", CaptureSettings("metadata"), tool_name="Bash", tool_use_id="t", tool_input={"command": "ls"}
    )
    assert (told["gen_ai.tool.name"], told["argus.content.bytes"]) == ("Bash", len('{"command":"ls"}'))


def test_a_long_value_is_cut_and_says_so() -> None:
    told = said("UserPromptSubmit", CaptureSettings(value_bytes_max=10), prompt="a" * 30)
    (message,) = json.loads(told["gen_ai.input.messages"])
    assert message["parts"][0]["content"] == "aaaaa\n[… 20 bytes left out …]\naaaaa"
    assert (told["argus.content.truncated"], told["argus.content.bytes"]) == (True, 30)
    assert told["argus.content.sha256"] == hashlib.sha256(b"a" * 30).hexdigest()


def with_skills(hook: dict[str, Any], files: dict[str, bytes], env: dict[str, str]) -> dict[str, Any]:
    (span,) = content_records({"session_id": "s", "tool_use_id": "t", "cwd": "/cwd", **hook}, 1, env, FULL, files.get)
    return dict(span.attributes)


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse", "PostToolUseFailure"])
@pytest.mark.parametrize("line_ending", [b"\n", b"\r\n", b"\r"])
def test_a_skill_has_the_hash_of_its_file_whatever_its_line_endings(event: str, line_ending: bytes) -> None:
    files = {"/proj/.claude/skills/greet/SKILL.md": SKILL.replace(b"\n", line_ending)}
    hook = {"hook_event_name": event, "tool_name": "Skill", "tool_input": {"skill": "greet", "args": "world"}}
    told = with_skills(hook, files, {"CLAUDE_PROJECT_DIR": "/proj"})
    assert (told["argus.skill.name"], told["argus.skill.hash"]) == ("greet", SKILL_HASH)


def test_a_personal_skill_hides_the_projects_and_the_folder_stands_in_for_the_project() -> None:
    hook = {"hook_event_name": "PreToolUse", "tool_name": "Skill", "tool_input": {"skill": "greet"}}
    both = {"~/.claude/skills/greet/SKILL.md": SKILL, "/cwd/.claude/skills/greet/SKILL.md": b"other"}
    assert with_skills(hook, both, {})["argus.skill.hash"] == SKILL_HASH
    only = {"/cwd/.claude/skills/greet/SKILL.md": SKILL}
    assert with_skills(hook, only, {})["argus.skill.hash"] == SKILL_HASH


@pytest.mark.parametrize("name", ["../greet", "/etc/greet", "a/b", "../plugin:greet", "plugin:../greet", "", "..", "."])
def test_a_skills_name_never_leaves_the_folder_of_skills(name: str) -> None:
    def read(path: str) -> bytes | None:
        raise AssertionError(path)

    hook = {"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Skill", "tool_input": {"skill": name}}
    (span,) = content_records(hook, 1, {}, FULL, read)
    assert "argus.skill.hash" not in span.attributes


def test_a_skill_that_its_user_typed_is_on_the_prompt_and_an_unknown_command_is_not() -> None:
    files = {"~/.claude/skills/greet/SKILL.md": SKILL}
    typed = with_skills({"hook_event_name": "UserPromptSubmit", "prompt": "/greet world"}, files, {})
    assert (typed["argus.skill.name"], typed["argus.skill.hash"]) == ("greet", SKILL_HASH)
    other = with_skills({"hook_event_name": "UserPromptSubmit", "prompt": "/compact"}, files, {})
    assert "argus.skill.name" not in other


def test_a_command_is_found_as_a_skill_is_and_one_that_is_built_in_is_none() -> None:
    files = {"/cwd/.claude/commands/deploy.md": b"Deploy it.\n"}
    typed = with_skills({"hook_event_name": "UserPromptSubmit", "prompt": "/deploy to test"}, files, {})
    assert typed["argus.skill.name"] == "deploy"
    assert typed["argus.skill.hash"] == hashlib.sha256(b"Deploy it.\n").hexdigest()


INSTALLED = {
    "version": 2,
    "plugins": {
        "demo@market": [
            {"scope": "user", "installPath": "/home/dev/.claude/plugins/cache/market/demo/1.2.3", "version": "1.2.3"},
            {"scope": "project", "installPath": "/old", "version": "1.0.0", "projectPath": "/elsewhere"},
        ]
    },
}
PLUGIN_FILES = {
    "~/.claude/plugins/installed_plugins.json": json.dumps(INSTALLED).encode(),
    "/home/dev/.claude/plugins/cache/market/demo/1.2.3/skills/greet/SKILL.md": SKILL,
    "/home/dev/.claude/plugins/cache/market/demo/1.2.3/commands/cee.md": SKILL,
    "/old/skills/greet/SKILL.md": b"old",
}


@pytest.mark.parametrize("name", ["demo:greet", "greet", "demo:cee"])
def test_a_plugins_skill_is_found_where_the_plugin_is_installed(name: str) -> None:
    hook = {"hook_event_name": "PreToolUse", "tool_name": "Skill", "tool_input": {"skill": name}}
    told = with_skills(hook, PLUGIN_FILES, {})
    assert (told["argus.skill.name"], told["argus.skill.hash"]) == (name, SKILL_HASH)


@pytest.mark.parametrize("name", ["demo:other", "other:greet"])
def test_a_skill_that_no_plugin_has_has_no_hash(name: str) -> None:
    hook = {"hook_event_name": "PreToolUse", "tool_name": "Skill", "tool_input": {"skill": name}}
    assert "argus.skill.hash" not in with_skills(hook, PLUGIN_FILES, {})


def test_a_skill_with_scripts_has_a_hash_of_them_all() -> None:
    folder = "/cwd/.claude/skills/greet"
    files = {f"{folder}/SKILL.md": SKILL, f"{folder}/run.sh": b"echo hello\r\n"}
    hook = {"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Skill", "tool_input": {"skill": "greet"}}
    (span,) = content_records(
        {**hook, "cwd": "/cwd"}, 1, {}, FULL, files.get, {folder: ["SKILL.md", "run.sh"]}.__getitem__
    )
    lines = f"SKILL.md {SKILL_HASH}\nrun.sh {hashlib.sha256(b'echo hello' + bytes([10])).hexdigest()}\n"
    assert span.attributes["argus.skill.files.hash"] == hashlib.sha256(lines.encode()).hexdigest()


def test_secrets_of_all_fields_of_a_record_are_counted_once_by_rule() -> None:
    rules = load_rules()
    hook = {
        "session_id": "s",
        "hook_event_name": "Notification",
        "title": "AKIAIOSFODNN7EXAMPLE",
        "message": "AKIAIOSFODNN7EXAMPLE and password: hunter2hunter2",
    }
    (span,) = content_records(hook, 1, {}, FULL, rules=rules)
    assert span.attributes["argus.redactions"] == '{"assigned_secret":1,"aws_access_key_id":2}'
    assert b"AKIA" not in encode([span])
    assert b"hunter2" not in encode([span])


def test_at_metadata_there_is_nothing_to_redact() -> None:
    hook = {"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt": "AKIAIOSFODNN7EXAMPLE"}
    (span,) = content_records(hook, 1, {}, CaptureSettings("metadata"), rules=load_rules())
    assert "argus.redactions" not in span.attributes


def test_a_turn_that_an_api_error_ended_is_a_notification_of_the_client() -> None:
    told = said("StopFailure", error="rate_limit", last_assistant_message="API Error: 429")
    assert told["argus.record"] == "notification"
    assert (told["argus.notification.type"], told["error.type"]) == ("stop_failure", "rate_limit")
    assert told["argus.notification.message"] == "API Error: 429"
    assert said("StopFailure", error="free text, maybe secret", error_details="x")["error.type"] == "unknown"


def test_of_the_environment_only_the_documented_variables_are_sent() -> None:
    asked = []

    class Environment(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.append(name)
            return super().get(name, default)

        def __getitem__(self, name: str) -> str:
            asked.append(name)
            return super().__getitem__(name)

    env = Environment(
        CLAUDE_CODE_MESSAGING_TOKEN="SECRET", PATH="SECRET", CLAUDE_PID="SECRET", CLAUDE_CODE_REMOTE="true"
    )
    hook = {"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Skill", "tool_input": {"skill": "x"}}
    spans = content_records(hook, 1, env, FULL)
    assert b"SECRET" not in encode(spans)
    assert spans[0].attributes["argus.remote"] == "true"
    assert set(asked) == {
        "CLAUDE_CODE_ENTRYPOINT",
        "CLAUDE_AGENT_SDK_VERSION",
        "CLAUDE_CODE_REMOTE",
        "CLAUDE_PROJECT_DIR",
        "TRACEPARENT",
    }


@pytest.mark.parametrize(
    "hook", [None, [], "x", 1, {}, {"hook_event_name": "Stop"}, {"session_id": ""}, {"session_id": 1}]
)
def test_what_is_no_hook_is_an_error_that_says_so(hook: object) -> None:
    with pytest.raises(HookInputError, match="pipe in what the hook got on stdin"):
        content_records(hook, 1, {}, FULL)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=6,
)
FIELDS = ("prompt_id", "prompt", "tool_name", "tool_input", "tool_use_id", "tool_response", "mcp_server", "duration_ms")
MORE_FIELDS = ("delta", "final", "index", "message_id", "last_assistant_message", "agent_id", "is_interrupt", "cwd")


@given(st.sampled_from(sorted(_SAYS)), st.dictionaries(st.sampled_from(FIELDS + MORE_FIELDS), JSON))
def test_a_field_of_any_type_never_breaks_a_capture(event: str, told: dict[str, Any]) -> None:
    spans = spans_of(event, **told)
    encode(spans).decode()
    for span in spans:
        assert all(value != "" and isinstance(value, (str, bool, int)) for value in span.attributes.values())


def test_reprs_hold_no_content() -> None:
    spans = spans_of("UserPromptSubmit", prompt="SENTINEL")
    assert "SENTINEL" not in repr(spans)
