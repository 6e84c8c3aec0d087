"""
The transcript of a session (JSON lines, as Claude Code keeps them) -> the content spans that its hooks would have caused.

    file ──▶ lines ──▶ what each hook would have been told ──▶ records.content_records ──▶ Piece(spans, offsets)

The hooks' input is rebuilt from the lines and goes the way of live hooks, so that identity, measures, redaction, levels
and exclusions are one piece of code. What only hooks know is not made up: when a session started and ended, permission
requests, notifications, compactions, how long a tool took. What only a transcript knows goes on the span: `message.uuid`,
`request_id` and, of a tool, `decision` and `decision_source`, named as the native leg has them.

Nothing in a file is an error: a line that says nothing here, that is unknown, broken or half written is counted by its
reason. The format is internal to Claude Code and changes: every field is asked for, none is expected.

Source: transcripts of the Agent SDK 0.2.187 beside the hooks of the same sessions (tests/fixtures/transcripts).
"""

from __future__ import annotations

import functools
import json
import posixpath
import re
from bisect import bisect_right
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture.hook import is_private_prompt
from argus_otel.capture.identity import identity, span_id
from argus_otel.capture.records import content_records
from argus_otel.capture.redact import load_rules
from argus_otel.capture.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, BinaryIO

    from argus_otel.capture.otlp import AttributeValue, Span
    from argus_otel.capture.redact import Rule

    Line = Mapping[str, Any]

SOURCE = "transcript"
_DEFAULTS = Settings()
_LINE_BYTES_MAX = 64 * 1024 * 1024
_CALLS_MAX = 1000  # calls whose result is awaited
_UUIDS_MAX = 10_000  # lines that a later one may name as its parent: it is seldom more than a few lines away
_CLOCK_SKEW_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_JS_WHITESPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What `String.prototype.trim` takes off: hooks are told an answer without it."""

_TYPED_COMMAND = re.compile(
    r"<command-message>[^<]*</command-message>\s*<command-name>([^<]+)</command-name>"
    r"(?:\s*<command-args>(.*)</command-args>)?\s*",
    re.DOTALL,
)
_LOCAL = ("<command-name>", "<local-command-", "<bash-")
_INTERRUPTED = "[Request interrupted by user"
_REJECTED = "User rejected tool use"
_MAYBE_PRIVATE = re.compile(rb"/(?:argus-otel:)?private\b")
_BLOCKED = "\n\nOriginal prompt: "
"""What stands between the reason of a hook that blocked a prompt and the prompt."""

_RELATIVE_PATHS = {"Read": "file_path", "Write": "file_path", "Edit": "file_path", "NotebookEdit": "notebook_path"}
"""Tools whose hooks are told the absolute path of what the model named."""

_BOOKKEEPING = frozenset(
    "api-request api-request-blob api-request-shape atis-latch attachment cost-state custom-title "
    "file-history-snapshot last-prompt mode progress queue-operation summary tools-used".split()
)


class Piece(NamedTuple):
    """What some lines say, and how far they reach."""

    spans: list[Span]

    next_offset: int
    """Where to read on later, once these spans are acknowledged: the beginning of the turn that they belong to."""

    end_offset: int
    """How far the file was read."""


class Outline(NamedTuple):
    """What must be known of a session's main file before its lines are understood."""

    copied_bytes: int = 0
    """A fork begins with the lines of the session that it was forked from, under its own session and prompt id."""

    prompt_times_ns: tuple[int, ...] = ()
    prompt_ids: tuple[str, ...] = ()
    """Which prompt ran when: a subagent that outlives its prompt stops in a later one."""

    cwd: str = ""

    is_private: bool = False
    """Its user typed /private."""

    def prompt_at(self, at_ns: int) -> str:
        """Return the prompt that ran at a time; empty before the first."""
        index = bisect_right(self.prompt_times_ns, at_ns)
        return self.prompt_ids[index - 1] if index else ""


class Agent(NamedTuple):
    """The subagent that a file is about."""

    agent_id: str
    agent_type: str
    is_finished: bool


def read_transcript(
    path: Path,
    settings: Settings = _DEFAULTS,
    offset: int = 0,
    skipped: Counter[str] | None = None,
    outline: Outline | None = None,
) -> Iterator[Piece]:
    """
    Read a session's main file, or the file of one of its subagents, line by line; the last piece has the end of the file.

    Args:
        path: `<session>.jsonl`, `<session>/subagents/agent-<id>.jsonl`, or `agent-<id>.jsonl` beside the main file.
        settings: level, redaction, exclusions and limits, as with hooks.
        offset: a `next_offset` of an earlier reading; one beyond the end of the file means its beginning.
        skipped: counts what says nothing, by reason.
        outline: of the session's main file, if it is at hand.

    Raises:
        OSError: the file cannot be read.
        SettingsError: the rules of redaction cannot be used.
    """
    counted: Counter[str] = Counter() if skipped is None else skipped
    agent = agent_of(path)
    known = outline or outline_of(main_file(path) if agent else path)
    reading = _Reading(settings, known, agent, counted)
    with path.open("rb") as file:
        begin = offset if offset <= path.stat().st_size else 0
        end = turn = begin
        file.seek(begin)
        for start, raw in _raw_lines(file):
            end = start + len(raw)
            line = _parsed(raw, counted)
            if line is None:
                continue
            if not agent and start < known.copied_bytes:
                counted["copied from the session that this one was forked from"] += 1
                continue
            turn = start if _begins_turn(line) else turn
            spans = reading.take(line)
            if spans:
                yield Piece(spans, turn, end)
        yield Piece(reading.close(), turn, end)


def read_from(path: str, offset: int, settings: Settings = _DEFAULTS) -> tuple[list[Span], int]:
    """
    Return what a file says from an offset on, and the offset to read on from next time.

    The next offset is the beginning of the last turn: that turn is read again, which makes the same records again, and
    what was half written then is whole. A file that is not there says nothing.
    """
    spans: list[Span] = []
    next_offset = offset
    try:
        for piece in read_transcript(Path(path), settings, offset):
            spans.extend(piece.spans)
            next_offset = piece.next_offset
    except OSError:
        return spans, next_offset
    return spans, next_offset


def outline_of(path: Path) -> Outline:
    """Look through a session's main file for what its lines do not say themselves; a file that is not there has none."""
    looking = _Looking()
    try:
        with path.open("rb") as file:
            for start, raw in _raw_lines(file):
                looking.take(start + len(raw), raw)
    except OSError:
        return Outline()
    return looking.outline()


def agent_of(path: Path) -> Agent | None:
    """Return the subagent that a file is about, by its name and the .meta.json beside it; None for a main file."""
    if not path.name.startswith("agent-"):
        return None
    try:
        meta = json.loads(path.with_suffix(".meta.json").read_bytes())
    except (OSError, ValueError):
        meta = {}
    about = meta if isinstance(meta, dict) else {}
    return Agent(path.stem[len("agent-") :], _text(about, "agentType"), about.get("finished") is True)


def main_file(path: Path) -> Path:
    """Return the main file of the session that a subagent's file belongs to, whether it is there or not."""
    if path.parent.name == "subagents":
        return path.parent.parent.with_suffix(".jsonl")
    try:
        with path.open("rb") as file:
            line = _parsed(file.readline(_LINE_BYTES_MAX), Counter()) or {}
    except OSError:
        line = {}
    return path.with_name(f"{_text(line, 'sessionId') or 'unknown'}.jsonl")


class _Thread:
    """The main conversation or one subagent's: its prompt, and its last words as long as they may be the last."""

    def __init__(self, agent_id: str, agent_type: str, *, is_side: bool) -> None:
        self.agent_id = agent_id
        self.agent_type = agent_type
        self.is_side = is_side  # a subagent's, whether its name is known or not
        self.prompt_id = ""
        self.words: _Words | None = None
        self.is_running = False
        self.last_line: Line = {}


class _Words(NamedTuple):
    line: Line
    text: str
    place: int  # among the blocks of its line
    prompt_id: str


class _Call(NamedTuple):
    name: str
    input: Any


class _Reading:
    """The lines of one file, in their order -> spans."""

    def __init__(self, settings: Settings, outline: Outline, agent: Agent | None, skipped: Counter[str]) -> None:
        self._settings = settings
        self._rules = _rules() if settings.redaction else ()
        self._outline = outline
        self._agent = agent
        self._skipped = skipped
        self._threads: dict[str, _Thread] = {}
        self._calls: dict[str, _Call] = {}
        self._prompts: dict[str, str] = {}  # by the uuid of each line
        self._permission_mode = ""

    def take(self, line: Line) -> list[Span]:
        """Return what a line says, and what it shows to have been the last or not the last words before it."""
        kind = _text(line, "type")
        if kind not in ("user", "assistant", "system"):
            self._remember(line)
            self._skip_other(kind, line)
            return []
        if not _text(line, "sessionId") or _at_ns(line) is None:
            self._skipped["without session or time"] += 1
            return []
        self._permission_mode = _text(line, "permissionMode") or self._permission_mode
        thread = self._thread(line)
        thread.last_line = line
        says = {"user": self._user, "assistant": self._assistant, "system": self._system}[kind]
        return says(thread, line)

    def close(self) -> list[Span]:
        """Return what was held back for what might have come after it."""
        spans: list[Span] = []
        for thread in self._threads.values():
            spans += self._end_of_turn(thread)
            if self._agent and self._agent.is_finished and thread.is_running:
                spans += self._subagent_stop(thread, thread.last_line, thread.prompt_id, "")
        return spans

    def _thread(self, line: Line) -> _Thread:
        agent_id = self._agent.agent_id if self._agent else _text(line, "agentId")
        is_side = self._agent is not None or line.get("isSidechain") is True
        key = agent_id if is_side else "main"
        thread = self._threads.get(key)
        if thread is None:
            agent_type = self._agent.agent_type if self._agent else ""
            thread = self._threads[key] = _Thread(agent_id if is_side else "", agent_type, is_side=is_side)
        thread.agent_type = thread.agent_type or _text(line, "attributionAgent")
        above = self._threads.get("main")  # of a subagent of an older version
        thread.prompt_id = self._prompt_of(line) or thread.prompt_id or (above.prompt_id if above else "")
        self._remember(line, thread.prompt_id)
        return thread

    def _prompt_of(self, line: Line) -> str:
        return _text(line, "promptId") or self._prompts.get(_text(line, "parentUuid"), "")

    def _remember(self, line: Line, prompt_id: str = "") -> None:
        uuid = _text(line, "uuid")
        known = prompt_id or self._prompt_of(line)
        if uuid and known:
            self._prompts[uuid] = known
            if len(self._prompts) > _UUIDS_MAX:
                del self._prompts[next(iter(self._prompts))]

    def _skip_other(self, kind: str, line: Line) -> None:
        attachment = line.get("attachment")
        if isinstance(attachment, dict) and attachment.get("type") == "queued_command":
            # The hook is told the running prompt's id: as a record it would take the place of that prompt.
            self._skipped["said while a turn ran"] += 1
        else:
            self._skipped["bookkeeping" if kind in _BOOKKEEPING else "of an unknown type"] += 1

    # What a user line says: a prompt, or the results of tools

    def _user(self, thread: _Thread, line: Line) -> list[Span]:
        blocks = _blocks(line)
        results = [block for block in blocks if block.get("type") == "tool_result"]
        if results:
            whole = line.get("toolUseResult") if len(results) == 1 else None
            return [span for block in results for span in self._result(thread, line, block, whole)]
        text = "\n".join(_text(block, "text") for block in blocks if block.get("type") == "text")
        if text.startswith(_INTERRUPTED):
            self._skipped["interruption"] += 1
            return self._not_the_last(thread)
        reason = _no_prompt(line, text) or ("" if blocks else "without content")
        if reason:
            self._skipped[reason] += 1
            return []
        return [*self._end_of_turn(thread), *self._prompt(thread, line, text)]

    def _prompt(self, thread: _Thread, line: Line, text: str) -> list[Span]:
        # Older versions number no prompts; the native leg knows this uuid as `message.uuid`.
        thread.prompt_id = _text(line, "promptId") or thread.prompt_id if thread.is_side else _own_prompt_id(line)
        self._remember(line, thread.prompt_id)
        if thread.is_side:
            thread.is_running = bool(thread.agent_id)
            return self._hook("SubagentStart", thread, line, {}) if thread.agent_id else []
        typed = _TYPED_COMMAND.fullmatch(text)
        said = " ".join(filter(None, typed.groups())) if typed else text
        return self._hook("UserPromptSubmit", thread, line, {"prompt": said})

    def _result(self, thread: _Thread, line: Line, block: Line, whole: Any) -> list[Span]:
        tool_use_id = _text(block, "tool_use_id")
        call = self._calls.pop(tool_use_id, _Call("", None))
        decision = line.get("permissionDecision")
        decided = decision if isinstance(decision, dict) else {}
        is_denied = decided.get("decision") == "reject" or bool(_text(line, "toolDenialKind")) or whole == _REJECTED
        about: dict[str, AttributeValue] = {
            "decision": "reject" if is_denied else _text(decided, "decision"),
            "decision_source": _text(decided, "source"),
        }
        told: dict[str, Any] = {"tool_name": call.name, "tool_input": call.input, "tool_use_id": tool_use_id}
        if is_denied:
            return self._hook("PermissionDenied", thread, line, {**told, "reason": _error(block, whole)}, about)
        if block.get("is_error") is True:
            return self._hook("PostToolUseFailure", thread, line, {**told, "error": _error(block, whole)}, about)
        # A subagent's lines have no structured result; what its model saw is the next best.
        response = block.get("content") if whole is None else whole
        return self._hook("PostToolUse", thread, line, {**told, "tool_response": response}, about)

    # What an assistant line says: texts and calls of tools

    def _assistant(self, thread: _Thread, line: Line) -> list[Span]:
        message = line.get("message")
        is_own = isinstance(message, dict) and message.get("model") == "<synthetic>"
        if is_own or line.get("isApiErrorMessage") is True:
            self._skipped["message of the client's own"] += 1
            return self._not_the_last(thread)
        spans: list[Span] = []
        for place, block in enumerate(_blocks(line)):
            kind = block.get("type")
            if kind == "text":
                spans += self._not_the_last(thread)
                thread.words = _Words(line, _text(block, "text"), place, thread.prompt_id)
                spans += [] if _may_be_last(message) else self._not_the_last(thread)
            elif kind == "tool_use":
                spans += [*self._not_the_last(thread), *self._call(thread, line, block)]
            else:
                self._skipped["thinking" if "thinking" in str(kind) else "content of another kind"] += 1
        return spans

    def _call(self, thread: _Thread, line: Line, block: Line) -> list[Span]:
        call = _Call(_text(block, "name"), _as_hooks_see(_text(block, "name"), block.get("input"), _text(line, "cwd")))
        self._calls[_text(block, "id")] = call
        if len(self._calls) > _CALLS_MAX:
            del self._calls[next(iter(self._calls))]
        told = {"tool_name": call.name, "tool_input": call.input, "tool_use_id": _text(block, "id")}
        return self._hook("PreToolUse", thread, line, told)

    def _system(self, thread: _Thread, line: Line) -> list[Span]:
        subtype = _text(line, "subtype")
        self._skipped["compaction" if subtype == "compact_boundary" else "note of the client"] += 1
        # A turn that a hook sends on stops more than once.
        return self._end_of_turn(thread) if subtype == "stop_hook_summary" else []

    # Last words and others

    def _end_of_turn(self, thread: _Thread) -> list[Span]:
        words, thread.words = thread.words, None
        if words is None:
            return []
        if thread.is_side and not thread.agent_id:
            return self._message(thread, words)
        if thread.is_side:
            return self._subagent_stop(thread, words.line, words.prompt_id, words.text.strip(_JS_WHITESPACE))
        told = {"last_assistant_message": words.text.strip(_JS_WHITESPACE), "prompt_id": words.prompt_id}
        return self._hook("Stop", thread, words.line, told)

    def _subagent_stop(self, thread: _Thread, line: Line, prompt_id: str, text: str) -> list[Span]:
        thread.is_running = False
        running = self._outline.prompt_at(_at_ns(line) or 0)
        told = {"last_assistant_message": text, "prompt_id": running or prompt_id}
        return self._hook("SubagentStop", thread, line, told)

    def _not_the_last(self, thread: _Thread) -> list[Span]:
        words, thread.words = thread.words, None
        return self._message(thread, words) if words else []

    def _message(self, thread: _Thread, words: _Words) -> list[Span]:
        told = {"delta": words.text, "final": True, "prompt_id": words.prompt_id}
        key = [SOURCE, _text(words.line, "uuid"), *([str(words.place)] if words.place else [])]
        return [_with_key(span, key) for span in self._hook("MessageDisplay", thread, words.line, told)]

    def _hook(
        self,
        name: str,
        thread: _Thread,
        line: Line,
        told: Mapping[str, Any],
        about: Mapping[str, AttributeValue] | None = None,
    ) -> list[Span]:
        at_ns = _at_ns(line)
        if at_ns is None:
            return []
        run = {
            "hook_event_name": name,
            "session_id": _text(line, "sessionId"),
            "prompt_id": thread.prompt_id,
            "cwd": _text(line, "cwd"),
            "permission_mode": self._permission_mode,
            "agent_id": thread.agent_id,
            "agent_type": thread.agent_type,
            **told,
        }
        env = {"CLAUDE_CODE_ENTRYPOINT": _text(line, "entrypoint")}
        said: dict[str, AttributeValue] = {
            "argus.hook": SOURCE,
            "argus.source": SOURCE,
            "message.uuid": _text(line, "uuid"),
            "request_id": _text(line, "requestId"),
            **(about or {}),
        }
        known = {key: value for key, value in said.items() if value != ""}
        spans = content_records(run, at_ns, env, self._settings.capture, rules=self._rules, exclusions=self._settings)
        return [span._replace(attributes={**span.attributes, **known}) for span in spans]


class _Looking:
    """The lines of a main file -> its outline, parsing no more of them than it must."""

    def __init__(self) -> None:
        self._prompts: list[tuple[int, str]] = []
        self._copied_bytes = 0
        self._began_at_ns: int | None = None
        self._is_head = True
        self._cwd = ""
        self._is_private = False

    def take(self, end: int, raw: bytes) -> None:
        """Look at one line, which ends at an offset."""
        is_prompt = b'"promptId"' in raw and b'"tool_result"' not in raw
        is_of_interest = is_prompt or b'"requestSessionId"' in raw or _MAYBE_PRIVATE.search(raw)
        if not (is_of_interest or self._is_head):
            return
        line = _parsed(raw, Counter()) or {}
        at_ns = _at_ns(line)
        self._cwd = self._cwd or _text(line, "cwd")
        self._is_private = self._is_private or _asks_for_privacy(line)
        if self._is_copied(line, at_ns):
            self._copied_bytes = end
            self._prompts.clear()
        elif is_prompt and at_ns is not None and _text(line, "promptId"):
            self._prompts.append((at_ns, _text(line, "promptId")))

    def outline(self) -> Outline:
        """Return what was seen."""
        prompts = sorted(self._prompts)
        times, ids = tuple(at for at, _ in prompts), tuple(prompt_id for _, prompt_id in prompts)
        return Outline(self._copied_bytes, times, ids, self._cwd, self._is_private)

    def _is_copied(self, line: Line, at_ns: int | None) -> bool:
        """Say whether a line is of another session: it names it, or stands before the first own one and is older."""
        origin = _text(line, "requestSessionId")
        if origin and origin != _text(line, "sessionId"):
            return True
        if not self._is_head or at_ns is None:
            return False
        if self._began_at_ns is None:
            self._began_at_ns = at_ns
        is_older = at_ns < self._began_at_ns - _CLOCK_SKEW_NS
        self._is_head = is_older or not _text(line, "uuid")
        return is_older


@functools.lru_cache(maxsize=1)
def _rules() -> tuple[Rule, ...]:
    return load_rules()


def _raw_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its offset; of a line that is too long to hold only the beginning, which is no JSON."""
    start = file.tell()
    while raw := file.readline(_LINE_BYTES_MAX):
        yield start, raw
        start += len(raw)
        while len(raw) == _LINE_BYTES_MAX and not raw.endswith(b"\n"):
            raw = file.readline(_LINE_BYTES_MAX)
            start += len(raw)


def _parsed(raw: bytes, skipped: Counter[str]) -> Line | None:
    if not raw.strip():
        return None
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        is_whole = raw.endswith(b"\n")
        skipped["broken" if is_whole else "too long" if len(raw) == _LINE_BYTES_MAX else "half written"] += 1
        return None
    if isinstance(line, dict):
        return line
    skipped["broken"] += 1
    return None


def _begins_turn(line: Line) -> bool:
    blocks = _blocks(line)
    is_said = bool(blocks) and all(block.get("type") != "tool_result" for block in blocks)
    return _text(line, "type") == "user" and is_said and line.get("isMeta") is not True


def _no_prompt(line: Line, text: str) -> str:
    """Return why a user line is no prompt that a hook is told; empty if it is one."""
    if line.get("isCompactSummary") is True or line.get("isVisibleInTranscriptOnly") is True:
        return "compaction"
    if line.get("isMeta") is True:
        return "note to the model"
    if line.get("queueTranscriptOnly") is True:
        return "notice that started no turn"
    return "local command" if text.startswith(_LOCAL) else ""


def _own_prompt_id(line: Line) -> str:
    return _text(line, "promptId") or _text(line, "uuid")


def _may_be_last(message: Any) -> bool:
    return not isinstance(message, dict) or message.get("stop_reason") != "tool_use"


def _asks_for_privacy(line: Line) -> bool:
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) and line.get("type") == "user" else ""
    if line.get("type") in ("queue-operation", "system"):
        content = line.get("content")
    blocks = content if isinstance(content, list) else [{"text": content}]
    texts = [_text(block, "text") for block in blocks if isinstance(block, dict)]
    typed = [_TYPED_COMMAND.fullmatch(text) for text in texts]
    prompts = [found.group(1) if found else text for found, text in zip(typed, texts)]
    return any(is_private_prompt(prompt) or is_private_prompt(prompt.partition(_BLOCKED)[2]) for prompt in prompts)


def _as_hooks_see(name: str, tool_input: Any, cwd: str) -> Any:
    """Return a tool's input as its hooks are told it: paths absolute, an option that was left out at the end."""
    if not isinstance(tool_input, dict):
        return tool_input
    seen = dict(tool_input)
    if name == "Edit" and "replace_all" in seen:
        seen["replace_all"] = seen.pop("replace_all")
    key = _RELATIVE_PATHS.get(name, "")
    path = seen.get(key)
    if isinstance(path, str) and cwd.startswith("/") and not path.startswith(("/", "~")):
        seen[key] = posixpath.normpath(posixpath.join(cwd, path))
    return seen


def _error(block: Line, whole: Any) -> str:
    """Return the text of a failure as its hook is told it: what the model sees may have advice added to it."""
    if isinstance(whole, str):
        return whole[len("Error: ") :] if whole.startswith("Error: ") else whole
    content = block.get("content")
    if isinstance(content, list):
        return "\n".join(_text(part, "text") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _with_key(span: Span, key: Iterable[str]) -> Span:
    own = identity(str(span.attributes["session.id"]), "assistant_message", *key)
    return span._replace(span_id=span_id(own), attributes={**span.attributes, "argus.identity": own})


def _blocks(line: Line) -> list[Line]:
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _text(line: Line, key: str) -> str:
    value = line.get(key)
    return value if isinstance(value, str) else ""


def _at_ns(line: Line) -> int | None:
    """Return when a line was written, in ns; None if it does not say."""
    try:
        at = datetime.fromisoformat(_text(line, "timestamp").replace("Z", "+00:00"))
        return (at - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, TypeError, OverflowError):
        return None
