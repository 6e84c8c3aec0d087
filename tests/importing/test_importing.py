"""What is sent of which files, how often, to whom; the import runs as its command does."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from importer import (
    FORK,
    OTHER,
    SESSION,
    Receiver,
    attributes_of,
    kill_midway,
    projects,
    run,
    spans_of,
    start,
    state_file,
)

from argus_otel.errors import ConfigError
from argus_otel.importing import find_sessions

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = "private: its user typed /private"


@pytest.mark.parametrize("path", [".", ".claude", ".claude/projects", ".claude/projects/-home-user-project"])
def test_any_folder_above_transcripts_will_do(tmp_path: Path, path: str) -> None:
    projects(tmp_path)
    sessions = find_sessions(tmp_path / path)
    assert {session.main.stem: len(session.files) for session in sessions} == {SESSION: 3, OTHER: 2, FORK: 1}
    assert all(session.files[0] == session.main for session in sessions)


def test_a_file_brings_its_subagents_and_a_subagent_comes_alone(tmp_path: Path) -> None:
    folder = projects(tmp_path) / "-home-user-project"
    (session,) = find_sessions(folder / f"{SESSION}.jsonl")
    assert [file.name.partition("-")[0] for file in session.files] == [SESSION[:8], "agent", "agent"]
    (alone,) = find_sessions(session.files[1])
    assert alone == (session.main, (session.files[1],))


def test_a_path_without_transcripts_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no"):
        find_sessions(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="holds no transcript"):
        find_sessions(tmp_path)
    assert "there is no" in run(tmp_path, str(tmp_path / "nowhere"), "--dry-run", code=2)["error"]


def test_everything_is_sent_once_in_bounded_batches_with_the_token(tmp_path: Path) -> None:
    folder = projects(tmp_path, copies=60)
    (tmp_path / "token").write_text("made-up-token\n")
    with Receiver() as receiver:
        options = ("--endpoint", receiver.endpoint, "--token-file", str(tmp_path / "token"))
        summary = run(tmp_path, str(folder), *options)
        assert summary["sessions"] == len(receiver.sessions) == 60
        assert (
            sum(summary["records"].values()) == len(receiver.spans) == len({span["spanId"] for span in receiver.spans})
        )
        assert max(receiver.sizes) <= 2 * 1024 * 1024 < sum(receiver.sizes)
        assert {headers["Authorization"] for headers in receiver.headers} == {"Bearer made-up-token"}
        assert {headers["Content-Encoding"] for headers in receiver.headers} == {"gzip"}
        sent = len(receiver.requests)
        second = run(tmp_path, str(folder), *options)
        assert (second["sessions"], second["files_left_out"]) == (0, {"imported before": 180})
        assert len(receiver.requests) == sent + 1  # a greeting, of no spans
        assert run(tmp_path, str(folder), *options, "--again")["records"] == summary["records"]
        # Other settings make other records of the same files.
        assert run(tmp_path, str(folder), *options, "--capture-level", "metadata")["records"] == summary["records"]


def test_a_session_that_went_on_is_read_on_from_its_last_turn(tmp_path: Path) -> None:
    file = projects(tmp_path) / "-home-user-project" / f"{OTHER}.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    prompts = [number for number, line in enumerate(lines) if '"promptSource"' in line]
    file.write_text("".join(lines[: prompts[-1]]))
    with Receiver() as receiver:
        first = run(tmp_path, str(file), "--endpoint", receiver.endpoint)
        file.write_text("".join(lines))
        second = run(tmp_path, str(file), "--endpoint", receiver.endpoint)
        assert first["records"]["user_prompt"] == 4
        assert second["records"]["user_prompt"] == 2  # the turn that may have been half written, and the new one
        assert second["files_left_out"] == {"imported before": 1}  # the subagent's
        identities = {attributes_of(span)["argus.identity"] for span in receiver.spans}
        assert len(identities) == sum(run(tmp_path, str(file), "--dry-run", "--again")["records"].values())


def test_a_receiver_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    refusals = iter([429, 503, 502, 500])

    def answer(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        status = next(refusals, 200) if spans_of(request) else 200
        return status, {"Retry-After": "0"} if status in (429, 503) else {}, b"{}"

    folder = projects(tmp_path)
    with Receiver(answer) as receiver:
        summary = run(tmp_path, str(folder), "--endpoint", receiver.endpoint)
        assert sum(summary["records"].values()) == len(receiver.spans)


def test_what_the_receiver_never_takes_is_counted_and_the_rest_arrives(tmp_path: Path) -> None:
    def answer(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        return 400 if "seq 1 3" in json.dumps(request) else 200, {}, b"{}"

    folder = projects(tmp_path)
    with Receiver(answer) as receiver:
        summary = run(tmp_path, str(folder), "--endpoint", receiver.endpoint, code=1)
        assert summary["records_refused"] == 1
        assert sum(summary["records"].values()) == len(receiver.spans) + 1


def test_rejected_records_are_counted(tmp_path: Path) -> None:
    def answer(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        partial = {"partialSuccess": {"rejectedSpans": "3", "errorMessage": "no"}} if spans_of(request) else {}
        return 200, {}, json.dumps(partial).encode()

    with Receiver(answer) as receiver:
        assert run(tmp_path, str(projects(tmp_path)), "--endpoint", receiver.endpoint, code=1)["records_refused"] == 3


def test_nobody_there_is_said_and_nothing_is_noted(tmp_path: Path) -> None:
    error = run(tmp_path, str(projects(tmp_path)), "--endpoint", "http://127.0.0.1:1", code=1)["error"]
    assert re.search(r"nothing was imported: http://127\.0\.0\.1:1/v1/traces was not reached", error)
    assert not state_file(tmp_path).exists()


@pytest.mark.parametrize(
    ("options", "variables", "said"),
    [
        (["--endpoint", "ftp://x"], {}, "--endpoint is 'ftp://x'"),
        (["--capture-level", "some"], {}, "ARGUS_OTEL_CAPTURE_LEVEL is 'some'"),
        ([], {"ARGUS_OTEL_CAPTURE_LEVEL": "off"}, "the capture level is off"),
        (["--token-file", "/nowhere"], {}, "cannot be read"),
        (["--since", "soon"], {}, "is no duration"),
    ],
)
def test_wrong_usage_is_told_from_failure(
    tmp_path: Path, options: list[str], variables: dict[str, str], said: str
) -> None:
    assert said in run(tmp_path, str(projects(tmp_path)), *options, code=2, **variables)["error"]


def test_the_endpoint_of_the_environment_is_used(tmp_path: Path) -> None:
    with Receiver() as receiver:
        run(tmp_path, str(projects(tmp_path)), ARGUS_OTEL_ENDPOINT=receiver.endpoint, ARGUS_OTEL_TOKEN="made-up")
        assert receiver.sessions == {SESSION, OTHER, FORK}
        assert {headers["Authorization"] for headers in receiver.headers} == {"Bearer made-up"}


def test_a_token_of_a_config_file_goes_to_the_endpoint_of_that_file_alone(tmp_path: Path) -> None:
    folder = projects(tmp_path)
    with Receiver() as receiver, Receiver() as other:
        file = tmp_path / ".config" / "argus-otel" / "capture.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"endpoint": receiver.endpoint, "token": "made-up"}))
        run(tmp_path, str(folder))
        run(tmp_path, str(folder), "--endpoint", other.endpoint)
        assert {headers["Authorization"] for headers in receiver.headers} == {"Bearer made-up"}
        assert not any("Authorization" in headers for headers in other.headers)
        assert other.sessions == receiver.sessions


def test_a_dry_run_sends_and_notes_nothing(tmp_path: Path) -> None:
    with Receiver() as receiver:
        summary = run(tmp_path, str(projects(tmp_path)), "--endpoint", receiver.endpoint, "--dry-run")
        assert summary["sessions"] == 3
        assert receiver.headers == []
    assert not state_file(tmp_path).exists()


def test_since_leaves_out_older_files_and_older_records(tmp_path: Path) -> None:
    day_s = 86_400
    now_s = time.time()
    for name, ages_d in (("old", (3,)), ("mixed", (3, 0))):
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(_prompt(f"{name}-{age_d}", now_s - age_d * day_s) for age_d in ages_d))
        os.utime(file, (now_s, now_s - ages_d[-1] * day_s))
    summary = run(tmp_path, str(tmp_path), "--dry-run", "--since", "1d")
    assert summary["files_left_out"] == {"older": 1}
    assert summary["records"] == {"user_prompt": 1}
    assert run(tmp_path, str(tmp_path), "--dry-run", "--since", "1w")["records"] == {"user_prompt": 3}


def _prompt(prompt_id: str, at_s: float) -> str:
    at = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
    said = {"type": "user", "sessionId": "s1", "uuid": prompt_id, "promptId": prompt_id, "message": {"content": "go"}}
    return json.dumps({**said, "timestamp": at}) + "\n"


# Who opted out


def test_a_session_that_is_marked_private_here_is_left_out(tmp_path: Path) -> None:
    folder = projects(tmp_path)
    for state, session in ((".local/state/argus-otel/capture", SESSION), (".claude/plugins/data/some-plugin", OTHER)):
        marker = tmp_path / state / "private" / session
        marker.parent.mkdir(parents=True)
        marker.write_text(json.dumps({"session_id": session, "asked_at_ns": 1, "sent_at_ns": None, "endpoint": ""}))
    with Receiver() as receiver:
        summary = run(tmp_path, str(folder), "--endpoint", receiver.endpoint)
        assert summary["sessions_left_out"] == {PRIVATE: 2}
        assert receiver.sessions == {FORK}


def test_a_session_whose_user_typed_private_is_left_out_with_its_subagents(tmp_path: Path) -> None:
    folder = projects(tmp_path)
    with (folder / "-home-user-project" / f"{SESSION}.jsonl").open("a") as file:
        file.write(json.dumps({"type": "queue-operation", "sessionId": SESSION, "content": "/private"}) + "\n")
    with Receiver() as receiver:
        assert run(tmp_path, str(folder), "--endpoint", receiver.endpoint)["sessions_left_out"] == {PRIVATE: 1}
        assert receiver.sessions == {OTHER, FORK}


def test_a_project_that_is_private_for_good_or_excluded_is_left_out(tmp_path: Path) -> None:
    folder = projects(tmp_path)
    project = tmp_path / "work"
    (project / "below").mkdir(parents=True)
    (project / ".argus-otel-private").touch()
    file = folder / "-home-user-project" / f"{SESSION}.jsonl"
    file.write_text(file.read_text().replace("/home/user/project", str(project / "below")))
    summary = run(tmp_path, str(folder), "--dry-run", ARGUS_OTEL_EXCLUDE_PROJECTS="/home/user/*")
    assert summary["sessions_left_out"] == {
        "private for good: by a setting or a file in its project": 1,
        "of a project that is excluded": 2,
    }
    assert run(tmp_path, str(folder), "--dry-run", ARGUS_OTEL_PRIVATE="true")["sessions"] == 0


def test_a_secret_leaves_only_if_that_is_asked_for(tmp_path: Path) -> None:
    folder = projects(tmp_path)
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    for file in folder.rglob("*.jsonl"):
        file.write_text(file.read_text().replace("echo hello", f"echo {key}"))
    with Receiver() as receiver:
        run(tmp_path, str(folder), "--endpoint", receiver.endpoint)
        assert key not in json.dumps(receiver.requests)
        run(tmp_path, str(folder), "--endpoint", receiver.endpoint, "--no-redaction")
        assert key in json.dumps(receiver.requests)


def test_a_killed_import_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = projects(tmp_path, copies=80)
    with Receiver() as receiver:
        process = start(tmp_path, str(folder), "--endpoint", receiver.endpoint)
        kill_midway(process, tmp_path)
        noted = state_file(tmp_path).read_text()
        state_file(tmp_path).write_text(noted[:-5])  # a crash may cut its last line
        summary = run(tmp_path, str(folder), "--endpoint", receiver.endpoint)
        assert 0 < summary["files_left_out"]["imported before"] < 240
        identities = {attributes_of(span)["argus.identity"] for span in receiver.spans}
        assert len(identities) == sum(run(tmp_path, str(folder), "--dry-run", "--again")["records"].values())
